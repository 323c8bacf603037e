"""Tables of JSON lines: one object on each line, as many annotation tools write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ldpf.errors import DataError

JSON_LINES_ENDINGS = (".jsonl", ".ndjson")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; of two equal names it would keep the last without a word."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"the name {twice!r} is there twice; keep one")
    return found


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
            row = json.loads(line, object_pairs_hook=_distinct)
        except DataError as error:
            raise DataError(f"{file}, line {number}: {error}") from None
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
