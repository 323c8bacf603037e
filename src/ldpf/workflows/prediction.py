"""Classes of new images, a batch at a time: the work of `ldpf predict`."""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
import torch

from ldpf.backbones.default import say_if_drawings_only
from ldpf.data import image_endings, iter_image_files
from ldpf.data.boxes import split_box
from ldpf.data.columns import parse_columns
from ldpf.data.embeddings import has_embeddings, unlabelled_parts
from ldpf.data.image_files import check_outside
from ldpf.data.left_out import LeftOut
from ldpf.data.manifest import MANIFEST_ENDINGS, list_paths
from ldpf.demo.dataset import is_demo
from ldpf.errors import DataError, SettingsError
from ldpf.features.cache import FeatureCache
from ldpf.features.encode import stream_features
from ldpf.features.engines.choose import with_engine
from ldpf.models.saving import read_config
from ldpf.utils.arrays import unit_rows
from ldpf.utils.cache_dir import cache_root
from ldpf.utils.constraints import Number, Whole, check_value
from ldpf.utils.files import missing_path_error
from ldpf.utils.paths import full_path, is_folder
from ldpf.utils.shards import Shard, shard_of
from ldpf.utils.text import count
from ldpf.utils.time_left import TimeLeft
from ldpf.workflows.doubt import Doubt, doubt_of
from ldpf.workflows.inputs import AnyBackbone, load_trained
from ldpf.workflows.writers import Row, write_rows

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.features.engines.backbone import EngineBackbone
    from ldpf.models.base import Classifier

log = logging.getLogger("ldpf")

REPORT_EVERY_S = 10.0

COUNT_FOR_S = 5.0
"""Seconds that counting images may take before the first one is read."""

NOT_FINITE = "the model gives no finite probabilities for it; its settings or values are extreme"
"""The error of an image whose answer holds NaN or infinity."""


@dataclass
class Tally:
    """What has been predicted so far.

    Attributes:
        images: rows.
        unreadable: rows with an error: the image could not be read, or its answer is not finite.
        outside: rows of images outside of what the model knows.
        unsure: rows whose prediction set has more than one class.
        abstained: rows without a class, because the answer is too doubtful.
        started: seconds of a monotonic clock.
    """

    images: int = 0
    unreadable: int = 0
    outside: int = 0
    unsure: int = 0
    abstained: int = 0
    started: float = field(default_factory=time.monotonic)

    def __str__(self) -> str:
        seconds = time.monotonic() - self.started
        rate = self.images / max(seconds, 1e-9)
        return f"{count(self.images, 'image')} in {seconds:.1f} s ({rate:,.1f} a second)"

    def add(self, row: Row) -> None:
        """Count one row."""
        self.images += 1
        self.unreadable += row.error is not None
        self.outside += bool(row.is_outside)
        self.unsure += len(row.classes or ()) > 1
        self.abstained += row.abstained

    @property
    def doubts(self) -> str:
        """How many answers not to trust, in words; empty where there are none."""
        kinds = {
            "outside of what the model knows": self.outside,
            "with more than one class in the set": self.unsure,
            "left without an answer": self.abstained,
        }
        return ", ".join(f"{n:,} {words}" for words, n in kinds.items() if n)


class Predictions:
    """Rows in the order of the images, each computed when it is asked for; read once.

    Attributes:
        class_names: of the model.
        n_domains: weights in each row.
        top_k: classes in each row.
        tally: what has been read so far.
        total: images there are; None where they were not counted.
    """

    def __init__(
        self,
        predictor: Predictor,
        rows: Iterator[Row],
        folders: Sequence[Path] = (),
        shard: Shard | None = None,
        total: int | None = None,
    ) -> None:
        """Wait to be read.

        Args:
            predictor: whose rows they are.
            rows: one for each image of the shard.
            folders: they hold the images, so that no file is written there.
            shard: which part of the images; None for all.
            total: how many rows there will be; None where that is not known.
        """
        self.class_names = predictor.classifier.class_names
        self.n_domains = predictor.classifier.n_domains
        self.top_k = predictor.top_k
        self.tally = Tally()
        self._rows, self._batch_size = rows, predictor.batch_size
        self._folders, self._shard = tuple(folders), shard
        self.total = total

    def __iter__(self) -> Iterator[Row]:
        reported = time.monotonic()
        left = TimeLeft(self.total or 0)
        for row in self._rows:
            self.tally.add(row)
            left.advance(1)
            yield row
            due = self.tally.images % self._batch_size == 0
            if due and time.monotonic() - reported >= REPORT_EVERY_S:
                reported = time.monotonic()
                log.info("%s", self._so_far(left))

    def _so_far(self, left: TimeLeft) -> str:
        if self.total is None:
            return str(self.tally)
        share = f"{self.tally.images:,} of {self.total:,} ({self.tally.images / self.total:.0%})"
        speed = "" if left.rate is None else f", {left.rate:,.1f} a second, {left.words()}"
        return f"{share}{speed}"

    def file(self, target: Path) -> Path:
        """Where `write` puts the rows: all shards may be given one name, as in a job array."""
        return target if self._shard is None else self._shard.file(target)

    def write(
        self, target: str | Path | TextIO, output_format: str = "csv", *, raw: bool = False
    ) -> Tally:
        """Write all rows that were not read yet.

        Args:
            target: a file, which takes its name once it is complete, or a stream of text. A shard
                writes to a file of its own; see `file`.
            output_format: "csv", "jsonl" or, for a file, "parquet".
            raw: leave out the ' that CSV has before names that begin like a formula (= + - @).

        Returns:
            How many there were, and how many have an error.

        Raises:
            SettingsError: the format or the file cannot be, or the file lies in a folder of the
                images.
        """
        if isinstance(target, str | Path):
            check_outside(target, self._folders)
            target = self.file(Path(target))
        write_rows(
            self,
            target,
            output_format,
            n_domains=self.n_domains,
            top_k=self.top_k,
            flush_every=self._batch_size,
            raw=raw,
        )
        return self.tally


