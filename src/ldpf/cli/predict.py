"""`ldpf predict`: classes of new images, streamed."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import json
import logging
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from ldpf.cli import common
from ldpf.cli.common import note
from ldpf.cli.loading import count, load_trained
from ldpf.errors import DataError, SettingsError

if TYPE_CHECKING:
    from torch import Tensor

    from ldpf.backbones import Backbone
    from ldpf.classifier import PromptClassifier

log = logging.getLogger("ldpf")

FORMATS = ("csv", "jsonl")
REPORT_EVERY_S = 10.0


def predict(
    model: common.Model,
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Images, folders (with everything below them), or - for a list of paths on "
            "standard input, one a line.",
            show_default=False,
        ),
    ],
    output_format: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="csv or jsonl (one JSON a line).")
    ] = "csv",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write there instead of printing. Until all is done the rows are in FILE.part.",
        ),
    ] = None,
    top_k: Annotated[
        int, typer.Option(help="How many classes to name for each image, most probable first.")
    ] = 1,
    batch_size: common.BatchSize = 64,
    backbone: common.ModelBackbone = None,
    device: common.Device = "auto",
    quiet: common.Quiet = False,
) -> None:
    """Classify images with a trained model.

    For each image: the class, its probability, and the weight of each latent
    domain in the answer. An image that cannot be read gets a row with the
    reason in the column error, and the exit code is 1. Rows come in the order
    of the images, as they are ready; memory stays the same for any number.

    \b
    Examples:
      ldpf predict my-model new-photos --out predictions.csv
      find . -name '*.jpg' | ldpf predict my-model - | head
    """
    from ldpf.model_folder import read_config

    if output_format not in FORMATS:
        raise SettingsError(f"format={output_format!r} should be one of {', '.join(FORMATS)}.")
    n_classes = len(read_config(model)["class_names"])
    if not 1 <= top_k <= n_classes:
        raise SettingsError(
            f"top_k={top_k} should be between 1 and {n_classes}, the number of classes."
        )
    if batch_size < 1:
        raise SettingsError(f"batch_size={batch_size} should be at least 1.")
    if out is not None and out.is_dir():
        raise SettingsError(f"{str(out)!r} is a folder; give a file with --out.")
    if out is not None:
        common.new_folder(out.parent)
    files = _first_or_error(find_images(paths), paths)
    classifier, frozen, _ = load_trained(model, backbone, device)
    predictor = Predictor(classifier, frozen, top_k, batch_size)
    tally = Tally()
    try:
        with _destination(out) as stream:
            writer = (CsvWriter if output_format == "csv" else JsonLinesWriter)(stream, predictor)
            _write_all(predictor.rows(files), writer, batch_size, tally)
    except KeyboardInterrupt:
        rest = "" if out is None else f" The rows so far are in {_part(out)}."
        note(f"Stopped after {tally}.{rest}")
        raise typer.Exit(common.STOPPED) from None
    log.info("%s", tally)
    if tally.unreadable:
        note(
            f"{count(tally.unreadable, 'file')} could not be read; the column error says why.",
            style="yellow",
        )
        raise typer.Exit(common.SOMETHING_FAILED)


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
        from ldpf.features import stream_features

        stream = stream_features(files, self.backbone, batch_size=self.batch_size)
        # Ends the reading threads also when the caller stops early.
        with contextlib.closing(stream):  # type: ignore[type-var]
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
        more = [
            f"{name}_{k}" for k in range(2, self.top_k + 1) for name in ("label", "probability")
        ]
        domains = [f"domain_{s}" for s in range(self.n_domains)]
        self.writer.writerow(["path", "label", "probability", *domains, *more, "error"])

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


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def find_images(paths: Sequence[str]) -> Iterator[Path]:
    """Files, images below folders, and paths read from standard input for "-"; lazy.

    A path on standard input that does not exist is passed on, and gets its row with an error.

    Raises:
        DataError: a path given by name does not exist (before any other is looked at).
    """
    from ldpf.data import iter_image_files
    from ldpf.data.walk import missing_path_error

    for path in paths:
        if path != "-" and not Path(path).exists():
            raise missing_path_error(Path(path))
    for path in paths:
        if path != "-":
            yield from iter_image_files(path)
            continue
        for line in sys.stdin.buffer:
            name = os.fsdecode(line.rstrip(b"\r\n"))
            if Path(name).is_dir() and name:
                yield from iter_image_files(name)
            elif name:
                yield Path(name)


def _first_or_error(files: Iterator[Path], paths: Sequence[str]) -> Iterator[Path]:
    from ldpf.data import IMAGE_ENDINGS

    first = next(files, None)
    if first is not None:
        return itertools.chain([first], files)
    if list(paths) == ["-"]:
        raise DataError(
            "No paths came in on standard input; pipe in one path a line, for example from "
            "find . -name '*.jpg'."
        )
    raise DataError(
        f"There are no images in {', '.join(paths)}; images end in "
        f"{', '.join(sorted(IMAGE_ENDINGS))}."
    )


@contextlib.contextmanager
def _destination(out: Path | None) -> Iterator[TextIO]:
    """Standard output, or a file that takes its name once it is complete."""
    if out is None:
        # File names may hold bytes that are no UTF-8; they are written as they are.
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="surrogateescape")
        yield sys.stdout
        return
    part = _part(out)
    try:
        stream = part.open("w", encoding="utf-8", errors="surrogateescape", newline="")
    except OSError as error:
        raise SettingsError(
            f"{str(part)!r} cannot be written ({error.strerror or error}); give another file with "
            "--out."
        ) from error
    with stream:
        yield stream
    part.replace(out)


def _part(out: Path) -> Path:
    return out.with_name(out.name + ".part")


@dataclass
class Tally:
    """What has been predicted so far."""

    images: int = 0
    unreadable: int = 0
    started: float = field(default_factory=time.monotonic)

    def __str__(self) -> str:
        seconds = time.monotonic() - self.started
        rate = self.images / max(seconds, 1e-9)
        return f"{count(self.images, 'image')} in {seconds:.1f} s ({rate:,.1f} a second)"


def _write_all(
    rows: Iterable[Row], writer: CsvWriter | JsonLinesWriter, batch_size: int, tally: Tally
) -> None:
    """Write rows as they come; what is written reaches a reader at least once a batch."""
    reported = time.monotonic()
    for row in rows:
        writer.write(row)
        tally.images += 1
        tally.unreadable += row.error is not None
        if tally.images % batch_size == 0:
            writer.stream.flush()
            if time.monotonic() - reported >= REPORT_EVERY_S:
                reported = time.monotonic()
                log.info("%s", tally)
    writer.stream.flush()
