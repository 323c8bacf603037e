"""`ldpf predict`: classes of new images, streamed."""

from __future__ import annotations

import contextlib
import io
import itertools
import logging
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from ldpf.cli.base import COMMANDS
from ldpf.cli.console import SOMETHING_FAILED, STOPPED, note
from ldpf.cli.options import BatchSize, Device, ModelOptions, Quiet
from ldpf.errors import DataError, SettingsError
from ldpf.utils.files import new_folder, open_atomic
from ldpf.utils.text import count
from ldpf.workflows.inputs import load_trained
from ldpf.workflows.prediction import (
    CsvWriter,
    JsonLinesWriter,
    ParquetWriter,
    Predictor,
    Row,
    import_pyarrow,
)

log = logging.getLogger("ldpf")

WRITERS = {"csv": CsvWriter, "jsonl": JsonLinesWriter, "parquet": ParquetWriter}
"""How answers are written, by the name of the format."""
REPORT_EVERY_S = 10.0
_PART = ".part"


@COMMANDS.register("predict", panel="With your images")
def predict(
    *,
    model: ModelOptions,
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH",
            help="Images, folders (with everything below them), or - for a list of paths on "
            "standard input, one a line. Or embeddings: arrays .npy, or .parquet files with a "
            "column embedding.",
            show_default=False,
        ),
    ],
    output_format: Annotated[
        str,
        typer.Option(
            "--format", metavar="FORMAT", help="csv, jsonl (one JSON a line) or parquet (a file)."
        ),
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
    batch_size: BatchSize = 64,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Classify images with a trained model.

    For each image: the class, its probability, and the weight of each latent
    domain in the answer. An image that cannot be read gets a row with the
    reason in the column error, and the exit code is 1. Rows come in the order
    of the images, as they are ready; memory stays the same for any number.

    \b
    Examples:
      ldpf predict my-model new-photos --out predictions.csv
      ldpf predict my-model embeddings.npy
      find . -name '*.jpg' | ldpf predict my-model - | head
    """
    from ldpf.models.saving import read_config

    if output_format not in WRITERS:
        raise SettingsError(f"format={output_format!r} should be one of {', '.join(WRITERS)}.")
    if output_format == "parquet":
        import_pyarrow()
        if out is None:
            raise SettingsError("A Parquet file cannot be printed; name it with --out FILE.")
    n_classes = len(read_config(model.model)["class_names"])
    if not 1 <= top_k <= n_classes:
        raise SettingsError(
            f"top_k={top_k} should be between 1 and {n_classes}, the number of classes."
        )
    if batch_size < 1:
        raise SettingsError(f"batch_size={batch_size} should be at least 1.")
    if out is not None and out.is_dir():
        raise SettingsError(f"{str(out)!r} is a folder; give a file with --out.")
    if out is not None:
        new_folder(out.parent)
    embeddings = _embeddings(paths)
    files = None if embeddings else _first_or_error(find_images(paths), paths)
    classifier, frozen, _ = load_trained(model.model, model.backbone, device)
    predictor = Predictor(classifier, frozen, top_k, batch_size)
    if files is not None:
        rows = predictor.rows(files)
    else:  # the first at once: embeddings of another size are refused before a file is begun
        rows = _first_at_once(predictor.rows_of_embeddings(embeddings))
    tally = Tally()
    try:
        with _destination(out, binary=output_format == "parquet") as stream:
            writer = WRITERS[output_format](stream, predictor)
            try:
                _write_all(rows, writer, batch_size, tally)
            finally:
                writer.close()
    except KeyboardInterrupt:
        rest = "" if out is None else f" The rows so far are in {_part(out)}."
        note(f"Stopped after {tally}.{rest}")
        raise typer.Exit(STOPPED) from None
    log.info("%s", tally)
    if tally.unreadable:
        note(
            f"{count(tally.unreadable, 'file')} could not be read; the column error says why.",
            style="yellow",
        )
        raise typer.Exit(SOMETHING_FAILED)


def find_images(paths: Sequence[str]) -> Iterator[Path]:
    """Files, images below folders, and paths read from standard input for "-"; lazy.

    A path on standard input that does not exist is passed on, and gets its row with an error.

    Raises:
        DataError: a path given by name does not exist (before any other is looked at).
    """
    from ldpf.data import iter_image_files
    from ldpf.utils.files import missing_path_error

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


def _embeddings(paths: Sequence[str]) -> list[Path]:
    """The files, if they hold embeddings; none if they are images or folders.

    Raises:
        DataError: some are and some are not.
    """
    from ldpf.data.embeddings import has_embeddings

    found = [Path(path) for path in paths if Path(path).is_file() and has_embeddings(Path(path))]
    if found and len(found) < len(paths):
        other = next(path for path in paths if Path(path) not in found)
        raise DataError(
            f"{found[0]} holds embeddings, but {other} does not; predict images and embeddings "
            "one after the other."
        )
    return found


def _first_at_once(rows: Iterator[Row]) -> Iterator[Row]:
    first = next(rows, None)
    return iter(()) if first is None else itertools.chain([first], rows)


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
def _destination(out: Path | None, *, binary: bool) -> Iterator[Any]:
    """Standard output, or a file that takes its name once it is complete."""
    if out is None:
        # File names may hold bytes that are no UTF-8; they are written as they are.
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="surrogateescape")
        yield sys.stdout
        return
    with contextlib.ExitStack() as stack:
        mode, errors = ("wb", None) if binary else ("w", "surrogateescape")
        try:
            stream = stack.enter_context(open_atomic(out, mode, part=_PART, errors=errors))
        except OSError as error:
            raise SettingsError(
                f"{str(out)!r} cannot be written ({error.strerror or error}); give another file "
                "with --out."
            ) from error
        yield stream


def _part(out: Path) -> Path:
    file = out.resolve() if out.is_symlink() else out
    return file.with_name(file.name + _PART)


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
    rows: Iterable[Row],
    writer: CsvWriter | JsonLinesWriter | ParquetWriter,
    batch_size: int,
    tally: Tally,
) -> None:
    """Write rows as they come; lines reach a reader at least once a batch."""
    reported = time.monotonic()
    for row in rows:
        writer.write(row)
        tally.images += 1
        tally.unreadable += row.error is not None
        if tally.images % batch_size == 0:
            writer.flush()
            if time.monotonic() - reported >= REPORT_EVERY_S:
                reported = time.monotonic()
                log.info("%s", tally)
