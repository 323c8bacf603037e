"""The table of a run, for SECURITY.md."""

from __future__ import annotations

import platform
import re
from collections.abc import Sequence
from pathlib import Path

from fuzz.base import Result
from fuzz.kept import commits
from ldpf.version import __version__

PAGE = Path(__file__).parents[2] / "SECURITY.md"
_BLOCK = re.compile(r"(<!-- campaign -->\n).*?(<!-- end of campaign -->)", re.DOTALL)


def table(results: Sequence[Result], seed: int) -> str:
    """Markdown: a row for each attack, and under what they were made."""
    lines = [
        "| attack | tried | survived | failed | of those that survived | slowest | peak memory |",
        "|---|---|---|---|---|---|---|",
        *(_row(result) for result in results),
        "",
        f"`ldpf` {__version__}, Python {platform.python_version()}, {platform.system()}, "
        f"seeds from {seed}. Slowest: one attempt, in seconds, "
        "without waiting for a processor. Peak memory: of one attempt, above "
        "what the process had before it; – where commands run in processes of their own.",
        *_made_on(results),
    ]
    return "\n".join(lines) + "\n"


def _made_on(results: Sequence[Result]) -> list[str]:
    """On which commits the attempts were made, where they were kept."""
    counts = commits(results)
    if not counts:
        return []
    parts = ", ".join(f"{n:,} on {commit}" for commit, n in counts.items())
    return ["", f"The attempts were made in several runs: {parts}."]


def _row(result: Result) -> str:
    title = result.attack.title
    if result.not_here is not None:
        return f"| {title} | 0 | 0 | 0 | not possible here: {result.not_here} | – | – |"
    tried, failed = len(result.attempts), len(result.failed)
    outcomes = ", ".join(f"{n:,} {name}" for name, n in result.outcomes.items())
    slowest = max((attempt.seconds for attempt in result.attempts), default=0.0)
    peak = max((attempt.megabytes for attempt in result.attempts), default=0.0)
    memory = "–" if result.attack.limit_mb is None else f"{peak:.0f} MB"
    numbers = f"{tried:,} | {tried - failed:,} | {failed:,}"
    return f"| {title} | {numbers} | {outcomes} | {slowest:.2f} s | {memory} |"


def write_into(page: Path, text: str) -> None:
    """Replace the table between the two marks of a page."""
    before = page.read_text(encoding="utf-8")
    after, n = _BLOCK.subn(lambda match: match[1] + text + match[2], before)
    if n != 1:
        raise SystemExit(f"{page} has no place for the table (<!-- campaign -->).")
    page.write_text(after, encoding="utf-8")
