"""A progress bar on a terminal; now and then a plain line in a log file."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

LINE_EVERY_SECONDS = 10.0


@contextmanager
def progress_bar(
    title: str, total: int, *, enabled: bool = True, line_every: float | None = None
) -> Iterator[Callable[[int], None]]:
    """Show how far a loop has come, how fast it goes and how long it will take, on stderr.

    Args:
        title: What is going on, for example "encoding images".
        total: Steps in all.
        enabled: False shows nothing.
        line_every: Seconds between lines where stderr is not a terminal; default 10.

    Yields:
        A function to call with the number of steps done since its last call.
    """
    if not enabled or total == 0:
        yield lambda steps: None
    elif sys.stderr.isatty():
        with _rich_bar(title, total) as advance:
            yield advance
    else:
        yield _plain_lines(title, total, LINE_EVERY_SECONDS if line_every is None else line_every)


@contextmanager
def _rich_bar(title: str, total: int) -> Iterator[Callable[[int], None]]:
    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:,.0f}/s")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total)
        yield lambda steps: bar.advance(task, steps)


def _plain_lines(title: str, total: int, line_every: float) -> Callable[[int], None]:
    start = last = time.monotonic()
    done = 0

    def advance(steps: int) -> None:
        nonlocal done, last
        done += steps
        now = time.monotonic()
        if now - last < line_every or not done:
            return
        last = now
        rate = done / (now - start)
        left = timedelta(seconds=round((total - done) / rate))
        share = f"{done:,} of {total:,} ({done / total:.0%})"
        print(f"{title}: {share}, {rate:,.1f}/s, {left} left", file=sys.stderr, flush=True)

    return advance
