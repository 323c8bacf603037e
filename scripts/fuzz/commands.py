"""Commands of `ldpf` inside this process, or in one forked from it that may be killed."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from fuzz.base import Fell
from fuzz.clock import Clock

TRACEBACK = "Traceback (most recent call last)"
CRASHED = 70


@dataclass(frozen=True)
class Ran:
    """What a command did.

    Attributes:
        code: exit code; of a killed one minus the number of the signal.
        out: standard output.
        err: standard error.
    """

    code: int
    out: str
    err: str

    @property
    def survived(self) -> bool:
        """Whether it has answered, or refused in words."""
        return self.code in (0, 1, 2) and TRACEBACK not in self.err


def run(*arguments: str | Path) -> Ran:
    """Run a command in this process.

    Raises:
        Fell: it ended in another way than with an exit code of 0, 1 or 2 and words.
    """
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = _exit_code(arguments)
    ran = Ran(code, out.getvalue(), err.getvalue())
    check_words(ran, arguments)
    return ran


def _exit_code(arguments: Sequence[str | Path]) -> int:
    from ldpf.cli import app

    try:
        app([str(argument) for argument in arguments])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:  # what is no exit is what a person would see as a traceback
        traceback.print_exc()
        return CRASHED
    return 0


def check_words(ran: Ran, arguments: Sequence[str | Path]) -> None:
    """Raise Fell where a command gave no answer and did not refuse in words either."""
    words = " ".join(map(str, arguments))[:300]
    if not ran.survived:
        raise Fell(f"exit code {ran.code} of: ldpf {words}\n{ran.err[-3000:]}")
    if ran.code == 2 and "Error" not in ran.err:
        raise Fell(f"refused without a word: ldpf {words}\n{ran.err[-1000:]}")
    if (bad := re.search(r"[\x00-\x08\x0b-\x1f\x7f]", ran.err)) is not None:
        raise Fell(
            f"a control character {bad[0]!r} on the terminal: ldpf {words}\n{ran.err!r:.900}"
        )


_AT_THE_END: list[Callable[[], None]] = []
"""What a started process does last."""


def keep_names_of_modules(file: Path) -> None:
    """Let this process write down in the end which modules it has imported."""
    _AT_THE_END.append(lambda: file.write_text("\n".join(sys.modules)) and None)


def import_modules(file: Path) -> None:
    """Import the modules that another process has written down."""
    for name in file.read_text().split("\n"):
        # Some cannot be imported by name, such as those that a library has put there itself.
        if name not in sys.modules and not name.startswith("_"):
            with contextlib.suppress(Exception):
                importlib.import_module(name)


@dataclass
class Started:
    """A command in a process of its own.

    Attributes:
        pid: of the process, which leads a group of its own.
        arguments: of the command.
        out, err: files of its standard output and error.
    """

    pid: int
    arguments: tuple[str, ...]
    out: Path
    err: Path

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self, limit_s: float = 120.0) -> Ran:
        """Wait until it ends.

        Raises:
            Fell: it has not after `limit_s` seconds.
        """
        clock = Clock(self.pid)
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                return Ran(code, _text(self.out), _text(self.err))
            if clock.seconds > limit_s:
                self.kill()
                os.waitpid(self.pid, 0)
                raise Fell(f"no end within {limit_s:g} s: ldpf {' '.join(self.arguments)[:300]}")
            time.sleep(0.005)

    def finished(self, limit_s: float = 120.0) -> Ran:
        """Wait, and require an answer or a refusal in words."""
        ran = self.wait(limit_s)
        check_words(ran, self.arguments)
        return ran


def start(words: Path, *arguments: str | Path, before: Callable[[], None] | None = None) -> Started:
    """Start a command in a process forked from this one, which has imported everything.

    Args:
        words: folder for what it prints.
        arguments: of the command.
        before: called in the new process first, such as to arm a fault.
    """
    names = tuple(map(str, arguments))
    number = len(list(words.glob("*.out")))
    out, err = words / f"{number}.out", words / f"{number}.err"
    out.touch()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return Started(pid, names, out, err)
    code = CRASHED
    try:
        for stream, file in ((1, out), (2, err)):
            handle = os.open(file, os.O_WRONLY | os.O_CREAT)
            os.dup2(handle, stream)
            os.close(handle)
        # As Python gives a new process; the one forked from may have changed them.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        torch.set_num_threads(1)  # its pool of threads anew: new threads would race to make it
        sys.stdout = os.fdopen(os.dup(1), "w", encoding="utf-8")
        sys.stderr = os.fdopen(os.dup(2), "w", encoding="utf-8", buffering=1)
        if before is not None:
            before()
        code = _exit_code(names)
        for last in _AT_THE_END:
            last()
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""


def litter(folder: Path) -> Iterator[Path]:
    """What no command may leave behind: temporary files, parts and locks."""
    for file in folder.rglob("*"):
        if file.name.endswith((".tmp", ".part", ".lock")):
            yield file
