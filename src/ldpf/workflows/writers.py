"""Predictions as rows of CSV, JSON lines or Parquet, and the file they go to."""

from __future__ import annotations

import contextlib
import csv
import itertools
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from ldpf.errors import SettingsError
from ldpf.utils.constraints import OneOf, check_value
from ldpf.utils.files import is_special, open_atomic
from ldpf.utils.locks import locked_file
from ldpf.utils.text import json_printable, quoted
from ldpf.utils.ways import named, setting
from ldpf.utils.writable import check_file
from ldpf.workflows.prediction_rows import (
    DOUBT,
    Row,
    column_names,
    doubt_as_text,
    rounded,
    without_formulas,
)

ROW_GROUP = 4096
"""Rows of a Parquet file that are written at once."""


PART = ".part"


class _UnixLines:
    """What `csv` writes, a row at a time, with "\n" at the end of each in place of "\r\n"."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, row: str) -> int:
        """Write one row."""
        return self.stream.write(row.removesuffix("\r\n") + "\n")


class CsvWriter:
    """Rows as CSV with the columns of `column_names`; classes of a set with | between them."""

    opened_by_spreadsheets = True

    def __init__(self, stream: TextIO, n_domains: int, top_k: int) -> None:
        """Write the header."""
        self.stream = stream
        # Only what is in the end of a line is quoted: "\r" too, which would cut a row in two.
        self.writer = csv.writer(_UnixLines(stream), lineterminator="\r\n")
        self.n_domains, self.top_k = n_domains, top_k
        self.writer.writerow(column_names(self.n_domains, self.top_k))

    def write(self, row: Row) -> None:
        """Write one row."""
        if row.error is not None:
            empty = [""] * (2 * self.top_k + self.n_domains + len(DOUBT))
            self.writer.writerow([row.path, *empty, row.error])
            return
        pairs = [(row.named(label) or "", f"{p:.6f}") for label, p in row.top]
        weights = [f"{weight:.6f}" for weight in row.weights]
        more = itertools.chain.from_iterable(pairs[1:])
        self.writer.writerow([row.path, *pairs[0], *weights, *more, *doubt_as_text(row), ""])

    def flush(self) -> None:
        """Hand what is written to the reader."""
        self.stream.flush()

    def close(self) -> None:
        """Nothing is left to write."""
        self.flush()


class JsonLinesWriter:
    """Rows as JSON, one a line, with null for what an unreadable image lacks."""

    opened_by_spreadsheets = False

    def __init__(self, stream: TextIO, n_domains: int, top_k: int) -> None:
        """Prepare; JSON lines have no header."""
        self.stream, self.n_domains = stream, n_domains

    def write(self, row: Row) -> None:
        """Write one row."""
        label, probability = row.top[0] if row.top else ("", None)
        weights = row.weights or [None] * self.n_domains
        line = {
            "path": row.path,
            "label": row.named(label) or None,
            "probability": rounded(probability),
            **{f"domain_{s}": rounded(weight) for s, weight in enumerate(weights)},
            "top_k": [[row.named(name), rounded(p)] for name, p in row.top],
            "outside": row.is_outside,
            "outside_score": rounded(row.outside),
            "set": None if row.classes is None else list(row.classes),
            "error": row.error,
        }
        # A file name that is no UTF-8 must not make the line invalid.
        plain = any("\ud800" <= sign <= "\udfff" for sign in row.path)
        self.stream.write(json_printable(json.dumps(line, ensure_ascii=plain)) + "\n")

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

    opened_by_spreadsheets = False

    def __init__(self, stream: BinaryIO, n_domains: int, top_k: int) -> None:
        """Begin the file.

        Raises:
            SettingsError: pyarrow is not installed.
        """
        import_pyarrow()
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.n_domains, self.top_k = n_domains, top_k
        self.names = column_names(self.n_domains, self.top_k)
        others = {"outside": pa.bool_(), "set": pa.list_(pa.string())}
        numbers = ("probability", "domain_", "outside_score")
        self.schema = pa.schema(
            [
                (name, pa.float64() if name.startswith(numbers) else others.get(name, pa.string()))
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
            empty = [None] * (2 * self.top_k + self.n_domains + len(DOUBT))
            self.rows.append((path, *empty, row.error))
        else:
            pairs = [(row.named(label), probability) for label, probability in row.top]
            more = itertools.chain.from_iterable(pairs[1:])
            doubt = (row.is_outside, row.outside, row.classes)
            self.rows.append((path, *pairs[0], *row.weights, *more, *doubt, None))
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
            f"{setting('format', 'parquet')} needs pyarrow; install it with: pip install "
            "'ldpf[parquet]'"
        ) from error


WRITERS = {"csv": CsvWriter, "jsonl": JsonLinesWriter, "parquet": ParquetWriter}
"""How rows are written, by the name of the format."""


def check_destination(output_format: str, out: Path | None) -> None:
    """Refuse a file that cannot be written, before any work; nothing is left behind.

    Args:
        output_format: a name in `WRITERS`.
        out: the file; None for a stream.

    Raises:
        SettingsError: unknown format, pyarrow is missing, Parquet is to go to a stream, or `out`
            cannot be written (see `check_file`), or ends like a file of another format.
    """
    check_value("format", output_format, OneOf(WRITERS))
    if output_format == "parquet":
        import_pyarrow()
        if out is None:
            raise SettingsError(
                f"A Parquet file cannot be printed; name it with {setting('out', 'FILE')}."
            )
    if out is not None:
        _check_ending(out, output_format)
        check_file(out)


_ENDINGS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
_ENDINGS |= dict.fromkeys((".xlsx", ".xls", ".ods", ".gz", ".zip", ".bz2", ".xz"), "")
"""The format that the end of a file's name promises; "" for those that are not written."""


