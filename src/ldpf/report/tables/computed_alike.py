"""Which lines of results were computed alike, by the numeric fingerprints of their machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ldpf.utils.text import count

UNKNOWN = "unknown"


def alike_words(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """Sentences for the caption of a table; none where no line names its fingerprint.

    Args:
        lines: of the table. Those of earlier versions name none.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for line in lines:
        groups.setdefault(line.get("numerics", UNKNOWN), []).append(line)
    if set(groups) <= {UNKNOWN}:
        return []
    if len(groups) == 1:
        (fingerprint,) = groups
        return [f"All lines were computed alike (numeric fingerprint {fingerprint})."]
    ordered = sorted(groups.items(), key=lambda group: -len(group[1]))
    parts = "; ".join(f"{name}: {_words(own)}" for name, own in ordered)
    return [
        "Lines of different numeric fingerprints were not computed alike, and may differ by "
        f"rounding alone: {parts}."
    ]


def _words(lines: Sequence[Mapping[str, Any]]) -> str:
    """Which lines these are."""
    kinds = {"method": "", "target": "on ", "seed": "seed "}
    named = [
        prefix + ", ".join(dict.fromkeys(str(line[kind]) for line in lines))
        for kind, prefix in kinds.items()
    ]
    return f"{count(len(lines), 'line')} ({' '.join(named)})"
