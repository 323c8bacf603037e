"""A progress bar on a terminal; now and then a plain line in a log file."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
)
from rich.text import Text

from ldpf.utils.time_left import TimeLeft

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
    left = TimeLeft(total)

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text("" if left.rate is None else f"{left.rate:,.0f}/s  {left.words()}")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total)

        def advance(steps: int) -> None:
            left.advance(steps)
            bar.advance(task, steps)

        yield advance


def _plain_lines(title: str, total: int, line_every: float) -> Callable[[int], None]:
    left = TimeLeft(total)
    last = time.monotonic()

    def advance(steps: int) -> None:
        nonlocal last
        left.advance(steps)
        now = time.monotonic()
        if now - last < line_every or not left.done:
            return
        last = now
        speed = "" if left.rate is None else f", {left.rate:,.1f}/s, {left.words()}"
        share = f"{left.done:,} of {total:,} ({left.done / total:.0%})"
        print(f"{title}: {share}{speed}", file=sys.stderr, flush=True)

    return advance
