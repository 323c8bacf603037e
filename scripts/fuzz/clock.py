"""Time of a process without what it spent waiting for a processor, as on a machine with others."""

from __future__ import annotations

import time
from pathlib import Path


class Clock:
    """Seconds since now in which a process ran, slept or waited for a disk or another process.

    A process that others keep from running is not slow, and one that hangs has no wish to run.
    """

    def __init__(self, pid: int | None = None) -> None:
        """Begin to count.

        Args:
            pid: of the process; None for this one.
        """
        self._file = Path(f"/proc/{pid or 'self'}/schedstat")
        self._begun, self._waited = time.monotonic(), self._waiting()

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        # Of a process that is gone nothing is counted any more.
        waited = max(0.0, self._waiting() - self._waited)
        return time.monotonic() - self._begun - waited

    def _waiting(self) -> float:
        """Seconds in line for a processor as Linux counts them; 0 where no one counts."""
        try:
            return int(self._file.read_text().split()[1]) / 1e9
        except (OSError, IndexError, ValueError):
            return 0.0
