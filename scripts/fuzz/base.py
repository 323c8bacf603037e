"""What an attack is, and what becomes of its attempts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from fuzz.world import World


class Fell(Exception):
    """An attempt did what it must not: the message says what."""


class NotHere(Exception):
    """The machine does not allow this attack; the message says why."""


class Attack(ABC):
    """One kind of attack.

    Attributes:
        name: for `--only`.
        title: what the table calls it.
        count: attempts of the long form.
        limit_s: seconds after which an attempt counts as a hang.
        limit_mb: memory that one attempt may take; None where it works in other processes.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    count: ClassVar[int]
    limit_s: ClassVar[float] = 30.0
    limit_mb: ClassVar[float | None] = None

    def __init__(self, world: World) -> None:
        """Prepare what all attempts share."""
        self.world = world

    def check_possible(self) -> None:  # noqa: B027 most attacks are possible everywhere
        """Raise NotHere where the machine does not allow it."""

    @abstractmethod
    def attempt(self, seed: int, place: Path) -> str:
        """Attack once.

        Args:
            seed: decides everything.
            place: an empty folder, removed afterwards.

        Returns:
            What became of it in a word or two, such as "refused".

        Raises:
            Fell: the library did what it must not.
        """


@dataclass(frozen=True)
class Attempt:
    """What became of one attempt.

    Attributes:
        seed: of the attempt.
        outcome: what the attack has returned.
        fell: why it did not survive; None if it did.
        seconds: it took.
        megabytes: memory at its peak above that before it.
        commit: of the code, where attempts are kept.
    """

    seed: int
    outcome: str
    fell: str | None
    seconds: float
    megabytes: float
    commit: str = ""


@dataclass
class Result:
    """All attempts of an attack.

    Attributes:
        attack: its class.
        attempts: in the order of their seeds.
        not_here: why there are none; None if there are.
    """

    attack: type[Attack]
    attempts: list[Attempt] = field(default_factory=list)
    not_here: str | None = None

    @property
    def failed(self) -> list[Attempt]:
        """Those that did not survive."""
        return [attempt for attempt in self.attempts if attempt.fell is not None]

    @property
    def outcomes(self) -> dict[str, int]:
        """How often each outcome came, most frequent first."""
        counts: dict[str, int] = {}
        for attempt in self.attempts:
            if attempt.fell is None:
                counts[attempt.outcome] = counts.get(attempt.outcome, 0) + 1
        return dict(sorted(counts.items(), key=lambda item: -item[1]))
