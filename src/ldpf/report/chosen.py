"""Which settings a search chose, in words for a table's caption."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

OWN = "its own settings"


def chosen_words(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence for each method whose settings were chosen, with how often; several runs differ.

    Args:
        lines: result lines; read-outs of the same training repeat its choice.
    """
    runs: dict[str, dict[str, str]] = {}
    for line in lines:
        if line.get("trials"):
            words = ", ".join(f"{name}={value}" for name, value in line["chosen"].items())
            runs.setdefault(line["method"], {})[line["run"]] = words or OWN
    told: dict[str, list[str]] = {}
    for method, chosen in runs.items():
        counts = Counter(chosen.values()).most_common()
        times = (f"{words} ({n} of {len(chosen)} runs)" for words, n in counts)
        told.setdefault("; ".join(times), []).append(method)
    return [f"Chosen for {', '.join(methods)}: {words}." for words, methods in told.items()]