def predict(
    model: str | Path,
    images: str | Path | Sequence[str | Path],
    *,
    top_k: int = 1,
    sets: float | None = None,
    calibration: str | None = None,
    abstain_below: float | None = None,
    batch_size: int = 64,
    shard: Shard | str | None = None,
    backbone: AnyBackbone | None = None,
    device: str = "auto",
    image_engine: str = "torch",
    listed: Iterable[bytes] = (),
    margin: float = 0.0,
    cache_dir: Path | None = None,
    columns: str | None = None,
) -> Predictions:
    """Classify images with a trained model.

    An image that cannot be read, or whose probabilities are not finite, gets a row with the reason.
    Memory stays the same for any number, but with sets calibrated on the images themselves: then
    all are answered before the first row.

    Args:
        model: a model folder.
        images: images, folders (with everything below them), tables with a column path (whose
            relative paths start from the table's folder) and perhaps x, y, w, h, or embeddings:
            arrays .npy or .parquet files with a column embedding.
        top_k: how many classes to name for each image.
        sets: share of images whose prediction set should hold the true class; None for 0.9, without
            waiting for all images.
        calibration: what sets are calibrated on, see `Expectation.sets`: held-out images of the
            training sites, latent domains `left-out`, the `worst-domain` of these, or `site`, the
            images given, which must be of one site. None for `site` where `sets` is given and there
            are 50 images or more, and for `worst-domain` otherwise.
        abstain_below: name no class for an image whose probability is lower.
        batch_size: images encoded at once.
        shard: which part of the images to answer, such as "2/8", by their paths as they are given;
            None for all. Sets are not calibrated on `site` then, of which a shard sees a part.
        backbone: where the backbone lies now; None for where it was during training.
        device: "auto", "cpu" or "cuda".
        image_engine: what computes the image tower on a CPU; see
            `ldpf.features.engines.choose.with_engine`.
        listed: lines with a path each, which are read where `images` holds "-".
        margin: what is looked at beyond each edge of a table's boxes, as a share of their size.
        cache_dir: where features of images encoded before are; None for `$LDPF_CACHE`, else
            `~/.cache/ldpf`. Nothing is written there.
        columns: what columns of a table are called, as in "path=filename".

    Returns:
        The rows, to iterate over or to write.

    Raises:
        SettingsError: `top_k`, `batch_size`, `sets`, `calibration`, `abstain_below` or `shard`
            cannot be.
        DataError: a path does not exist, there are no images, or embeddings are of another size
            than the model's.
        ModelError: the folder holds no model, or it keeps nothing to calibrate sets with.
    """
    given = [images] if isinstance(images, str | Path) else images
    paths = [str(path) for path in given]
    n_classes = len(read_config(Path(model))["class_names"])
    if not 1 <= top_k <= n_classes:
        raise SettingsError(
            f"top_k={top_k} should be between 1 and {n_classes}, the number of classes."
        )
    check_value("batch_size", batch_size, Whole(at_least=1))
    if abstain_below is not None:
        check_value("abstain_below", abstain_below, Number(at_least=0, at_most=1))
    part = shard_of(shard)
    embeddings = _embeddings(paths)
    left_out = LeftOut()
    named = parse_columns(columns)
    found = find_images(paths, listed, left_out, named, margin)
    files = None if embeddings else _first_or_error(found, paths, left_out)
    trained = load_trained(model, backbone, device)
    if not trained.classifier.per_image:
        log.warning(
            "answers of %r depend on the other images in a batch, here of up to %s",
            trained.classifier.method,
            f"{batch_size:,}",
        )
    if files is not None:
        first = next(files)
        files = itertools.chain([first], files)
        if not is_demo(first):
            say_if_drawings_only(trained.backbone.name)
    total = None if files is None else count_images(paths, part, named)
    if total is not None:
        log.info("%s to classify", count(total, "image"))
    doubt = doubt_of(trained, sets, calibration, abstain_below, whole=part is None)
    encoder = trained.backbone
    if files is not None:
        encoder = with_engine(trained.backbone, image_engine, cache_dir or cache_root())
    predictor = Predictor(trained.classifier, encoder, top_k, batch_size, doubt, cache_dir)
    if files is not None:
        folders = [Path(path) for path in paths if path != "-" and Path(path).is_dir()]
        own = files if part is None else part.pick(files)
        return Predictions(predictor, predictor.rows(own), folders, part, total)
    rows = predictor.rows_of_embeddings(embeddings, part)
    # The first at once: embeddings of another size are refused before a file is begun.
    return Predictions(predictor, _first_at_once(rows), shard=part)


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
        for names, embeddings in _embedded_parts(file, self.backbone):
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


