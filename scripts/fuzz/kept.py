"""Attempts kept in a file, so that a long form can be made in several parts."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from fuzz.base import Attack, Attempt, Result


class Kept:
    """Attempts of earlier runs and of this one, each with the commit of the code it was made on.

    Of an attempt that was made twice the later one counts, so that those that fell are made again.
    """

    def __init__(self, file: Path) -> None:
        """Read a file, which need not exist."""
        self.file = file
        self.commit = _commit()
        self._attempts: dict[tuple[str, int], Attempt] = {}
        if file.exists():
            for line in file.read_text(encoding="utf-8").splitlines():
                content = json.loads(line)
                name = content.pop("attack")
                self._attempts[name, content["seed"]] = Attempt(**content)

    def left(self, kind: type[Attack], seeds: Iterable[int]) -> list[int]:
        """The seeds that are to be tried: new ones, and those that fell."""
        return [
            seed
            for seed in seeds
            if (known := self._attempts.get((kind.name, seed))) is None or known.fell is not None
        ]

    def add(self, kind: type[Attack], attempt: Attempt) -> None:
        """Keep an attempt as soon as it has ended."""
        attempt = replace(attempt, commit=self.commit)
        with self.file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"attack": kind.name, **asdict(attempt)}) + "\n")
        self._attempts[kind.name, attempt.seed] = attempt

    def result(self, kind: type[Attack], not_here: str | None = None) -> Result:
        """All attempts of a kind."""
        own = [one for (name, _), one in sorted(self._attempts.items()) if name == kind.name]
        return Result(kind, own, None if own else not_here)


def commits(results: Sequence[Result]) -> dict[str, int]:
    """How many attempts were made on which commit."""
    counts: dict[str, int] = {}
    for result in results:
        for attempt in result.attempts:
            if attempt.commit:
                counts[attempt.commit] = counts.get(attempt.commit, 0) + 1
    return counts


def _commit() -> str:
    """Of the code, in short; "unknown" outside a repository."""
    here = Path(__file__).parent
    ran = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=here, capture_output=True, text=True
    )
    return ran.stdout.strip() or "unknown"
