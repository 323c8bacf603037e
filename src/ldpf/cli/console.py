"""What a person sees: results on stdout, messages on stderr, and the exit codes."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from ldpf.cli.streams import utf8_stdout
from ldpf.utils.stopping import Terminated
from ldpf.utils.text import json_printable, printable

SOMETHING_FAILED = 1
BAD_INPUT = 2
STOPPED = 130
TERMINATED = 143
OUTPUT_CLOSED = 141

log = logging.getLogger("ldpf")


def exit_code(stop: KeyboardInterrupt) -> int:
    """Of a command that was stopped: by Ctrl-C, or by SIGTERM."""
    return TERMINATED if isinstance(stop, Terminated) else STOPPED


def note(text: str, style: str = "") -> None:
    """One message to stderr, never broken into lines and free of markup."""
    console = stderr_console()
    options = {"style": style, "markup": False, "highlight": False, "soft_wrap": True}
    if hasattr(sys.stderr, "rich_proxied_file"):  # a progress bar is on, and moves out of the way
        with console.capture() as capture:
            console.print(text, **options)
        sys.stderr.write(capture.get())
    else:
        console.print(text, **options)


def say(text: str = "", style: str = "") -> None:
    """One line of results to stdout, never broken into lines and free of markup."""
    stdout_console().print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def show(renderable: Any) -> None:
    """A table to stdout; in a file or a pipe it is as wide as it needs to be."""
    if isinstance(renderable, Table):
        _make_printable(renderable)
    stdout_console().print(renderable)


def _make_printable(table: Table) -> None:
    """Escape control characters before columns are measured; later, cells would be cut off."""
    for column in table.columns:
        for cell in (column.header, *column.cells):
            if isinstance(cell, Text):
                cell.plain = printable(cell.plain)


def say_json(content: Any) -> None:
    """The one JSON document that a command prints with `--json`, in UTF-8."""
    utf8_stdout()
    print(json_printable(json.dumps(content, indent=2, ensure_ascii=False)))


def stdout_console() -> Console:
    """A console on what is stdout now (tests and progress bars replace it)."""
    return _console(stderr=False)


def stderr_console() -> Console:
    """A console on what is stderr now."""
    return _console(stderr=True)


class _PipeConsole(Console):
    # Rich would end the process by itself; here one place decides.
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError

    def render(self, renderable: Any, options: Any = None) -> Iterator[Segment]:
        """Everything that is printed passes here: names bring no control characters along."""
        for segment in super().render(renderable, options):
            if segment.control is None:
                segment = segment._replace(text=printable(segment.text))
            yield segment


def _console(*, stderr: bool) -> Console:
    console = _PipeConsole(stderr=stderr)
    if not console.is_terminal:
        console.width = 240  # not a window: cut nothing off
    return console


class _StderrHandler(logging.Handler):
    """Log records as sentences for people; the same warning is shown once."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.levelno < logging.WARNING:
            note(text, style="dim")
        elif text not in self.shown:
            self.shown.add(text)
            note(f"Warning: {text}", style="yellow")


@contextmanager
def messages_on_stderr() -> Iterator[None]:
    """Send the library's log and its warnings to stderr as plain sentences."""
    handler, level, before = _StderrHandler(), log.level, warnings.showwarning
    thread_hook = threading.excepthook

    def of_thread(arguments: threading.ExceptHookArgs) -> None:
        # Writers in the background hand a full disk on to who writes next, which says it.
        if not issubclass(arguments.exc_type, OSError):
            thread_hook(arguments)

    def show_warning(message, category, filename, lineno, file=None, line=None) -> None:
        if category is UserWarning:  # this library's own; others keep Python's form
            log.warning("%s", message)
        else:
            before(message, category, filename, lineno, file, line)

    log.addHandler(handler)
    log.setLevel(logging.INFO)
    warnings.showwarning = show_warning
    threading.excepthook = of_thread
    try:
        yield
    finally:
        threading.excepthook = thread_hook
        warnings.showwarning = before
        log.setLevel(level)
        log.removeHandler(handler)


def give_up_stdout() -> None:
    """Discard what is still buffered: no one reads stdout any more, and exit must not fail."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        return
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, descriptor)
    os.close(devnull)


def plain_table(*columns: str) -> Table:
    """An empty table in the style of the command line; the first column is text, others numbers."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for index, column in enumerate(columns):
        # Text: a class name such as "[red]" is a name and no markup.
        table.add_column(Text(column), justify="right" if index else "left", overflow="fold")
    return table


def counts_table(counts: Sequence[Sequence[int]], row_names: Sequence[str], heading: str) -> Table:
    """Images by something (rows) and latent domain (columns), each with its share of the row.

    Args:
        counts: [rows, S].
        row_names: what the rows are.
        heading: what they are called together.
    """
    n_domains = len(counts[0])
    # The line break keeps columns narrow.
    table = plain_table(heading, "images", *(f"latent\ndomain {s}" for s in range(n_domains)))
    for name, row in zip(row_names, counts, strict=True):
        total = sum(row)
        shares = [f"{n:,} ({n / total:.0%})" if total else "0" for n in row]
        table.add_row(Text(name), f"{total:,}", *shares)
    return table


def accuracy_table(heading: str, rows: Sequence[tuple[str, int, float | None]]) -> Table:
    """Accuracies of groups of images: (name, images, accuracy or None for no images)."""
    table = plain_table(heading, "images", "accuracy")
    for name, images, accuracy in rows:
        shown = "–" if accuracy is None else f"{accuracy:.1%}"
        table.add_row(Text(name), f"{images:,}", shown)
    return table


def most_uneven(counts: Sequence[Sequence[int]], limit: int) -> list[int]:
    """The rows of `counts` [K, S] that differ most from the whole, at most `limit`, largest first.

    A row's difference is the number of its images that would have to change column for its shares
    to be those of all images, so that a class of two images does not lead the list.
    """
    columns = [sum(column) for column in zip(*counts, strict=True)]
    everything = max(sum(columns), 1)

    def moved(row: Sequence[int]) -> float:
        pairs = zip(row, columns, strict=True)
        return sum(abs(n - sum(row) * total / everything) for n, total in pairs) / 2

    order = sorted(range(len(counts)), key=lambda k: -moved(counts[k]))  # stable
    return order[:limit]
