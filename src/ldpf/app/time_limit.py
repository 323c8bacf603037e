"""Several visitors at once, each answered within a time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TypeVar

from ldpf.errors import DataError

AT_ONCE = 4
"""Requests that are worked on at one time; others wait in a queue."""

SECONDS = 30.0
"""Time that a request may take."""

LOOK_SECONDS = 15.0
"""Time for reading the files of one drop; those that are left then are not looked at."""

_Result = TypeVar("_Result")

# Twice as many: what has run into its time may still be at work for a while.
_POOL = ThreadPoolExecutor(2 * AT_ONCE, thread_name_prefix="ldpf-app")


def within_time(
    function: Callable[..., _Result], *arguments: object, seconds: float = SECONDS
) -> _Result:
    """What `function` returns.

    Raises:
        DataError: It has not returned in time. It is left to itself, and nothing waits for it;
            what it does is bounded by the limits of decoding (`ldpf.data.limits`).
    """
    future = _POOL.submit(function, *arguments)
    try:
        return future.result(timeout=seconds)
    except FutureTimeoutError:
        future.cancel()
        raise DataError(
            f"This took longer than {seconds:g} seconds and was given up. Try a smaller image, "
            "or fewer at a time."
        ) from None
