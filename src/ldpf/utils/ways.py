"""How a message names a setting: as an option where a command runs, as an argument in Python."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_at_command_line = False


def reads_options() -> bool:
    """Whether whoever reads messages typed a command, for workers to say the same; see below."""
    return _at_command_line


@contextmanager
def command_line(typed: bool = True) -> Iterator[None]:
    """Whoever reads messages typed a command; without this, they wrote Python.

    Args:
        typed: False for Python after all, as a worker is told by the process that waits for it.
    """
    global _at_command_line
    before, _at_command_line = _at_command_line, typed
    try:
        yield
    finally:
        _at_command_line = before


def setting(name: str, value: Any = True, *, option: str | None = None) -> str:
    """A setting as the reader would write it.

    Args:
        name: in Python, such as `skip_bad`.
        value: True for a switch; None where only the name is meant; capital letters stand for what
            the reader puts there.
        option: its name at the command line, where that is another one.

    Returns:
        `--skip-bad`, `--out FILE`, `--tau 0.1` or `--out` at the command line; `skip_bad=True`,
        `out=FILE`, `tau=0.1` or `out` in Python.
    """
    if _at_command_line:
        option = "--" + (option or name).replace("_", "-")
        if value is True or value is None:
            return option
        return f"{option} {value if str(value).isupper() else shlex.quote(str(value))}"
    if value is None:
        return name
    stands_for = isinstance(value, str) and value.isupper()
    return f"{name}={value if stands_for else repr(value)}"


def named(name: str) -> str:
    """The name of a setting alone: `--skip-bad` at the command line, `skip_bad` in Python."""
    return setting(name, None)


def positional(name: str) -> str:
    """The name of an argument that a command takes without one: `DATA` there, `data` in Python."""
    return name.upper() if _at_command_line else name
