"""How long a loop will still take, said only when it means something."""

from __future__ import annotations

import time
from collections import deque

WINDOW_S = 60.0
"""Seconds of the past that the speed is measured over."""

MEASURED_S = 5.0
"""Seconds of work before a speed is believed."""


class TimeLeft:
    """An estimate from the speed of the last minute.

    The time until the first steps are done is left out: it is what starting takes (threads, the
    first batch), and counting it made three minutes look like three hours.
    """

    def __init__(self, total: int) -> None:
        """Wait for the first of `total` steps."""
        self.total, self.done = total, 0
        self._marks: deque[tuple[float, int]] = deque()

    def advance(self, steps: int) -> None:
        """Steps are done."""
        if steps:
            self.done += steps
            now = time.monotonic()
            self._marks.append((now, self.done))
            while len(self._marks) > 2 and now - self._marks[1][0] >= WINDOW_S:
                self._marks.popleft()

    @property
    def rate(self) -> float | None:
        """Steps in a second; None before it means something."""
        if not self._marks:
            return None
        (start, before), (end, now) = self._marks[0], self._marks[-1]
        return (now - before) / (end - start) if end - start >= MEASURED_S else None

    @property
    def seconds(self) -> float | None:
        """Seconds that are left; None before it means something."""
        return None if self.rate is None else max(self.total - self.done, 0) / self.rate

    def words(self) -> str:
        """Such as "3 min left"; empty before it means something."""
        return "" if self.seconds is None else f"{duration(self.seconds)} left"


def duration(seconds: float) -> str:
    """Seconds in words: "40 s", "3 min", "2 h 05 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
