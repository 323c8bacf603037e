"""Tables of JSON lines: one object on each line, as many annotation tools write them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ldpf.errors import DataError

JSON_LINES_ENDINGS = (".jsonl", ".ndjson")


def read_json_lines(file: Path) -> tuple[list[dict[str, Any]], list[int]]:
    """The objects of a file and the numbers of their lines, from 1; names of columns in lower case.

    Raises:
        DataError: the file cannot be read, is not UTF-8, or a line holds no JSON object.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise DataError(f"cannot read the manifest {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"the manifest {file} is not UTF-8; save it as UTF-8") from error
    rows, numbers = [], []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{file}, line {number}: not valid JSON ({error})") from error
        if not isinstance(row, dict):
            raise DataError(
                f"{file}, line {number}: a {type(row).__name__} where an object such as "
                '{"path": "a.jpg", "label": "cat"} is needed'
            )
        rows.append({name.strip().lower(): value for name, value in row.items()})
        numbers.append(number)
    return rows, numbers


def column_texts(
    file: Path, rows: Sequence[dict[str, Any]], numbers: Sequence[int], name: str
) -> list[str]:
    """A column as text, "" where it is null or missing.

    Raises:
        DataError: a value is neither a text nor a number.
    """
    texts = []
    for row, number in zip(rows, numbers, strict=True):
        value = row.get(name)
        plain = value is None or isinstance(value, str | int | float)
        if not plain or isinstance(value, bool):
            raise DataError(
                f"{file}, line {number}: the {name} {json.dumps(value)[:60]} is neither a text nor "
                "a number; give one"
            )
        texts.append("" if value is None else str(value).strip())
    return texts
