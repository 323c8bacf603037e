"""How worker processes start; imports nothing heavy, so that it can happen first of all."""

from __future__ import annotations

import functools
import multiprocessing
import sys
from multiprocessing import forkserver
from multiprocessing.context import BaseContext


@functools.cache
def start_method() -> BaseContext:
    """Workers are never forked from the calling process: a copy of its threads' locks may hang.

    On Linux they are forked from a server that has imported the libraries and done nothing else,
    so these are loaded once for all workers.
    """
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["ldpf.experiments.pool", "transformers.models.clip.modeling_clip"]
    )
    return context


def begin_early() -> None:
    """Let the server import, which takes seconds, beside whatever this process does next."""
    if start_method().get_start_method() == "forkserver":
        forkserver.ensure_running()
