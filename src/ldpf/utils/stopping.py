"""Ctrl-C and SIGTERM: both end a command in the same way, at a moment that loses nothing."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Terminated(KeyboardInterrupt):
    """SIGTERM came; everything that Ctrl-C does happens, and the exit code is another one."""


@contextmanager
def sigterm_like_ctrl_c() -> Iterator[None]:
    """Raise `Terminated` where SIGTERM would end the process at once and leave files behind."""
    if not _in_main_thread() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def terminate(number: int, frame: FrameType | None) -> None:
        raise Terminated

    signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


class Stop:
    """Whether a signal came that should stop the work."""

    def __init__(self) -> None:
        """None came yet."""
        self._number: int | None = None
        self._before: dict[int, Any] = {}

    @property
    def asked(self) -> bool:
        """Whether one came."""
        return self._number is not None

    def now(self) -> None:
        """Do what the signal would have done, if one came."""
        if self._number is not None:
            number, self._number = self._number, None
            self._before[number](number, None)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self.asked:  # a second time: at once
            self._before[number](number, frame)
        self._number = number


@contextmanager
def stops_between_steps() -> Iterator[Stop]:
    """Let signals that would stop the work wait until `Stop.now`; a second one does not wait.

    Only where a function of Python handles them, and in the main thread: elsewhere nothing waits.
    """
    stop = Stop()
    if _in_main_thread():
        for number in _SIGNALS:
            before = signal.getsignal(number)
            if callable(before):
                stop._before[number] = before
                signal.signal(number, stop._take)
    try:
        yield stop
    finally:
        for number, before in stop._before.items():
            signal.signal(number, before)
    stop.now()


@contextmanager
def says_on_stop(words: Callable[[], str]) -> Iterator[None]:
    """Give an interruption a sentence on what the same command does next; the innermost one counts.

    Args:
        words: called when the interruption comes.
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        if not stop.args:
            stop.args = (words(),)
        raise


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
