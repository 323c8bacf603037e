"""Standard input, output and error: closed ones, and encodings that cannot hold every name."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from ldpf.utils.text import printable

STDOUT = "standard output"
"""What errors of standard output have as their file name."""


class _StandardOutput(io.TextIOWrapper):
    """Standard output whose errors say that they are of it."""

    replaced: io.TextIOWrapper

    def write(self, text: str, /) -> int:
        with _named():
            return super().write(text)

    def flush(self) -> None:
        with _named():
            super().flush()


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, STDOUT) from error


one_command = False
"""Whether this process was started for one command, as `ldpf` is: its start is then part of it."""


def begin_command() -> None:
    """Say that this process was started for one command."""
    global one_command
    one_command = True


def prepare_streams() -> None:
    """Make the standard streams of this process fit for what commands do with them."""
    _open_missing_streams()
    out = sys.stdout
    if type(out) is io.TextIOWrapper:
        named = _StandardOutput(
            out.buffer, out.encoding, out.errors, line_buffering=out.line_buffering
        )
        named.replaced = out  # its end would close the buffer
        sys.stdout = named
    lenient_streams()


def _open_missing_streams() -> None:
    """Put something in the place of streams that the caller has closed (as `>&-` does).

    Else the next file that is opened would get the stream's number, and what is printed. Standard
    output is opened such that writing fails: results are not lost in silence.
    """
    modes = {0: os.O_WRONLY, 1: os.O_RDONLY, 2: os.O_WRONLY}
    for number, mode in modes.items():
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # takes the lowest number that is free
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)


def lenient_streams() -> None:
    """What the encoding of standard output or error cannot hold is escaped; it is no error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def utf8_stdout(errors: str = "backslashreplace") -> None:
    """Write UTF-8 from here on, for programs that read it, whatever the terminal's encoding is."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors=errors)


class _Printable:
    """A stream that shows control characters as escapes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str, /) -> int:
        return self._stream.write(printable(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def stdout_for_rows() -> TextIO:
    """Standard output for rows: as it is for programs, without control characters on a terminal."""
    out = sys.stdout
    return _Printable(out) if out.isatty() else out  # type: ignore[return-value]
