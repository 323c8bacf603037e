"""What a long job will take, as ranges and in words; imports nothing heavy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ldpf.utils.span import Span
from ldpf.utils.text import count
from ldpf.utils.time_left import duration

BELOW, ABOVE = 0.8, 1.3
"""What a measured time is multiplied with for the ends of its range: a machine is not as busy all
the time."""


@dataclass(frozen=True)
class Estimate:
    """What a job will take on this machine; nothing of it was done.

    Attributes:
        job: what the command would do.
        seconds: wall time.
        memory_mib: of all its processes, at most.
        disk_mib: new files.
        images: that there are; None where the job reads none.
        to_encode: images of them that would be encoded; 0 for a job that does not tell.
        images_per_second: in which they are encoded, or predicted; None where there are none.
        runs: of a benchmark; None for other jobs.
        runs_done: of them, finished before.
        jobs: runs side by side.
        text_passes: through the text encoder; None for a job that trains nothing.
        notes: what the numbers rest on, in sentences.
    """

    job: str
    seconds: Span
    memory_mib: Span
    disk_mib: Span
    images: int | None = None
    to_encode: int = 0
    images_per_second: Span | None = None
    runs: int | None = None
    runs_done: int = 0
    jobs: int = 1
    text_passes: Span | None = None
    notes: tuple[str, ...] = ()

    def with_start(self, seconds: float) -> Estimate:
        """With what a process takes to start and to import what it needs."""
        start = Span(seconds, seconds).widened(BELOW, ABOVE)
        return replace(self, seconds=self.seconds + start)

    def rows(self) -> list[tuple[str, str]]:
        """Names and values of what there is to say."""
        rows: list[tuple[str, str]] = []
        if self.images is not None:
            rows.append(("images", self._images()))
        if self.runs is not None:
            done = f", {self.runs_done:,} of them done before" if self.runs_done else ""
            beside = f", {self.jobs:,} side by side" if self.jobs > 1 else ""
            rows.append(("runs", f"{self.runs:,}{done}{beside}"))
        if self.text_passes is not None:
            rows.append(("text passes", _numbers(self.text_passes)))
        rows.append(("time", _between(duration(self.seconds.low), duration(self.seconds.high))))
        rows.append(("memory", _sizes(self.memory_mib)))
        rows.append(("disk", _sizes(self.disk_mib)))
        return rows

    def _images(self) -> str:
        words = f"{self.images:,}"
        if self.images_per_second is None:
            return f"{words}, all of them encoded before" if self.images else words
        rate = _between(*(f"{v:,.1f}" for v in _ends(self.images_per_second)))
        encoded = f", {self.to_encode:,} to encode" if self.to_encode else ""
        return f"{words}{encoded}, {rate} a second"

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "estimate": self.job,
            "seconds": self.seconds.to_json(),
            "memory_mib": self.memory_mib.to_json(),
            "disk_mib": self.disk_mib.to_json(),
            "images": self.images,
            "to_encode": self.to_encode,
            "images_per_second": None
            if self.images_per_second is None
            else self.images_per_second.to_json(),
            "runs": self.runs,
            "runs_done": self.runs_done,
            "jobs": self.jobs,
            "text_passes": None if self.text_passes is None else self.text_passes.to_json(),
            "notes": list(self.notes),
        }


def unreadable_note(unreadable: int, looked_at: int) -> Sequence[str]:
    """A sentence where images of a sample cannot be used."""
    if not unreadable:
        return ()
    return (f"{unreadable:,} of {count(looked_at, 'image')} looked at cannot be used.",)


def _ends(value: Span) -> tuple[float, float]:
    return value.low, value.high


def _between(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def _numbers(value: Span) -> str:
    return _between(f"{value.low:,.0f}", f"{value.high:,.0f}")


def _sizes(value: Span) -> str:
    return _between(_size(value.low), _size(value.high))


def _size(mib: float) -> str:
    if mib <= 0:
        return "none"
    if mib < 1:
        return f"{max(mib * 1024, 1):.0f} KiB"
    return f"{mib:.0f} MiB" if mib < 1000 else f"{mib / 1024:.1f} GiB"
