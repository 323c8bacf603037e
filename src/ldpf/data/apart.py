"""Decoding in a process of its own, for formats whose decoders heed no limit.

A thread that is inside a decoder cannot be ended, a process can. It gets the file's content, never
its path, and gives the picture back. It is used again for the next file.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import psutil
from PIL import Image

from ldpf.data.bad_images import UnreadableImageError
from ldpf.data.limits import MAX_MEMORY, MAX_SECONDS, times_given_up
from ldpf.data.pixel_ranges import FEW_LEVELS

log = logging.getLogger("ldpf")

TOO_LONG = f"decoding it takes more than {MAX_SECONDS:.0f} seconds of processor time"
TOO_MUCH = f"decoding it takes more than {MAX_MEMORY // 10**6:,} MB of memory"

_LOOK_SECONDS = 0.02
_WAIT_SECONDS = 600.0  # a process that is stopped from outside uses no processor time
_PART = 2**20


@dataclass(frozen=True)
class Apart:
    """What another process has read.

    Attributes:
        picture: RGB, upright.
        format, mode: As Pillow calls them.
        width, height: As the file has them.
    """

    picture: Image.Image
    format: str
    mode: str
    width: int
    height: int


class NoProcessError(Exception):
    """No other process can be started here."""


def read_apart(
    path: str | Path,
    stream: BinaryIO,
    size: int,
    max_pixels: int,
    hold: Callable[[int], Any],
) -> Apart:
    """Read an image in another process.

    Args:
        path: Names it in an error.
        stream: The open file.
        size: Its bytes.
        max_pixels: As in `ldpf.data.images.read_image`.
        hold: Called with the bytes that decoding will take, once they are known; may wait.

    Raises:
        UnreadableImageError: It cannot be read, takes too long or too much memory, or ends the
            process.
        NoProcessError: There is no other process.
    """
    begun = times_given_up()
    decoder = _take()
    with _LOCK:
        _BUSY.append(decoder)
    try:
        if times_given_up() != begun:
            raise UnreadableImageError(path, TOO_LONG)
        answer = decoder.read(stream, size, max_pixels, hold)
    except BaseException:
        decoder.end()
        raise
    finally:
        with _LOCK:
            _BUSY.remove(decoder)
    if decoder.runs:
        with _LOCK:
            _IDLE.append(decoder)
    if isinstance(answer, str):
        raise UnreadableImageError(path, answer)
    return answer


class _Decoder:
    """One process, which reads one image at a time."""

    def __init__(self) -> None:
        """Start it.

        Raises:
            NoProcessError: That fails.
        """
        if not sys.executable:
            raise NoProcessError
        places = [os.path.abspath(place) for place in sys.path if place]  # noqa: PTH100
        arenas = {"MALLOC_ARENA_MAX": "2"}  # address space is limited, and threads reserve much
        environment = {**os.environ, **arenas, "PYTHONPATH": os.pathsep.join(places)}
        try:
            self._process = subprocess.Popen(
                # -P: nothing is imported from the working directory.
                [sys.executable, "-P", "-m", "ldpf.data.decoder_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,  # Ctrl-C reaches this process only, which ends that one
            )
        except OSError as error:
            raise NoProcessError from error
        assert self._process.stdin is not None and self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout
        try:
            self._usage = psutil.Process(self._process.pid)
            ready = self._from.readline()
        except (psutil.Error, OSError) as error:
            raise NoProcessError from error
        if not ready:
            self.end()
            raise NoProcessError

    @property
    def runs(self) -> bool:
        """Whether it can read another image."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it, and leave it to the thread that uses it to notice."""
        self._process.kill()

    def end(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._to, self._from):
            try:
                pipe.close()
            except OSError:  # what was still to be written
                continue

    def read(
        self, stream: BinaryIO, size: int, max_pixels: int, hold: Callable[[int], Any]
    ) -> Apart | str:
        """The image, or the reason why there is none."""
        over: list[str] = []
        done = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(size, done, over), daemon=True)
        watcher.start()
        try:
            self._send({"size": size, "max_pixels": max_pixels})
            stream.seek(0)
            for start in range(0, size, _PART):
                self._to.write(stream.read(min(_PART, size - start)))
            self._to.flush()
            answer = self._answer()
            if "needed" in answer:
                hold(answer["needed"])
                self._send({})
                answer = self._answer()
            if "reason" in answer:
                return str(answer["reason"])
            return self._received(answer)
        except (OSError, EOFError, ValueError):  # it has ended, or was ended by the watcher
            done.set()
            watcher.join()
            self.end()
            return over[0] if over else "damaged: its decoder crashed"
        finally:
            done.set()
            watcher.join()

    def _send(self, message: dict[str, Any]) -> None:
        self._to.write(json.dumps(message).encode() + b"\n")
        self._to.flush()

    def _answer(self) -> dict[str, Any]:
        line = self._from.readline()
        if not line:
            raise EOFError
        return json.loads(line)

    def _received(self, answer: dict[str, Any]) -> Apart:
        across, down = answer["size"]
        pixels = self._from.read(3 * across * down)
        picture = Image.frombytes("RGB", (across, down), pixels)
        if answer["few"] is not None:
            picture.info[FEW_LEVELS] = answer["few"]
        return Apart(picture, answer["format"], answer["mode"], answer["width"], answer["height"])

    def _watch(self, size: int, done: threading.Event, over: list[str]) -> None:
        """End the process once it uses too much, and write into `over` of what."""
        try:
            before = _processor_seconds(self._usage)
            most = self._usage.memory_info().rss + size + MAX_MEMORY
            started = time.monotonic()
            while not done.wait(_LOOK_SECONDS):
                if (
                    _processor_seconds(self._usage) - before > MAX_SECONDS
                    or time.monotonic() - started > _WAIT_SECONDS
                ):
                    over.append(TOO_LONG)
                elif self._usage.memory_info().rss > most:
                    over.append(TOO_MUCH)
                if over:
                    self._process.kill()
                    return
        except psutil.Error:  # it has ended by itself
            return


def _processor_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


_LOCK = threading.Lock()
_IDLE: list[_Decoder] = []
_BUSY: list[_Decoder] = []


def _take() -> _Decoder:
    with _LOCK:
        while _IDLE:
            decoder = _IDLE.pop()
            if decoder.runs:
                return decoder
    return _Decoder()


def end_busy() -> None:
    """Kill the processes that read an image; those threads that wait for them get an error."""
    for decoder in list(_BUSY):  # without the lock, which a signal may find in use
        decoder.kill()


@atexit.register
def end_idle() -> None:
    """End the processes that wait for an image."""
    with _LOCK:
        while _IDLE:
            _IDLE.pop().end()


if hasattr(os, "register_at_fork"):  # those of the parent are not a child's to use
    os.register_at_fork(after_in_child=_IDLE.clear)
    os.register_at_fork(after_in_child=_BUSY.clear)
