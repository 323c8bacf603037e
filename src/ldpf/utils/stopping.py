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


_AT_STOP: list[Callable[[], None]] = []


def at_stop(function: Callable[[], None]) -> Callable[[], None]:
    """Let a function be called when a command is stopped; it ends work of other threads.

    It is called by a handler of signals, so it must take no lock.
    """
    _AT_STOP.append(function)
    return function


@contextmanager
def sigterm_like_ctrl_c() -> Iterator[None]:
    """Raise `Terminated` where SIGTERM would end the process at once and leave files behind.

    Both signals also end the work of other threads (`at_stop`): else the main thread, which closes
    their pools on its way out, would wait for what they are at.
    """
    usual = {signal.SIGTERM: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
    taken = [n for n in _SIGNALS if _in_main_thread() and signal.getsignal(n) is usual[n]]

    def stop(number: int, frame: FrameType | None) -> None:
        for function in _AT_STOP:
            function()
        raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    for number in taken:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, usual[number])


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
