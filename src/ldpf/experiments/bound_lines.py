"""Lines of results.jsonl that say which lines were written together with them.

Each line has one SHA-256 of them all, in their order. So a number that was changed is noticed, and
a line that was removed, added or exchanged. Files can be put one behind the other: the lines of
each are checked by themselves.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ldpf.utils.ways import named

BOUND = "lines_sha256"
"""The field; lines of version 0.1.0 and of other software have none, and are taken as they are."""

_MEASURED = ("seconds", "memory")
"""Parts of the names of fields that differ whenever a run is made again, and are not bound."""


def bind(lines: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The lines, each with the digest of all."""
    plain = [_without(line) for line in lines]
    digest = _digest(plain)
    return [{**line, BOUND: digest} for line in plain]


def unbind(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The lines without the digest.

    Raises:
        ValueError: they are not those that were written together.
    """
    written: dict[Any, list[dict[str, Any]]] = {}
    for line in lines:
        if BOUND in line:
            written.setdefault(line[BOUND], []).append(_without(line))
    for expected, together in written.items():
        if _digest(together) != expected:
            raise ValueError(
                f"{len(together)} of its lines are not those that were written together: one was "
                "changed, removed, added or moved by hand; take the file as it was written (the "
                "benchmark that made it writes it again from its runs), and show some of its lines "
                f"with {named('methods')} and {named('targets')}"
            )
    return [_without(line) for line in lines]


def _without(line: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in line.items() if key != BOUND}


def _digest(lines: Sequence[Mapping[str, Any]]) -> str:
    total = hashlib.sha256()
    for line in lines:
        total.update(json.dumps(_lasting(line), sort_keys=True).encode() + b"\n")
    return total.hexdigest()


def _lasting(content: Any) -> Any:
    """What is the same when the run is made again."""
    if isinstance(content, Mapping):
        return {
            key: _lasting(value)
            for key, value in content.items()
            if not any(word in key for word in _MEASURED)
        }
    return [_lasting(item) for item in content] if isinstance(content, list | tuple) else content
