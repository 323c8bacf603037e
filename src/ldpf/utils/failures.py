"""What the machine refuses (disks, memory, permissions) as one sentence with the path."""

from __future__ import annotations

import errno
import os

from ldpf.utils.paths import working_directory
from ldpf.utils.text import quoted
from ldpf.utils.ways import named

_ADVICE = {
    errno.ENOSPC: "make room there, or give another place",
    errno.EDQUOT: "make room there, or give another place",
    errno.EFBIG: "give a place where files may be larger",
    errno.EROFS: "nothing can be written there; give another place",
    errno.EACCES: "check who may read and write there, or give another place",
    errno.EPERM: "check who may read and write there, or give another place",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.EMFILE: "let the command open more files (ulimit -n)",
    errno.ENFILE: "let the machine open more files, or close some",
    errno.EIO: "the disk or the network failed; try again, or give another place",
}

_OF_STORAGE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)

GONE = "The working directory does not exist any more; change to one that does (cd)."

_NO_MEMORY = (
    "not enough memory",
    "can't allocate memory",
    "out of memory",
    "storage size calculation overflowed",
)
"""Words of torch, whose error for it is a plain RuntimeError on a CPU."""

_NO_ROOM_FOR_LIBRARY = ("failed to map segment from shared object", "cannot allocate memory")
"""Words of the system's loader, where a library does not fit into memory: an ImportError."""

_NO_THREAD = "can't start new thread"
"""Words of Python, where the system gives no further one."""


def is_no_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out."""
    if isinstance(error, MemoryError):
        return True
    words = str(error).lower()
    if isinstance(error, ImportError):
        return any(part in words for part in _NO_ROOM_FOR_LIBRARY)
    return isinstance(error, RuntimeError) and any(part in words for part in _NO_MEMORY)


def is_of_storage(error: BaseException) -> bool:
    """Whether files could not be written, where a network could have failed as well."""
    if not isinstance(error, OSError):
        return False
    return error.errno in _OF_STORAGE or (
        isinstance(error, PermissionError) and error.filename is not None
    )


def failure_sentence(error: BaseException) -> str | None:
    """A failure of the machine as a sentence; None for an error of another kind."""
    if is_no_memory(error):
        return (
            "There is not enough memory for this; close other programs, or give smaller batches "
            f"({named('batch_size')}), fewer runs at a time ({named('jobs')}) or fewer images."
        )
    if isinstance(error, RuntimeError) and _NO_THREAD in str(error):
        return (
            "The system starts no further thread or process; end other programs, or let more be "
            "started (ulimit -u)."
        )
    if not isinstance(error, OSError):
        return None
    reason = error.strerror or str(error) or type(error).__name__
    advice = _ADVICE.get(error.errno or 0)
    what_to_do = f"; {advice}" if advice else ""
    if error.filename is not None:
        name = error.filename
        path = os.fsdecode(name) if isinstance(name, str | bytes | os.PathLike) else str(name)
        limit = 80 if error.errno == errno.ENAMETOOLONG else 1000
        return f"Cannot use {quoted(path, limit)} ({reason}){what_to_do}."
    if working_folder_is_gone():
        return GONE
    return f"A file or device cannot be used ({reason}){what_to_do}."


def working_folder_is_gone() -> bool:
    """Whether the working directory was removed while a shell stands in it."""
    return working_directory() is None
