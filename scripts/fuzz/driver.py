"""Attempts in processes of their own, which may hang, die or eat memory without harm."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path

import torch

from fuzz.base import Attack, Attempt, Fell, NotHere, Result
from fuzz.clock import Clock

_FORK = multiprocessing.get_context("fork")  # a new process need not import torch again


def run_attack(
    attack: Attack, seeds: Sequence[int], jobs: int, done: Callable[[Attempt], None] | None = None
) -> Result:
    """Make the attempts of all seeds.

    Args:
        attack: prepared.
        seeds: one an attempt.
        jobs: processes at once.
        done: called with each attempt as it ends.
    """
    result = Result(type(attack))
    try:
        attack.check_possible()
    except NotHere as reason:
        result.not_here = str(reason)
        return result
    waiting = iter(seeds)
    workers = [_Worker(attack) for _ in range(min(jobs, len(seeds)))]
    try:
        busy = [worker for worker in workers if worker.give(next(waiting, None))]
        while busy:
            ready = _first_ready(busy)
            attempt = ready.take()
            result.attempts.append(attempt)
            if done is not None:
                done(attempt)
            if not ready.give(next(waiting, None)):
                busy.remove(ready)
    finally:
        for worker in workers:
            worker.end()
    result.attempts.sort(key=lambda attempt: attempt.seed)
    return result


class _Worker:
    """A process that makes one attempt after another, and a new one once it is gone."""

    def __init__(self, attack: Attack) -> None:
        self.attack = attack
        self.seed = 0
        self._start()

    def _start(self) -> None:
        self.link, other = _FORK.Pipe()
        self.process = _FORK.Process(target=_work, args=(self.attack, other))
        self.process.start()
        other.close()

    def give(self, seed: int | None) -> bool:
        """Let it make an attempt; False where there is none to make."""
        if seed is None:
            return False
        self.seed, self.clock = seed, Clock(self.process.pid)
        self.link.send(seed)
        return True

    def take(self) -> Attempt:
        """What became of the attempt, once it has ended or its time is over."""
        if self.link.poll():
            with contextlib.suppress(EOFError, OSError):
                return self.link.recv()
        seconds = self.clock.seconds
        self.process.join(0.1)
        code = self.process.exitcode
        why = f"no end within {self.attack.limit_s:g} s" if code is None else f"died ({code})"
        self.end()
        _remove(_place(self.attack, self.seed))
        self._start()
        return Attempt(self.seed, "", why, seconds, 0.0)

    @property
    def left_s(self) -> float:
        """Seconds that it may still take for its attempt."""
        return self.attack.limit_s - self.clock.seconds

    def end(self) -> None:
        """End the process and all that it has started."""
        if self.process.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid or 0, signal.SIGKILL)
            self.process.kill()  # in its first moment it has no group yet
        self.process.join()
        self.link.close()


def _first_ready(busy: list[_Worker]) -> _Worker:
    while True:
        left = {worker: worker.left_s for worker in busy}
        if late := [worker for worker in busy if left[worker] <= 0]:
            return late[0]
        ready = wait([worker.link for worker in busy], timeout=min(left.values()))
        if ready:
            return next(worker for worker in busy if worker.link is ready[0])


def _work(attack: Attack, link: Connection) -> None:
    os.setpgid(0, 0)  # so that all can be ended together
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    torch.set_num_threads(1)  # threads of OpenMP do not survive a fork
    while True:
        try:
            seed = link.recv()
        except EOFError:
            os._exit(0)
        link.send(_one(attack, seed))


def _one(attack: Attack, seed: int) -> Attempt:
    place = _place(attack, seed)
    place.mkdir()
    outcome, fell = "", None
    before = _megabytes("VmRSS", reset=True)
    clock = Clock()
    try:
        outcome = attack.attempt(seed, place)
    except Fell as error:
        fell = str(error)
    except BaseException:  # whatever it is, it is what the attack was made to find
        fell = traceback.format_exc(limit=-6)
    seconds = clock.seconds
    peak = max(0.0, _megabytes("VmHWM") - before)
    _remove(place)
    if fell is None and attack.limit_mb is not None and peak > attack.limit_mb:
        fell = f"took {peak:.0f} MB, above {attack.limit_mb:g}"
    return Attempt(seed, outcome, fell, seconds, peak)


def _place(attack: Attack, seed: int) -> Path:
    return attack.world.scratch / f"{attack.name}-{seed}"


def _remove(place: Path) -> None:
    with contextlib.suppress(OSError):
        for folder in (place, *_folders(place)):
            folder.chmod(0o700)
    shutil.rmtree(place, ignore_errors=True)


def _folders(place: Path) -> Iterator[Path]:
    for root, names, _ in os.walk(place):
        yield from (Path(root, name) for name in names if not Path(root, name).is_symlink())


def _megabytes(field: str, *, reset: bool = False) -> float:
    """Memory of this process as Linux counts it; 0 on other systems."""
    if sys.platform != "linux":
        return 0.0
    if reset:
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    status = Path("/proc/self/status").read_text()
    match = re.search(rf"{field}:\s+(\d+) kB", status)
    return int(match[1]) / 1024 if match else 0.0
