"""Threads that decode images, and that end at once when the work is stopped."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from ldpf.data.apart import end_busy
from ldpf.data.limits import give_up
from ldpf.utils.stopping import at_stop


@contextmanager
def decoding_pool(workers: int) -> Iterator[ThreadPoolExecutor]:
    """A pool of threads; leaving it early starts nothing that waits.

    Ctrl-C and SIGTERM also stop what runs. They would else wait until the images at hand are
    decoded, which may take as long as `ldpf.data.limits` lets each of them.

    Args:
        workers: Threads.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="ldpf-read")
    try:
        yield pool
    except KeyboardInterrupt:
        end_decoding()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@at_stop
def end_decoding() -> None:
    """End every decoding that this process has begun."""
    give_up()
    end_busy()
