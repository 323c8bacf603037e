"""From a stream of images or embeddings to a stream of rows, and rows as CSV, JSON or Parquet."""

from __future__ import annotations

import contextlib
import csv
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

from ldpf.errors import DataError, SettingsError

if TYPE_CHECKING:
    from torch import Tensor

    from ldpf.backbones import Backbone
    from ldpf.models.prompt_classifier import PromptClassifier


ROW_GROUP = 4096
"""Rows of a Parquet file that are written at once."""


@dataclass(frozen=True)
class Row:
    """What is known about one image: answers, or an error.

    Attributes:
        path: as given.
        top: (class, probability), most probable first; empty where there is an error.
        weights: one for each latent domain; empty where there is an error.
        error: why the image could not be read.
    """

    path: str
    top: tuple[tuple[str, float], ...] = ()
    weights: tuple[float, ...] = ()
    error: str | None = None


class Predictor:
    """Rows for a stream of files, a batch at a time."""

    def __init__(
        self, classifier: PromptClassifier, backbone: Backbone, top_k: int, batch_size: int
    ) -> None:
        """Predict the `top_k` classes with `classifier`."""
        self.classifier, self.backbone = classifier, backbone
        self.top_k, self.batch_size = top_k, batch_size

    def rows(self, files: Iterable[Path]) -> Iterator[Row]:
        """One row per file, in order; `files` is consumed only a few batches ahead."""
        from ldpf.features.encode import stream_features

        stream = stream_features(files, self.backbone, batch_size=self.batch_size)
        # Ends the reading threads also when the caller stops early.
        with contextlib.closing(stream):  # type: ignore[type-var]
            yield from self._in_batches(stream)

    def rows_of_embeddings(self, files: Sequence[Path]) -> Iterator[Row]:
        """One row per embedding, in order.

        Raises:
            DataError: a file cannot be read, or its embeddings have another size than the model's.
        """
        for file in files:
            yield from self._in_batches(self._features(file))

    def _features(self, file: Path) -> Iterator[tuple[str, Tensor | None, str | None]]:
        import numpy as np

        from ldpf.data.embeddings import list_unlabelled
        from ldpf.utils.arrays import unit_rows

        names, embeddings = list_unlabelled(file)
        if embeddings.shape[1] != self.backbone.embed_dim:
            raise DataError(
                f"The embeddings in {file} hold {embeddings.shape[1]:,} numbers each, but the "
                f"model's image features hold {self.backbone.embed_dim:,}; compute them with the "
                f"backbone {self.backbone.name!r}."
            )
        for name, row in zip(names, embeddings, strict=True):
            if not np.isfinite(row).all() or not row.any():
                yield name, None, "holds NaN or infinite values, or zeros only"
            else:
                yield name, unit_rows(row[None])[0], None

    def _in_batches(
        self, stream: Iterator[tuple[str | Path, Tensor | None, str | None]]
    ) -> Iterator[Row]:
        while batch := list(itertools.islice(stream, self.batch_size)):
            yield from self._answer(batch)

    def _answer(
        self, batch: Sequence[tuple[str | Path, Tensor | None, str | None]]
    ) -> Iterator[Row]:
        import torch

        features = [feature for _, feature, _ in batch if feature is not None]
        answers: Iterator[tuple[Any, Any, Any]] = iter(())
        if features:
            stacked = torch.stack(features)  # [n, D]
            values, classes = self.classifier.probabilities(stacked).topk(self.top_k, dim=1)
            weights = self.classifier.domain_weights(stacked)
            answers = zip(values.tolist(), classes.tolist(), weights.tolist(), strict=True)
        names = self.classifier.class_names
        for path, feature, error in batch:
            if feature is None:
                yield Row(str(path), error=error or "cannot be read")
                continue
            probabilities, best, alpha = next(answers)
            top = tuple((names[k], p) for k, p in zip(best, probabilities, strict=True))
            yield Row(str(path), top, tuple(alpha))


