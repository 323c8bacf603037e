"""A number that is known to lie between two others."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """From `low` to `high`.

    Attributes:
        low, high: the ends, both included.
    """

    low: float = 0.0
    high: float = 0.0

    def __add__(self, other: Span) -> Span:
        return Span(self.low + other.low, self.high + other.high)

    def __mul__(self, factor: float) -> Span:
        return Span(self.low * factor, self.high * factor)

    def widened(self, below: float, above: float) -> Span:
        """The lower end times `below`, and the upper one times `above`."""
        return Span(self.low * below, self.high * above)

    def to_json(self) -> list[float]:
        """Both ends."""
        return [round(self.low, 3), round(self.high, 3)]
