"""Commands that are killed, stopped or refused a write, and given again."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import signal
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.base import Attack, Fell
from fuzz.commands import Ran, litter, start
from fuzz.faults import at_write, count_writes, interrupted, killed, refused, terminated
from fuzz.world import BACKBONE, SHORT, World, digest

# Fields of JSON that say how long something took, or by which words.
TIMES = re.compile(r"seconds|memory|command|time|images_per_second|settings_hash|source")
_PARQUET = ("--format", "parquet")


@dataclass(frozen=True)
class Job:
    """A command that writes something.

    Attributes:
        name: of the job.
        out: what it writes, below the folder of an attempt.
        arguments: with `OUT` for where that is.
    """

    name: str
    out: str
    arguments: tuple[str, ...]

    def at(self, place: Path) -> list[str]:
        """The arguments for a place."""
        return [word.replace("OUT", str(place / self.out)) for word in self.arguments]


def jobs(world: World) -> list[Job]:
    """The commands that are attacked."""
    images, model, out = str(world.images), str(world.models["ldpf"]), ("--out", "OUT")
    backbone = ("--backbone", BACKBONE)
    train = ("train", images, *out, *backbone, "--no-advice", *SHORT)
    small = ("--methods", "zero-shot,coop", "--seeds", "1", "--jobs", "1", *SHORT)
    return [
        Job("train", "model", train),
        Job("train coop", "model", (*train, "--method", "coop")),
        Job("benchmark", "results", ("benchmark", images, *backbone, *out, *small)),
        Job("predict", "rows.csv", ("predict", model, images, *out)),
        Job("predict parquet", "rows.parquet", ("predict", model, images, *out, *_PARQUET)),
        Job("classes", "renamed", ("classes", model, "--rename", "cat=tiger", *out)),
        Job("export", "model.onnx", ("export", model, *out)),
        Job("report", "report.html", ("report", model, "--data", images, *out)),
        Job("domains", "domains", ("domains", images, *backbone, *out)),
        Job("table", "table.tex", ("table", str(world.results), "--format", "latex", *out)),
    ]


def bits(place: Path) -> dict[str, str]:
    """A digest of each file below a place, apart from times and from names of folders."""
    found = {}
    for file in sorted(place.rglob("*")):
        if not file.is_file():
            continue
        if file.name == "done":  # its further lines are digests of files with times in them
            content = file.read_text().splitlines()[0]
        elif file.name == "table.md":  # has times, and comes from results.jsonl
            content = ""
        elif file.suffix in (".json", ".jsonl"):
            lines = file.read_text().splitlines() if file.suffix == ".jsonl" else [file.read_text()]
            content = json.dumps([_timeless(json.loads(line)) for line in lines])
        elif file.suffix == ".safetensors":  # the order of its metadata is no one's choice
            whole = file.read_bytes()
            size = struct.unpack("<Q", whole[:8])[0]
            header = json.dumps(json.loads(whole[8 : 8 + size]), sort_keys=True)
            content = hashlib.sha256(header.encode() + whole[8 + size :]).hexdigest()
        else:
            content = digest(file)
        found[str(file.relative_to(place))] = content.replace(str(place), "")
    return found


def _timeless(content: Any) -> Any:
    if isinstance(content, dict):
        return {k: _timeless(v) for k, v in content.items() if not TIMES.search(k)}
    return [_timeless(item) for item in content] if isinstance(content, list) else content


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

    limit_s = 300.0

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
        ran = self.start(job, place, lambda: count_writes([out, place / "cache"], counted)).wait()
        seconds = time.monotonic() - begun
        if ran.code != 0:
            raise RuntimeError(f"ldpf {job.name} fails undisturbed:\n{ran.err}")
        return Known(bits(out), counted.stat().st_size, seconds)

    def start(self, job: Job, place: Path, before: Callable[[], None] | None = None):
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


SIGNALS: tuple[tuple[Callable[[], None], int, int], ...] = (
    (killed, signal.SIGKILL, -signal.SIGKILL),
    (killed, signal.SIGKILL, -signal.SIGKILL),
    (terminated, signal.SIGTERM, 143),
    (interrupted, signal.SIGINT, 130),
)
"""What stops a command: the fault, its signal, and the exit code that it should have."""


def check_stopped(job: Job, ran: Ran, expected: int) -> str:
    """What became of a command that was to be stopped; raise Fell for another end than that."""
    if ran.code == 0:
        return "ended before it"
    if ran.code != expected or "Traceback" in ran.err:
        raise Fell(f"stopped, {job.name} ends with {ran.code}: {ran.err[-1500:]}")
    if expected > 0 and "Stopped" not in ran.err:
        raise Fell(f"stopped, {job.name} does not say so: {ran.err[-500:]}")
    return "same bits"


class KillsAtWrites(Disturbed):
    """A command stopped just before any of its changes of the disk resumes with the same bits."""

    name = "writes"
    title = "stopped before each write (SIGKILL, SIGTERM, SIGINT), then given again"
    count = 600

    def attempt(self, seed: int, place: Path) -> str:
        """Stop a job before one of its writes, perhaps twice."""
        draws = np.random.default_rng([6, seed])
        every = [(job, k) for job in self.jobs for k in range(1, self.known[job.name].writes + 1)]
        # Steps of a prime number: the seeds of a run are spread over all jobs and writes.
        job, number = every[seed * 7919 % len(every)]
        make_place(place)
        outcome = ""
        for _ in range(1 if draws.random() < 0.7 else 2):
            fault, _, expected = SIGNALS[int(draws.integers(len(SIGNALS)))]
            folders = [place / "out", place / "cache"]
            arm = _armed(number, folders, fault)
            outcome = check_stopped(job, self.start(job, place, arm).wait(), expected)
            number = int(draws.integers(1, number + 1))
        self.finish(job, place)
        return outcome


def _armed(number: int, folders: list[Path], fault: Callable[[], None]) -> Callable[[], None]:
    return lambda: at_write(number, folders, fault)


class KillsAtRandom(Disturbed):
    """A command stopped at any moment resumes with the same bits."""

    name = "kills"
    title = "stopped at a random moment, then given again"
    count = 200

    def attempt(self, seed: int, place: Path) -> str:
        """Stop a job after a random time, perhaps twice."""
        draws = np.random.default_rng([7, seed])
        job = self.jobs[seed % len(self.jobs)]
        make_place(place)
        outcome = ""
        for _ in range(1 if draws.random() < 0.7 else 2):
            _, number, expected = SIGNALS[int(draws.integers(len(SIGNALS)))]
            begun = self.start(job, place)
            time.sleep(float(draws.uniform(0.02, self.known[job.name].seconds)))
            begun.kill(number)
            ran = begun.wait()
            # A signal in the first moment meets a process that has not begun with the command.
            early = ran.code in (-number, 70) and not ran.out and "device" not in ran.err
            outcome = "before it began" if early else check_stopped(job, ran, expected)
        self.finish(job, place)
        return outcome


REFUSALS = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO, errno.EDQUOT)


class RefusedWrites(Disturbed):
    """A write that the system refuses is one sentence, and the same command resumes later."""

    name = "refusals"
    title = "a write refused by the system (full, read-only, broken), then given again"
    count = 300

    def attempt(self, seed: int, place: Path) -> str:
        """Refuse one write of a job."""
        draws = np.random.default_rng([8, seed])
        every = [(job, k) for job in self.jobs for k in range(1, self.known[job.name].writes + 1)]
        job, number = every[seed * 7919 % len(every)]
        make_place(place)
        code = REFUSALS[int(draws.integers(len(REFUSALS)))]
        folders = [place / "out", place / "cache"]
        ran = self.start(job, place, _armed(number, folders, refused(code))).finished()
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
