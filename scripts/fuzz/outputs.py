"""Outputs that cannot be written: full and read-only disks, closed streams, readers that leave."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from fuzz.base import Fell, NotHere
from fuzz.jobs import Job
from fuzz.kills import Disturbed, make_place

_READ_ONLY, _REMOUNT, _DETACH = 1, 32, 2  # of mount(2) and umount2(2)
_CLOSED_EARLY = 141


class Disks(Disturbed):
    """On a disk that is full or read-only a command is one sentence, and resumes with room.

    The disks are real file systems in memory of a chosen size, which only root may make.
    """

    name = "disks"
    title = "a full or a read-only file system, then given again with room"
    count = 50

    def check_possible(self) -> None:
        """Try to make such a file system."""
        with tempfile.TemporaryDirectory() as folder, _disk(Path(folder), 64):
            pass
        super().check_possible()

    def attempt(self, seed: int, place: Path) -> str:
        """Run a job on a disk with too little room or none to write, and again on a larger one."""
        draws = np.random.default_rng([11, seed])
        job = self.jobs[seed % len(self.jobs)]
        make_place(place)
        kilobytes = int(2 ** draws.uniform(3, 11))
        with _disk(place / "out", kilobytes):
            if draws.random() < 0.3:
                _mount(place / "out", "", _READ_ONLY | _REMOUNT)
            ran = self.start(job, place).finished()
            kept = place / "kept"
            shutil.copytree(place / "out", kept)  # what a person would find there
        shutil.copytree(kept, place / "out", dirs_exist_ok=True)
        shutil.rmtree(kept)
        self.finish(job, place)
        return "one sentence" if ran.code else "had room enough"


class Streams(Disturbed):
    """Where nothing can be printed a command says so or ends quietly, and loses no file."""

    name = "streams"
    title = "standard output full, closed, or with a reader that leaves"
    count = 100

    def attempt(self, seed: int, place: Path) -> str:
        """Run a job with such a standard output, and again with a good one."""
        draws = np.random.default_rng([12, seed])
        job = self._job(seed)
        make_place(place)
        before, outcome, codes = _STREAMS[int(draws.integers(len(_STREAMS)))]
        ran = self.start(job, place, before).wait()
        if "Traceback" in ran.err or ran.code not in (0, *codes):
            raise Fell(f"{outcome}: {job.name} ends with {ran.code}: {ran.err[-1500:]}")
        if ran.code == 2 and ran.err.count("Error: ") != 1:
            raise Fell(f"{outcome}: {job.name} says {ran.err[-1500:]}")
        if job.out:
            self.finish(job, place)
        return f"{outcome}, {'nothing to print' if ran.code == 0 else 'said so'}"

    def _job(self, seed: int) -> Job:
        """One that writes a file, or one that prints its answer."""
        model, images = str(self.world.models["ldpf"]), str(self.world.images)
        printing = [
            ("--help",),
            ("train", "--help"),
            ("--version",),
            ("predict", model, images),
            ("predict", model, images, "--format", "jsonl"),
            ("info", model),
            ("info", model, "--json"),
            ("evaluate", model, images),
            ("diagnose", model),
            ("expect", model, images),
            ("data", "check", images, "--backbone", "nano"),
            ("datasets",),
            ("table", str(self.world.results)),
        ]
        every = [*self.jobs, *(Job(" ".join(words[:2]), "", words) for words in printing)]
        return every[seed % len(every)]


def _full() -> None:
    _stdout_is(os.open("/dev/full", os.O_WRONLY))


def _closed() -> None:
    from ldpf.cli.streams import prepare_streams

    os.close(1)
    sys.stdout = None  # type: ignore[assignment]  as Python starts with it
    prepare_streams()


def _no_reader() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    _stdout_is(writer)


def _stdout_is(handle: int) -> None:
    from ldpf.cli.streams import prepare_streams

    os.dup2(handle, 1)
    os.close(handle)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    prepare_streams()


_STREAMS: tuple[tuple[Callable[[], None], str, tuple[int, ...]], ...] = (
    (_full, "full", (2,)),
    (_closed, "closed", (2,)),
    (_no_reader, "no reader", (_CLOSED_EARLY,)),
)


@contextmanager
def _disk(folder: Path, kilobytes: int) -> Iterator[None]:
    """A file system of a size at a folder; raises NotHere where none may be made."""
    _mount(folder, f"size={kilobytes}k,mode=700", 0)
    try:
        yield
    finally:
        _libc().umount2(os.fsencode(folder), _DETACH)


def _mount(folder: Path, options: str, flags: int) -> None:
    if _libc().mount(b"tmpfs", os.fsencode(folder), b"tmpfs", flags, options.encode()):
        raise NotHere(f"mount: {os.strerror(ctypes.get_errno())}")


def _libc() -> ctypes.CDLL:
    if sys.platform != "linux":
        raise NotHere("file systems in memory are tried on Linux")
    return ctypes.CDLL(None, use_errno=True)
