"""Tables of text as people keep them: CSV, JSON lines and Parquet, as columns of names."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ldpf.data.boxes import BOX_COLUMNS, check_box_columns
from ldpf.data.columns import COLUMNS, proposal, renamed
from ldpf.data.json_lines import JSON_LINES_ENDINGS, read_json_lines
from ldpf.data.labels import is_missing, plain_value, texts_of
from ldpf.data.parquet import reads_parquet, require_pyarrow
from ldpf.errors import DataError
from ldpf.utils.text import did_you_mean, looks_like, some_names, visible

PARQUET_ENDINGS = (".parquet", ".pq")
MANIFEST_ENDINGS = (".csv", ".tsv", *JSON_LINES_ENDINGS, *PARQUET_ENDINGS)
_DELIMITER_LINE = re.compile(r'"?sep=(.|\\t)"?', flags=re.IGNORECASE)


@dataclass(frozen=True)
class Table:
    """The columns of a manifest as text, "" for a missing value; `rows` number them for people."""

    columns: dict[str, list[str]]
    rows: Sequence[int]
    row_word: str  # "line" of a file of text, "row" of a Parquet file


def read_table(file: Path, needed: Sequence[str], columns: Mapping[str, str]) -> Table:
    ending = file.suffix.lower()
    if ending in PARQUET_ENDINGS:
        return read_parquet_table(file, needed, columns=columns)
    if ending in JSON_LINES_ENDINGS:
        return _read_json_lines(file, needed, columns)
    return _read_csv(file, needed, columns)


def _read_csv(file: Path, needed: Sequence[str], named: Mapping[str, str]) -> Table:
    reader = csv.reader(())  # of no line, until the file is open
    before = 0
    try:
        with file.open(encoding=_encoding(file), newline="") as stream:
            header_line = stream.readline()
            if "\0" in header_line:
                raise DataError(f"the manifest {file} is not UTF-8; save it as UTF-8")
            told = _DELIMITER_LINE.fullmatch(header_line.strip())
            if told is None:
                delimiter = max(",;\t|", key=header_line.count)
                stream.seek(0)
            else:  # Excel's own way to say it; the header comes next
                delimiter = "\t" if told[1] == "\\t" else told[1]
                before = 1
            reader = csv.reader(stream, delimiter=delimiter, strict=True, skipinitialspace=True)
            header = renamed(file, [visible(name).lower() for name in next(reader, [])], named)
            places = _places(file, header, needed)
            columns: dict[str, list[str]] = {name: [] for name in places}
            lines: list[int] = []
            for row in reader:
                if any("\0" in cell for cell in row):
                    raise DataError(
                        f"{file}, line {reader.line_num + before}: zero bytes, as a failed disk or "
                        "a copy that was cut off leaves them; take the file anew"
                    )
                if not any(map(looks_like, row)):
                    continue  # a blank line, or a row of empty cells, as spreadsheets leave them
                line = reader.line_num + before
                row = _fitted(row, header)
                if len(row) != len(header):
                    raise DataError(
                        f"{file}, line {line}: {len(row)} fields where the header has "
                        f"{len(header)}; quote fields that hold a {delimiter!r}"
                    )
                lines.append(line)
                for name, place in places.items():
                    text = row[place].strip()
                    columns[name].append(text if looks_like(text) else "")
    except OSError as error:
        raise DataError(f"cannot read the manifest {file}: {error.strerror}") from error
    except UnicodeError as error:
        if _is_archive(file):
            raise DataError(_SPREADSHEET.format(file)) from error
        raise DataError(f"the manifest {file} is not UTF-8; save it as UTF-8") from error
    except csv.Error as error:
        line = reader.line_num + before
        raise DataError(
            f"{file}, line {line}: not valid CSV ({error}); check the quotes there"
        ) from error
    return Table(columns, lines, "line")


def _read_json_lines(file: Path, needed: Sequence[str], named: Mapping[str, str]) -> Table:
    rows, numbers = read_json_lines(file)
    header = list(dict.fromkeys(name for row in rows for name in row))
    places = _places(file, renamed(file, header, named), needed)
    where = [f"{file}, line {number}" for number in numbers]
    return Table(
        {
            name: _texts([row.get(header[place]) for row in rows], where, name)
            for name, place in places.items()
        },
        numbers,
        "line",
    )


def read_parquet_table(
    file: Path,
    needed: Sequence[str],
    names: Mapping[str, str] | None = None,
    columns: Mapping[str, str] | None = None,
) -> Table:
    """The known columns; `names` are other names of some, used where the usual one is absent.

    `columns` are what the person says that they are called.
    """
    require_pyarrow(f"reading the Parquet manifest {file}")
    import pyarrow.parquet as pq

    with reads_parquet(file):
        with pq.ParquetFile(file) as parquet:
            header = parquet.schema_arrow.names
            known = [visible(name).lower() for name in header]
            for other, usual in (names or {}).items():
                if other in known and usual not in known:
                    known[known.index(other)] = usual
            _refuse_pictures(file, parquet.schema_arrow, needed)
            places = _places(file, renamed(file, known, columns or {}), needed)
            table = parquet.read(columns=[header[place] for place in places.values()])
        numbers = range(1, table.num_rows + 1)
        where = [f"{file}, row {number}" for number in numbers]
        texts = {
            name: _texts(table[header[place]].to_pylist(), where, name)
            for name, place in places.items()
        }
    return Table(texts, numbers, "row")


def _refuse_pictures(file: Path, schema: Any, needed: Sequence[str]) -> None:
    """Refuse a table that holds the pictures themselves where paths are needed."""
    import pyarrow as pa

    for field in schema if "path" in needed else ():
        if pa.types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0:
            raise DataError(
                f"the column {field.name!r} of {file} holds pictures, not paths. Read it with "
                "datasets.load_dataset('parquet', data_files=...), and give it to "
                "ldpf.data.from_huggingface, or write it with save_to_disk(FOLDER): that folder is "
                "data for every command"
            )


def read_column(file: Path, names: Sequence[str]) -> list[str] | None:
    """The first of the named text columns that a Parquet file has; None where it has none.

    Raises:
        DataError: The file cannot be read, or values are no text.
    """
    require_pyarrow(f"reading {file}")
    import pyarrow.parquet as pq

    with reads_parquet(file, "file"):
        present = pq.read_schema(file).names
        name = next((name for name in names if name in present), None)
        if name is None:
            return None
        values = pq.read_table(file, columns=[name])[name].to_pylist()
    return texts_of(values, (f"{file}:{row}" for row in range(len(values))), name)


def _places(file: Path, header: list[str], needed: Sequence[str]) -> dict[str, int]:
    """Where each known column is."""
    further = [column for column in COLUMNS if column not in needed]
    for column in needed:
        if column not in header:
            hint = proposal(header, needed) or did_you_mean(column, header)
            raise DataError(
                f"the manifest {file} has no column {column!r}.{hint} "
                f"Its columns are: {some_names(header) or 'none'}; "
                f"it needs {' and '.join(needed)}, and may have {', '.join(further[:-1])} "
                f"and {further[-1]}"
            )
    for column in COLUMNS:
        if header.count(column) > 1:
            raise DataError(f"the manifest {file} has two columns {column!r}; keep one")
    check_box_columns(file, header)
    boxes = BOX_COLUMNS if all(header.count(column) == 1 for column in BOX_COLUMNS) else ()
    return {column: header.index(column) for column in (*COLUMNS, *boxes) if column in header}


def _texts(values: Sequence[Any], where: Sequence[str], column: str) -> list[str]:
    """A column of a typed table as text; numbers of boxes are no names and need not be whole."""
    if column in BOX_COLUMNS:
        return ["" if is_missing(plain_value(value)) else str(value) for value in values]
    return texts_of(values, where, column)


def _fitted(row: list[str], header: list[str]) -> list[str]:
    """A row as long as the header, where only empty cells make the difference.

    Spreadsheets end some rows with separators for cells that others lack.
    """
    named = max((i for i, name in enumerate(header, start=1) if name), default=0)
    used = max((i for i, cell in enumerate(row, start=1) if cell.strip()), default=0)
    if used <= len(header) < len(row):
        return row[: len(header)]
    if named <= len(row) < len(header):
        return row + [""] * (len(header) - len(row))
    return row


_SPREADSHEET = (
    "{} is a spreadsheet or an archive by what it holds, not a table of text; open it and save it "
    "as CSV"
)


def _is_archive(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(4) in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # Excel's two formats


def _encoding(file: Path) -> str:
    """UTF-16 where the file begins with its mark, as spreadsheets' "Unicode text" does."""
    with file.open("rb") as stream:
        head = stream.read(2)
    return "utf-16" if head in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
