"""What the first bytes of an image file show: the bad files that need no decoding to be found."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

from ldpf.data.bad_images import UnreadableImageError
from ldpf.data.decoding_pool import decoding_pool
from ldpf.data.formats import HEAD, format_of, why_unread
from ldpf.data.images import MAX_PIXELS, default_workers
from ldpf.data.opening import opened_image, require_plain_file, with_reasons

_AT_ONCE = 512


def check_headers(
    paths: Iterable[str | Path],
    workers: int | None = None,
    *,
    max_pixels: int = MAX_PIXELS,
    on_done: Callable[[int], None] | None = None,
) -> list[tuple[int, str]]:
    """The files among `paths` whose header already shows that they cannot be read.

    Nothing is decoded, so this takes a small part of the time of `check_images`, and a file that
    is cut off or damaged behind its header is not found.

    Args:
        paths: Image files; consumed lazily.
        workers: Threads; default one per processor.
        max_pixels: As in `ldpf.data.images.read_image`.
        on_done: Called with the number of files done since the last call.

    Returns:
        Number in `paths` of each bad file, and the reason that `read_image` would name.
    """
    bad: list[tuple[int, str]] = []
    done = 0
    look = functools.partial(_why_bad_header, max_pixels=max_pixels)
    remaining = iter(paths)
    with decoding_pool(workers or default_workers()) as pool:
        while chunk := list(islice(remaining, _AT_ONCE)):
            for number, reason in enumerate(pool.map(look, chunk), start=done):
                if reason is not None:
                    bad.append((number, reason))
            done += len(chunk)
            if on_done is not None:
                on_done(len(chunk))
    return bad


def _why_bad_header(path: str | Path, max_pixels: int) -> str | None:
    try:
        with with_reasons(path):
            require_plain_file(path, Path(path).stat())
            with Path(path).open("rb") as stream:
                head = stream.read(HEAD)
            optional = format_of(head)
            if optional is not None:  # opening these decodes them, as their plug-ins are made
                return None if optional.load() else why_unread(head)
            with opened_image(path, None, max_pixels, header_only=True):
                return None
    except UnreadableImageError as error:
        return error.reason