def find_images(
    paths: Sequence[str],
    listed: Iterable[bytes] = (),
    left_out: LeftOut | None = None,
    columns: Mapping[str, str] | None = None,
    margin: float = 0.0,
) -> Iterator[Path]:
    """Files, images below folders and in tables, and for "-" the paths that are listed; lazy.

    A listed path that does not exist is passed on, and gets its row with an error.

    Args:
        paths: files, folders, tables with a column path, or "-".
        listed: lines with a path each, as standard input has them.
        left_out: counts what is left out; None says it in the log, folder by folder.
        margin: of the boxes of tables, see `ldpf.data.boxes`.

    Raises:
        DataError: a path in `paths` does not exist (before any other is looked at).
    """
    for path in paths:
        file, _ = split_box(path)
        if path != "-" and not full_path(file, "path of an image or folder").exists():
            raise missing_path_error(Path(file))
    for path in paths:
        if path != "-" and Path(path).suffix.lower() in MANIFEST_ENDINGS and Path(path).is_file():
            yield from list_paths(Path(path), columns, margin)
            continue
        if split_box(path)[1] is not None:
            yield Path(path)
            continue
        if path != "-":
            yield from iter_image_files(path, left_out=left_out)
            continue
        for line in listed:
            name = os.fsdecode(line.rstrip(b"\r\n"))
            if name and is_folder(name):
                yield from iter_image_files(name, left_out=left_out)
            elif name:
                yield Path(name)


def count_images(
    paths: Sequence[str], part: Shard | None = None, columns: Mapping[str, str] | None = None
) -> int | None:
    """How many images there are, of a part where one is given; or None.

    A list on standard input is not waited for, and folders so large or slow that counting takes
    more than a few seconds are not counted to the end.
    """
    if "-" in paths:
        return None
    until, total = time.monotonic() + COUNT_FOR_S, 0
    for file in find_images(paths, left_out=LeftOut(), columns=columns):
        total += part is None or part.has(str(file))
        if time.monotonic() > until:
            return None
    return total


def read_embeddings(file: Path, backbone: Backbone) -> tuple[list[str], np.ndarray]:
    """Names and embeddings [N, D] in a file; see `list_unlabelled`.

    Raises:
        DataError: the file cannot be read, or its embeddings are of another size than the model's.
    """
    parts = list(_embedded_parts(file, backbone))
    return [name for names, _ in parts for name in names], np.concatenate([e for _, e in parts])


def _embedded_parts(
    file: Path, backbone: Backbone | EngineBackbone
) -> Iterator[tuple[list[str], np.ndarray]]:
    for names, embeddings in unlabelled_parts(file):
        if embeddings.shape[1] != backbone.embed_dim:
            raise DataError(
                f"The embeddings in {file} hold {embeddings.shape[1]:,} numbers each, but the "
                f"model's image features hold {backbone.embed_dim:,}; compute them with the "
                f"backbone {backbone.name!r}."
            )
        yield names, embeddings


def _embeddings(paths: Sequence[str]) -> list[Path]:
    """The files, if they hold embeddings; none if they are images or folders.

    Raises:
        DataError: some are and some are not.
    """
    files = [Path(path) for path in paths if Path(path).exists() and has_embeddings(Path(path))]
    if files and len(files) < len(paths):
        other = next(path for path in paths if Path(path) not in files)
        raise DataError(
            f"{files[0]} holds embeddings, but {other} does not; predict images and embeddings "
            "one after the other."
        )
    return files


def _first_at_once(rows: Iterator[Row]) -> Iterator[Row]:
    first = next(rows, None)
    return iter(()) if first is None else itertools.chain([first], rows)


def _first_or_error(
    files: Iterator[Path], paths: Sequence[str], left_out: LeftOut
) -> Iterator[Path]:
    """The same files; after the last one the log says what was left out."""
    first = next(files, None)
    if first is not None:
        return itertools.chain([first], files, _said(left_out))
    if list(paths) == ["-"]:
        raise DataError(
            "No paths came in on standard input; pipe in one path a line, for example from "
            "find . -name '*.jpg'."
        )
    raise DataError(
        f"There are no images in {', '.join(paths)}; images end in "
        f"{', '.join(sorted(image_endings()))}."
        + (f" Left out: {words}." if (words := left_out.words()) else "")
    )


def _said(left_out: LeftOut) -> Iterator[Path]:
    """No path; says what was left out when it is asked for one."""
    left_out.say()
    yield from ()
