"""Signs that something is wrong with a model or its data: one file each, which registers itself.

Imports nothing heavy, so that a help text can list the signs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

from ldpf.utils.registry import Registry

if TYPE_CHECKING:
    from ldpf.doctor.case import Case

USUAL_ORDER = 500
"""Place of a sign that names none."""


class Status(Enum):
    """What came of a sign; the value is the word that is printed."""

    FINE = "fine"
    NOTICE = "notice"
    SERIOUS = "serious"
    NOT_MEASURED = "not measured"


class Unit(Enum):
    """How a figure is printed; the value is a format of Python."""

    SHARE = "{:.1%}"
    POINTS = "{:.1f} points"
    """A difference of shares, in percentage points."""
    NUMBER = "{:.2f}"
    COUNT = "{:,.0f}"

    def words(self, value: float) -> str:
        """The figure as it is printed."""
        return self.value.format(100 * value if self is Unit.POINTS else value)


class NotMeasured(Exception):
    """A sign cannot be measured; the message says what it needs."""


@dataclass(frozen=True)
class Measurement:
    """What a sign measured.

    Attributes:
        figure: the number that is compared with the threshold.
        words: the number with its unit and what it was measured on, in one sentence.
        details: more lines, such as the images meant; the most important first.
        facts: what `Sign.next_step` needs of the measurement.
    """

    figure: float
    words: str
    details: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


class Sign(ABC):
    """Base of all signs: a frozen dataclass with a field `threshold`, which registers itself.

        @SIGNS.register("calibration", title="Calibration", order=60, serious=True, quick=True)

    - `title`: what it is called in tables; left out, it is the name.
    - `order`: signs come by growing order, from 0.
    - `serious`: whether a model that shows it should not be used before something is done; `ldpf
      diagnose` then ends with exit code 1. Else it is a notice.
    - `quick`: whether it costs a few seconds at most, so that `ldpf train` can measure it.
    - `trains`: whether it trains another model, so that a report leaves it out.

    Attributes:
        threshold: figure from which the sign shows.
        meaning: what it means if it shows, in one sentence.
        unit: how figure and threshold are printed.
        low_is_bad: whether it shows below the threshold, and not above it.
    """

    registered_name: ClassVar[str]
    meaning: ClassVar[str]
    unit: ClassVar[Unit]
    low_is_bad: ClassVar[bool] = False
    threshold: float

    @abstractmethod
    def measure(self, case: Case) -> Measurement:
        """Measure the figure.

        Raises:
            NotMeasured: the case lacks something; the message says what.
        """

    @abstractmethod
    def next_step(self, case: Case, measurement: Measurement) -> str:
        """The command to type where the sign shows."""

    def shows(self, figure: float) -> bool:
        """Whether a figure is beyond the threshold."""
        return figure < self.threshold if self.low_is_bad else figure > self.threshold


@dataclass(frozen=True)
class Finding:
    """What the doctor says about one sign.

    Attributes:
        sign: its name.
        title: its title.
        status: what came of it.
        words: what was measured, or what is missing.
        figure: measured; None where it was not.
        threshold: from which the sign shows.
        shown_threshold: the same in words, such as "above 10.0 points".
        meaning: of the sign where it shows; empty otherwise.
        next_step: the command to type where it shows; empty otherwise.
        details: more lines.
    """

    sign: str
    title: str
    status: Status
    words: str
    figure: float | None
    threshold: float
    shown_threshold: str
    meaning: str = ""
    next_step: str = ""
    details: tuple[str, ...] = ()

    @property
    def shows(self) -> bool:
        """Whether the sign is there."""
        return self.status in (Status.NOTICE, Status.SERIOUS)

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "sign": self.sign,
            "title": self.title,
            "status": self.status.value,
            "figure": self.figure,
            "threshold": self.threshold,
            "measured": self.words,
            "meaning": self.meaning,
            "next": self.next_step,
            "details": list(self.details),
        }


SIGNS: Registry[Sign] = Registry("sign", "ldpf.doctor.signs", variable="SIGNS")
"""Signs by the name that `ldpf diagnose --signs` takes."""


def ordered_signs(*, quick_only: bool = False) -> list[str]:
    """The names of the signs in the order in which they come.

    Args:
        quick_only: leave out those that take long.
    """
    names = [name for name in SIGNS if not quick_only or SIGNS.facts(name).get("quick", False)]
    return sorted(names, key=lambda name: SIGNS.facts(name).get("order", USUAL_ORDER))


def sign_title(name: str) -> str:
    """The title of a sign."""
    return SIGNS.facts(name).get("title", name.replace("-", " ").capitalize())


def is_serious(name: str) -> bool:
    """Whether a sign that shows is serious."""
    return SIGNS.facts(name).get("serious", False)
