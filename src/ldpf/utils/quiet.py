"""The library's log held back for a while."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger("ldpf")


@contextmanager
def quiet() -> Iterator[None]:
    """What this thread would say in the log `ldpf` is left out; other threads are heard."""
    silent = threading.get_ident()

    def refuse(record: logging.LogRecord) -> bool:
        return record.thread != silent

    log.addFilter(refuse)
    try:
        yield
    finally:
        log.removeFilter(refuse)
