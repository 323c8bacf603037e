"""Tables of JSON lines: one object on each line, as many annotation tools write them."""

from __future__ import annotations

import json
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
