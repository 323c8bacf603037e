"""One process at a time writes to an output; a second one gets a sentence. Locks end with theirs.

The operating system holds the locks (`flock`, by filelock), so that those of killed processes end
with them. The file of a lock is removed by who holds it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ldpf.errors import SettingsError
from ldpf.utils.files import is_special, real_path
from ldpf.utils.own_folders import new_folder
from ldpf.utils.temporary import LOCK, remove_litter
from ldpf.utils.ways import named

_PATIENCE_S = 0.3  # for who has just removed the lock's file, and for nobody else

_NAME_KEPT = 40


@contextmanager
def locked_folder(
    folder: Path,
    option: str | None = None,
    patience_s: float = _PATIENCE_S,
    repair: Callable[[Path], None] | None = None,
) -> Iterator[None]:
    """Hold an output folder, which is made; remove what killed processes left in it.

    Args:
        folder: with `LOCK` in it meanwhile. If it was made here and is empty in the end, it goes.
        option: that names it, for the message; None for `out`.
        patience_s: seconds to wait for another process that holds it.
        repair: called with the folder before anything is removed: a temporary file of a killed
            process may be worth finishing.

    Raises:
        SettingsError: another process or thread holds it, or it cannot be made.
    """
    with _made(folder, option), _held(folder / LOCK, folder, option, patience_s):
        if repair is not None:
            repair(folder)
        remove_litter(folder)
        yield


@contextmanager
def locked_file(
    file: Path,
    option: str | None = None,
    patience_s: float = _PATIENCE_S,
    beside: Sequence[Path] = (),
) -> Iterator[None]:
    """Hold an output file; remove what killed processes left of it. A device is never locked.

    Args:
        file: need not exist. Its folder is made, and goes again if it stays empty.
        option: that names it, for the message; None for `out`.
        patience_s: seconds to wait for another process that holds it.
        beside: further files that only whoever holds this one writes.

    Raises:
        SettingsError: another process or thread holds it, or a file cannot be made beside it.
    """
    if is_special(file):
        yield
        return
    target = real_path(file)
    digest = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:8]
    lock = target.with_name(f".{target.name[:_NAME_KEPT]}-{digest}{LOCK}")
    with _made(target.parent, option), _held(lock, file, option, patience_s):
        for one in (target, *map(real_path, beside)):
            remove_litter(one.parent, of=one.name)
        yield


@contextmanager
def _made(folder: Path, option: str | None) -> Iterator[None]:
    """A folder that is there; one that was made here goes again if it stays empty."""
    is_new = not folder.exists()
    new_folder(folder, option)
    try:
        yield
    finally:
        if is_new:
            with contextlib.suppress(OSError):
                folder.rmdir()


@contextmanager
def _held(lock: Path, target: Path, option: str | None, patience_s: float) -> Iterator[None]:
    held = FileLock(lock)
    try:
        held.acquire(timeout=patience_s, poll_interval=0.05)
    except Timeout as error:
        raise SettingsError(
            f"Another process is writing to {str(target)!r}; wait until it has finished, or give "
            f"another place with {option or named('out')}."
        ) from error
    except OSError as error:
        raise SettingsError(
            f"{str(target)!r} cannot be written ({error.strerror or error}); give another place "
            f"with {option or named('out')}."
        ) from error
    try:
        yield
    finally:
        # Removed while it is held: who waits for it finds it gone, and makes a new one.
        with contextlib.suppress(OSError):
            lock.unlink()
        held.release()
