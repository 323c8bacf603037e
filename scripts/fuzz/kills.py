"""Commands that are killed, stopped or refused a write, and given again."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from fuzz.base import Attack, Fell
from fuzz.bits import bits
from fuzz.commands import (
    Ran,
    Started,
    import_modules,
    keep_names_of_modules,
    litter,
    start,
)
from fuzz.faults import at_write, count_writes, refused
from fuzz.jobs import Job, jobs
from fuzz.world import World


@dataclass(frozen=True)
class Known:
    """A job that nothing has disturbed.

    Attributes:
        bits: of what it has written.
        writes: how often it has changed a disk.
        seconds: it took.
    """

    bits: dict[str, str]
    writes: int
    seconds: float


_KNOWN: dict[World, dict[str, Known]] = {}


class Disturbed(Attack):
    """Base: a job is disturbed, then given again, and must end with the same bits."""

    limit_s = 1800.0  # each of its commands has a limit of its own

    @cached_property
    def jobs(self) -> list[Job]:
        """Those of the world."""
        return jobs(self.world)

    @property
    def known(self) -> dict[str, Known]:
        """Each job undisturbed, once a world; made before the processes of the attempts begin."""
        if self.world not in _KNOWN:
            _KNOWN[self.world] = {job.name: self._undisturbed(job) for job in self.jobs}
        return _KNOWN[self.world]

    def check_possible(self) -> None:
        """Also make what all attempts compare with."""
        assert self.known

    def _undisturbed(self, job: Job) -> Known:
        place = self.world.scratch / f"known {os.getpid()} {job.name}"
        (place / "out").mkdir(parents=True)
        (place / "words").mkdir()
        out, counted = place / "out", place / "writes"
        begun = time.monotonic()
        modules = place / "modules"

        def prepare() -> None:
            count_writes([out, place / "cache"], counted)
            keep_names_of_modules(modules)

        ran = self.start(job, place, prepare).wait()
        seconds = time.monotonic() - begun
        if ran.code != 0:
            raise RuntimeError(f"ldpf {job.name} fails undisturbed:\n{ran.err}")
        import_modules(modules)  # so that the processes of the attempts need not
        return Known(bits(out), counted.stat().st_size, seconds)

    def start(self, job: Job, place: Path, before: Callable[[], None] | None = None) -> Started:
        """Start a job in `place / "out"`, with a cache of its own, in a process of its own."""

        def prepare() -> None:
            os.environ["LDPF_CACHE"] = str(place / "cache")
            checkpoint_at_every_look()
            if before is not None:
                before()

        return start(place / "words", *job.at(place / "out"), before=prepare)

    def finish(self, job: Job, place: Path) -> None:
        """Give the command again; raise Fell where it does not end as if nothing had happened."""
        ran = self.start(job, place).finished()
        self.check_end(job, place, ran)

    def check_end(self, job: Job, place: Path, ran: Ran) -> None:
        """Raise Fell where the last command has not left what an undisturbed one leaves."""
        if ran.code != 0:
            raise Fell(f"given again, {job.name} ends with {ran.code}: {ran.err[-1500:]}")
        known, found = self.known[job.name].bits, bits(place / "out")
        if set(found) != set(known):
            raise Fell(f"{job.name} leaves other files: {sorted(set(found) ^ set(known))}")
        if other := [name for name in known if found[name] != known[name]]:
            raise Fell(f"given again, {job.name} ends with other bits in {other}: {ran.err[-800:]}")
        if left := [str(one.relative_to(place)) for one in litter(place)]:
            raise Fell(f"{job.name} leaves {left}")


def checkpoint_at_every_look() -> None:
    """Keep a checkpoint whenever one may be kept, and not every 20 seconds, in this process."""
    from ldpf.training.callbacks import RunRecord

    values = RunRecord.__init__.__defaults__ or ()
    assert values[1] == 20.0
    RunRecord.__init__.__defaults__ = (values[0], 0.0, *values[2:])


def make_place(place: Path) -> None:
    """The folders of an attempt."""
    (place / "out").mkdir()
    (place / "words").mkdir()


@dataclass(frozen=True)
class Stop:
    """A way to stop a command.

    Attributes:
        number: of the signal that stops it.
        code: exit code that it should have then.
    """

    number: int
    code: int

    def fault(self) -> None:
        """Send the signal to this process."""
        os.kill(os.getpid(), self.number)

    def outcome(self, job: Job, ran: Ran) -> str:
        """What became of a command that was to be stopped; raise Fell for an end of its own."""
        if ran.code == 0:
            return "ended before it"
        if ran.code != self.code or "Traceback" in ran.err:
            raise Fell(f"stopped, {job.name} ends with {ran.code}: {ran.err[-1500:]}")
        if self.code > 0 and "Stopped" not in ran.err:
            raise Fell(f"stopped, {job.name} does not say so: {ran.err[-500:]}")
        return "same bits"


_KILL = Stop(signal.SIGKILL, -signal.SIGKILL)  # as by a power cut, or without memory
_STOPS = (
    _KILL,
    _KILL,  # twice: half of all
    Stop(signal.SIGTERM, 143),  # as by a scheduler whose time is over
    Stop(signal.SIGINT, 130),  # as by Ctrl-C
)


class AtWrites(Disturbed):
    """Base: something happens just before one of the changes that a job makes to the disk."""

    def chosen(self, seed: int) -> tuple[Job, int]:
        """A job, and the number of one of its writes."""
        every = [(job, k) for job in self.jobs for k in range(1, self.known[job.name].writes + 1)]
        # Steps of a prime number: the seeds of a run are spread over all jobs and writes.
        return every[seed * 7919 % len(every)]

    def start_armed(self, job: Job, place: Path, number: int, fault: Callable[[], None]) -> Started:
        """Start a job in whose write of that number `fault` happens."""
        folders = [place / "out", place / "cache"]
        return self.start(job, place, lambda: at_write(number, folders, fault))


class KillsAtWrites(AtWrites):
    """A command stopped just before any of its changes of the disk resumes with the same bits."""

    name = "writes"
    title = "stopped before each write (SIGKILL, SIGTERM, SIGINT), then given again"
    count = 360  # a few more than there are writes

    def attempt(self, seed: int, place: Path) -> str:
        """Stop a job before one of its writes, perhaps twice."""
        draws = np.random.default_rng([6, seed])
        job, number = self.chosen(seed)
        make_place(place)
        outcome = ""
        for _ in range(1 if draws.random() < 0.7 else 2):
            stop = _STOPS[int(draws.integers(len(_STOPS)))]
            outcome = stop.outcome(job, self.start_armed(job, place, number, stop.fault).wait())
            number = int(draws.integers(1, number + 1))
        self.finish(job, place)
        return outcome


class KillsAtRandom(Disturbed):
    """A command stopped at any moment resumes with the same bits."""

    name = "kills"
    title = "stopped at a random moment, then given again"
    count = 100

    def attempt(self, seed: int, place: Path) -> str:
        """Stop a job after a random time, perhaps twice."""
        draws = np.random.default_rng([7, seed])
        job = self.jobs[seed % len(self.jobs)]
        make_place(place)
        outcome = ""
        for _ in range(1 if draws.random() < 0.7 else 2):
            stop = _STOPS[int(draws.integers(len(_STOPS)))]
            begun = self.start(job, place)
            time.sleep(float(draws.uniform(0.02, self.known[job.name].seconds)))
            begun.kill(stop.number)
            ran = begun.wait()
            # A signal in the first moment meets a process that has not begun with the command, or
            # Typer, which reads the options and ends with 130 and no word.
            begun_with_it = ran.out or "device" in ran.err or (ran.code == 130 and ran.err)
            early = ran.code in (-stop.number, 70, 130) and not begun_with_it
            # One in the last moment meets a process that has done and printed everything.
            late = ran.code == -signal.SIGTERM and ran.out
            if early:
                outcome = "before it began"
            else:
                outcome = "ended before it" if late else stop.outcome(job, ran)
        self.finish(job, place)
        return outcome


_REFUSALS = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO, errno.EDQUOT)


class RefusedWrites(AtWrites):
    """A write that the system refuses is one sentence, and the same command resumes later."""

    name = "refusals"
    title = "a write refused by the system (full, read-only, broken), then given again"
    count = 100

    def attempt(self, seed: int, place: Path) -> str:
        """Refuse one write of a job."""
        draws = np.random.default_rng([8, seed])
        job, number = self.chosen(seed)
        make_place(place)
        fault = refused(_REFUSALS[int(draws.integers(len(_REFUSALS)))])
        ran = self.start_armed(job, place, number, fault).finished()
        self.finish(job, place)
        return "one sentence" if ran.code else "finished all the same"


class Races(Disturbed):
    """Of commands with one output at one time one writes, and the others say so."""

    name = "races"
    title = "two to four commands with one output at once"
    count = 50

    def attempt(self, seed: int, place: Path) -> str:
        """Start the same command several times within a moment."""
        draws = np.random.default_rng([9, seed])
        job = self.jobs[seed % len(self.jobs)]
        make_place(place)
        begun = []
        for _ in range(int(draws.integers(2, 5))):
            begun.append(self.start(job, place))
            time.sleep(float(draws.choice((0, 0, 0.01, 0.2))))
        codes = [one.finished(120.0).code for one in begun]
        if 0 not in codes:
            raise Fell(f"none of {len(codes)} commands {job.name} has finished: {codes}")
        self.finish(job, place)
        return "one wrote" if codes.count(0) == 1 else "several in turn"