def _check_ending(out: Path, output_format: str) -> None:
    """Refuse a file that other programs would take for one of another format."""
    ending = out.suffix.lower()
    promised = _ENDINGS.get(ending, output_format)
    if promised == output_format or (out.exists() and is_special(out)):
        return
    way = (
        f"give {setting('format', promised)}, or another ending"
        if promised
        else f"give a file that ends in .{output_format}"
    )
    raise SettingsError(
        f"{quoted(str(out), 120)} ends in {ending}, but {output_format} is written; {way}."
    )


def write_rows(
    rows: Iterable[Row],
    target: Path | TextIO,
    output_format: str,
    *,
    n_domains: int,
    top_k: int,
    flush_every: int,
    raw: bool = False,
) -> None:
    """Write rows as they come; a file takes its name once it is complete (see `part_of`).

    Args:
        rows: to write.
        target: a file, or a stream of text.
        output_format: a name in `WRITERS`.
        n_domains, top_k: latent domains and classes in each row.
        flush_every: rows after which a reader sees what is written.
        raw: leave texts in CSV as they are, also those that a spreadsheet would run as a formula.

    Raises:
        SettingsError: see `check_destination`; or the file cannot be opened.
    """
    check_destination(output_format, target if isinstance(target, Path) else None)
    with _stream_to(target, binary=output_format == "parquet") as stream:
        writer = WRITERS[output_format](stream, n_domains, top_k)
        if writer.opened_by_spreadsheets and not raw:
            rows = map(without_formulas, rows)
        try:
            for n_written, row in enumerate(rows, start=1):
                writer.write(row)
                if n_written % flush_every == 0:
                    writer.flush()
        finally:
            writer.close()


def part_of(out: Path) -> Path:
    """The file that holds the rows until all are written."""
    file = out.resolve() if out.is_symlink() else out
    return file.with_name(file.name + PART)


@contextlib.contextmanager
def _stream_to(target: Path | TextIO, *, binary: bool) -> Iterator[Any]:
    if not isinstance(target, Path):
        yield target
        return
    with contextlib.ExitStack() as stack:
        # File names may hold bytes that are not UTF-8; they are written as they are.
        mode, errors = ("wb", None) if binary else ("w", "surrogateescape")
        stack.enter_context(locked_file(target))
        try:
            stream = stack.enter_context(open_atomic(target, mode, part=PART, errors=errors))
        except OSError as error:
            raise SettingsError(
                f"{str(target)!r} cannot be written ({error.strerror or error}); give another file "
                f"with {named('out')}."
            ) from error
        yield stream