class CsvWriter:
    """Rows as CSV: path, label, probability, domain_0 ..., label_2, probability_2 ..., error."""

    def __init__(self, stream: TextIO, predictor: Predictor) -> None:
        """Write the header."""
        self.stream = stream
        self.writer = csv.writer(stream, lineterminator="\n")
        self.n_domains, self.top_k = predictor.classifier.n_domains, predictor.top_k
        self.writer.writerow(column_names(self.n_domains, self.top_k))

    def write(self, row: Row) -> None:
        """Write one row."""
        if row.error is not None:
            empty = [""] * (2 * self.top_k + self.n_domains)
            self.writer.writerow([row.path, *empty, row.error])
            return
        pairs = [(label, f"{probability:.6f}") for label, probability in row.top]
        weights = [f"{weight:.6f}" for weight in row.weights]
        more = itertools.chain.from_iterable(pairs[1:])
        self.writer.writerow([row.path, *pairs[0], *weights, *more, ""])

    def flush(self) -> None:
        """Hand what is written to the reader."""
        self.stream.flush()

    def close(self) -> None:
        """Nothing is left to write."""
        self.flush()


class JsonLinesWriter:
    """Rows as JSON, one a line, with null for what an unreadable image lacks."""

    def __init__(self, stream: TextIO, predictor: Predictor) -> None:
        """Prepare; JSON lines have no header."""
        self.stream = stream
        self.n_domains = predictor.classifier.n_domains

    def write(self, row: Row) -> None:
        """Write one row."""
        label, probability = row.top[0] if row.top else (None, None)
        weights = row.weights or [None] * self.n_domains
        line = {
            "path": row.path,
            "label": label,
            "probability": _rounded(probability),
            **{f"domain_{s}": _rounded(weight) for s, weight in enumerate(weights)},
            "top_k": [[name, _rounded(p)] for name, p in row.top],
            "error": row.error,
        }
        # A file name that is no UTF-8 must not make the line invalid.
        plain = any("\ud800" <= sign <= "\udfff" for sign in row.path)
        self.stream.write(json.dumps(line, ensure_ascii=plain) + "\n")

    def flush(self) -> None:
        """Hand what is written to the reader."""
        self.stream.flush()

    def close(self) -> None:
        """Nothing is left to write."""
        self.flush()


class ParquetWriter:
    """Rows as Parquet with the columns of CSV, null for what an unreadable image lacks.

    Rows are kept until there are `ROW_GROUP` of them, so memory stays the same for any number.
    """

    def __init__(self, stream: BinaryIO, predictor: Predictor) -> None:
        """Begin the file.

        Raises:
            SettingsError: pyarrow is not installed.
        """
        import_pyarrow()
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.n_domains, self.top_k = predictor.classifier.n_domains, predictor.top_k
        self.names = column_names(self.n_domains, self.top_k)
        numbers = ("probability", "domain_")
        self.schema = pa.schema(
            [
                (name, pa.float64() if name.startswith(numbers) else pa.string())
                for name in self.names
            ]
        )
        self.writer = pq.ParquetWriter(stream, self.schema)
        self.rows: list[tuple[Any, ...]] = []

    def write(self, row: Row) -> None:
        """Take one row."""
        # A file name that is no UTF-8 must not make the file invalid.
        path = os.fsencode(row.path).decode("utf-8", "backslashreplace")
        if row.error is not None:
            empty = [None] * (2 * self.top_k + self.n_domains)
            self.rows.append((path, *empty, row.error))
        else:
            more = itertools.chain.from_iterable(row.top[1:])
            self.rows.append((path, *row.top[0], *row.weights, *more, None))
        if len(self.rows) == ROW_GROUP:
            self._write_group()

    def flush(self) -> None:
        """Nothing: a reader sees a Parquet file when it is complete."""

    def close(self) -> None:
        """Write the rows that wait, and the end without which the file cannot be read."""
        if self.rows:
            self._write_group()
        self.writer.close()

    def _write_group(self) -> None:
        import pyarrow as pa

        columns = zip(*self.rows, strict=True)
        arrays = [
            pa.array(values, field.type) for values, field in zip(columns, self.schema, strict=True)
        ]
        self.writer.write_table(pa.Table.from_arrays(arrays, schema=self.schema))
        self.rows = []


def import_pyarrow() -> None:
    """Raise SettingsError unless pyarrow is there."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise SettingsError(
            "--format parquet needs pyarrow; install it with: pip install 'ldpf[parquet]'"
        ) from error


def column_names(n_domains: int, top_k: int) -> list[str]:
    """path, label, probability, domain_0 ..., label_2, probability_2 ..., error."""
    more = [f"{name}_{k}" for k in range(2, top_k + 1) for name in ("label", "probability")]
    domains = [f"domain_{s}" for s in range(n_domains)]
    return ["path", "label", "probability", *domains, *more, "error"]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
