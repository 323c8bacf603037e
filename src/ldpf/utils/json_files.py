"""JSON files: written whole or not at all, read with a sentence for what is wrong."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ldpf.errors import DataError, LdpfError
from ldpf.utils.files import write_text
from ldpf.utils.paths import require_plain
from ldpf.utils.schema import first_problem

if TYPE_CHECKING:
    from ldpf.utils.constraints import Constraint


def write_json(path: Path, content: Any) -> None:
    """Write JSON for people to read, whole or not at all; see `open_atomic` and `json_text`."""
    write_text(path, json_text(content))


def json_text(content: Any) -> str:
    """JSON for people to read, with a final newline.

    Numbers and arrays of NumPy are written as those of Python, and paths as text. Text that is no
    UTF-8 (of a file name) is escaped.

    Raises:
        TypeError: it holds something else.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, default=_plain)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(content, indent=2, default=_plain)
    return text + "\n"


def _plain(value: Any) -> Any:
    import numpy as np  # late: the command line refuses and helps without it

    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON")


def read_json(
    path: Path,
    what: str,
    fix: str,
    *,
    error: type[LdpfError] = DataError,
    schema: Constraint | None = None,
    at_most_mb: float = 64,
) -> Any:
    """The content of a JSON file.

    Args:
        path: the file, in UTF-8.
        what: what the file is, as in "the settings of the run".
        fix: what to do if it cannot be read, as in "delete the folder to run it again".
        error: class of the error.
        schema: what its content should be; see `ldpf.utils.schema`.
        at_most_mb: a larger file is refused before it is read.

    Raises:
        LdpfError: of that class, if there is no such file, it cannot be read, is no JSON, or its
            content should be another one (which names the field).
    """
    try:
        require_plain(path)
        megabytes = path.stat().st_size / 1e6
        if megabytes > at_most_mb:
            raise ValueError(
                f"it holds {megabytes:,.0f} MB, and should hold {at_most_mb:g} at most"
            )
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as reason:
        detail = reason.strerror or str(reason)
    except (ValueError, RecursionError) as reason:  # of bytes that are no UTF-8, too
        detail = f"not valid JSON: {reason}"
    else:
        problem = None if schema is None else first_problem("", content, schema)
        if problem is None:
            return content
        detail = problem
    raise error(f"Cannot read {what} in {str(path)!r} ({detail}); {fix}.")


def read_json_or_none(path: Path, schema: Constraint | None = None) -> Any:
    """The content of a JSON file; None where it is missing, unreadable or not what it should be.

    Args:
        path: the file.
        schema: what its content should be, as for `read_json`.
    """
    try:
        return read_json(path, what="", fix="", schema=schema)
    except LdpfError:
        return None


def settings_hash(settings: dict[str, Any]) -> str:
    """Sixteen hex digits that name a run; equal settings give equal digits on every machine."""
    canonical = json.dumps(settings, sort_keys=True, ensure_ascii=True, default=_plain)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
