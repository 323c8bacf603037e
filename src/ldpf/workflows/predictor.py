"""A classifier and its backbone: a row for each file or embedding, a batch at a time."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ldpf.features.cache import FeatureCache
from ldpf.features.encode import stream_features
from ldpf.utils.arrays import unit_rows
from ldpf.utils.cache_dir import cache_root
from ldpf.utils.shards import Shard
from ldpf.workflows.doubt import Doubt
from ldpf.workflows.given_embeddings import embedded_parts
from ldpf.workflows.prediction_rows import Row

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.features.engines.backbone import EngineBackbone
    from ldpf.models.base import Classifier

NOT_FINITE = "the model gives no finite probabilities for it; its settings or values are extreme"
"""The error of an image whose answer holds NaN or infinity."""


class Predictor:
    """Rows for a stream of files, a batch at a time."""

    def __init__(
        self,
        classifier: Classifier,
        backbone: Backbone | EngineBackbone,
        top_k: int,
        batch_size: int,
        doubt: Doubt | None = None,
        cache_dir: Path | None = None,
    ) -> None:
        """Predict the `top_k` classes with `classifier`, and say which answers to `doubt`."""
        self.cache_dir = cache_root() if cache_dir is None else cache_dir
        self.classifier, self.backbone = classifier, backbone
        self.top_k, self.batch_size = top_k, batch_size
        self.doubt = doubt or Doubt(None)

    def rows(self, files: Iterable[Path]) -> Iterator[Row]:
        """One row per file, in order; `files` is consumed only a few batches ahead.

        What was encoded before, as for a training, is taken from the cache.
        """
        backbone: Any = self.backbone
        cache = FeatureCache(self.cache_dir, Path(), backbone.fingerprint, backbone.embed_dim)
        stream = stream_features(
            files, backbone, batch_size=self.batch_size, known=cache.known_contents()
        )
        # Ends the reading threads also when the caller stops early.
        with contextlib.closing(stream):  # type: ignore[type-var]
            yield from self._in_batches(stream)

    def rows_of_embeddings(
        self, files: Sequence[Path], shard: Shard | None = None
    ) -> Iterator[Row]:
        """One row per embedding, in order.

        Args:
            files: that hold them.
            shard: which part of them, by their names; None for all.

        Raises:
            DataError: a file cannot be read, or its embeddings have another size than the model's.
        """
        stream = itertools.chain.from_iterable(map(self._features, files))
        own = stream if shard is None else shard.pick(stream, key=lambda row: row[0])
        yield from self._in_batches(own)

    def _features(self, file: Path) -> Iterator[tuple[str, torch.Tensor | None, str | None]]:
        for names, embeddings in embedded_parts(file, self.backbone):
            for name, row in zip(names, embeddings, strict=True):
                if not np.isfinite(row).all() or not row.any():
                    yield name, None, "holds NaN or infinite values, or zeros only"
                else:
                    yield name, unit_rows(row[None])[0], None

    def _in_batches(
        self, stream: Iterator[tuple[str | Path, torch.Tensor | None, str | None]]
    ) -> Iterator[Row]:
        batches = self._batches(stream)
        if self.doubt.waits:
            # Sets depend on all images, so all are answered before the first row.
            together = list(batches)
            if not together:
                return
            probabilities = torch.cat([batch.probabilities for batch in together])
            sets = self.doubt.sets(probabilities)
            assert sets is not None, "see doubt_of"
            parts = sets.split([len(batch) for batch in together])
            for batch, of_batch in zip(together, parts, strict=True):
                yield from self._rows(batch, of_batch)
            return
        for batch in batches:
            yield from self._rows(batch, self.doubt.sets(batch.probabilities))

    def _batches(
        self, stream: Iterator[tuple[str | Path, torch.Tensor | None, str | None]]
    ) -> Iterator[_Answers]:
        while batch := list(itertools.islice(stream, self.batch_size)):
            features = [feature for _, feature, _ in batch if feature is not None]
            n_classes = len(self.classifier.class_names)
            if features:
                stacked = torch.stack(features)  # [n, D]
                probabilities = self.classifier.probabilities(stacked)  # [n, K]
                weights = self.classifier.domain_weights(stacked)  # [n, S]
                outside = self.doubt.outside(stacked)  # [n]
            else:
                probabilities = torch.empty(0, n_classes)
                weights, outside = torch.empty(0, self.classifier.n_domains), torch.empty(0)
            errors = [
                (str(path), (error or "cannot be read") if feature is None else None)
                for path, feature, error in batch
            ]
            finite = torch.cat([probabilities, weights], dim=1).isfinite().all(dim=1)
            kept = iter(finite.tolist())
            named = [
                (path, NOT_FINITE if error is None and not next(kept) else error)
                for path, error in errors
            ]
            yield _Answers(named, probabilities[finite], weights[finite], outside[finite])

    def _rows(self, batch: _Answers, sets: torch.Tensor | None) -> Iterator[Row]:
        names = self.classifier.class_names
        values, classes = batch.probabilities.topk(self.top_k, dim=1)
        parts = (values, classes, batch.weights, batch.outside)
        answers = zip(*(part.tolist() for part in parts), self._named(batch, sets), strict=True)
        for path, error in batch.images:
            if error is not None:
                yield Row(path, error=error)
                continue
            best_values, best, alpha, outside, in_set = next(answers)
            yield Row(
                path,
                tuple((names[k], p) for k, p in zip(best, best_values, strict=True)),
                tuple(alpha),
                outside=None if math.isnan(outside) else outside,
                classes=in_set,
                abstained=self.doubt.abstains(best_values[0]),
            )

    def _named(
        self, batch: _Answers, sets: torch.Tensor | None
    ) -> Iterable[tuple[str, ...] | None]:
        """The classes in each set, most probable first; None where there are no sets."""
        if sets is None:
            return [None] * len(batch)
        names = self.classifier.class_names
        order = batch.probabilities.argsort(dim=1, descending=True, stable=True)
        within = sets.gather(1, order)
        return [
            tuple(names[k] for k in itertools.compress(ids, kept))
            for ids, kept in zip(order.tolist(), within.tolist(), strict=True)
        ]


@dataclass(frozen=True)
class _Answers:
    """Answers on a batch of images.

    Attributes:
        images: of each image the path, and the error where there is no answer.
        probabilities: [n, K] of those with an answer.
        weights: [n, S] of latent domains.
        outside: [n] scores; NaN where the model cannot tell.
    """

    images: list[tuple[str, str | None]]
    probabilities: torch.Tensor
    weights: torch.Tensor
    outside: torch.Tensor

    def __len__(self) -> int:
        return len(self.probabilities)
