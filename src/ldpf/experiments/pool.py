"""Runs side by side: joblib's workers, which get a benchmark's features through one mapped file."""

from __future__ import annotations

import atexit
import contextlib
import functools
import logging
import os
import shutil
import tempfile
import threading
import uuid
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from pickle import PicklingError
from typing import Any

import joblib
import numpy as np
import psutil
import torch
from joblib.externals.loky.process_executor import TerminatedWorkerError

from ldpf.backbones import load_backbone
from ldpf.errors import BackboneError, LdpfError
from ldpf.experiments.experiment import Experiment, Job
from ldpf.experiments.run import Outcome
from ldpf.experiments.shared_runs import run_group
from ldpf.features.feature_set import FeatureSet
from ldpf.text.memory_budget import MEMORY_BUDGET_MIB
from ldpf.utils.paths import working_directory
from ldpf.utils.resources import total_memory_mib
from ldpf.utils.temporary import remove_litter, temporary_beside
from ldpf.utils.ways import command_line, reads_options, setting

log = logging.getLogger("ldpf")

_COPIES = "ldpf-features"
_SHARED_MEMORY = Path("/dev/shm")
_ENOUGH_FREE = 2 * 10**9  # bytes, as joblib asks for

_PROCESS_MIB = MEMORY_BUDGET_MIB + 1024
"""What a process may take: a training pass, and the libraries and weights around it."""


def choose_jobs(n_runs: int, device: torch.device | str) -> tuple[int, str]:
    """How many runs to do side by side, and why.

    One for each thread that torch may use: a training step is too small to gain much from several.
    All memory, not what happens to be free, limits them, so that the same command makes the same
    choice.

    Args:
        n_runs: runs that learn something; the others take no time.
        device: where they compute; on a GPU they would only wait for each other.
    """
    if torch.device(device).type != "cpu":
        return 1, "one run at a time on a GPU"
    threads, memory = torch.get_num_threads(), total_memory_mib()
    fitting = max(1, int(memory // _PROCESS_MIB))
    jobs = min(threads, fitting, max(1, n_runs))
    if jobs >= n_runs:
        return jobs, "as many as there are runs"
    if jobs == threads:
        return jobs, "one for each processor"
    return jobs, f"{memory / 1024:.0f} GiB of memory"


def run_side_by_side(
    experiment: Experiment, groups: Sequence[Sequence[Job]], n_workers: int
) -> Iterator[tuple[Job, Outcome]]:
    """Every job with its outcome, as their groups finish.

    Workers are joblib's: processes of this machine that are never forked (loky), or whatever
    backend the caller has chosen with `joblib.parallel_config`, of which threads are tested.

    Args:
        experiment: of all jobs; workers load its backbone by name.
        groups: jobs that one worker does together, in the order in which the groups begin.
        n_workers: how many groups run at a time. Each gets its share of this process's threads.

    Raises:
        LdpfError: a worker died, as happens when memory runs out; or a job cannot be sent to one.
    """
    work = Work.of(experiment, threads=max(1, torch.get_num_threads() // n_workers))
    # Copies on write: torch warns of arrays that it may not write to.
    copies = _folder_for_copies()
    parallel: Any = joblib.Parallel(
        n_workers,
        return_as="generator_unordered",
        batch_size=1,  # type: ignore[arg-type]
        mmap_mode="c",
        temp_folder=str(copies),
    )
    tasks = (joblib.delayed(_do_in_worker)(work, i, group) for i, group in enumerate(groups))
    try:
        # Closed early, as after Ctrl-C, joblib ends the workers without waiting: runs that are
        # under way have their checkpoints.
        with closing(parallel(tasks)) as done:
            for number, outcomes, messages in done:
                group = groups[number]
                for message in messages:
                    log.warning("%s: %s", "; ".join(str(job.task) for job in group), message)
                yield from zip(group, outcomes, strict=True)
    except TerminatedWorkerError as error:
        raise LdpfError(
            f"A process that did one of {n_workers} runs side by side was ended from outside, as "
            "happens when memory runs out. The same command resumes from here; give it fewer at a "
            f"time ({setting('jobs', max(1, n_workers // 2))})."
        ) from error
    except (BrokenProcessPool, PicklingError) as error:
        raise LdpfError(
            f"A run cannot be sent to another process ({error}); put its method into a module that "
            f"can be imported, or run one at a time ({setting('jobs', 1)})."
        ) from error


def _folder_for_copies() -> Path:
    """Where the features are put that workers map; those of killed processes are removed.

    In memory where there is enough of it, as joblib does by itself.
    """
    parent = Path(os.environ.get("JOBLIB_TEMP_FOLDER") or tempfile.gettempdir())
    if "JOBLIB_TEMP_FOLDER" not in os.environ and _SHARED_MEMORY.is_dir():
        with contextlib.suppress(OSError):
            free = shutil.disk_usage(_SHARED_MEMORY).free
            if free >= _ENOUGH_FREE and os.access(_SHARED_MEMORY, os.W_OK):
                parent = _SHARED_MEMORY
    remove_litter(parent, of=_COPIES)
    folder = temporary_beside(parent / _COPIES)
    folder.mkdir(mode=0o700)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@dataclass(frozen=True)
class Work:
    """An experiment on its way to a worker: arrays that can be mapped, and no backbone."""

    bare: Experiment  # without data and backbone
    arrays: dict[str, np.ndarray | None]
    paths: np.ndarray  # [bytes] uint8: pickled as strings they would take longer than a short run
    class_names: tuple[str, ...]
    domain_names: tuple[str, ...]
    backbone: tuple[str, str, str]  # name, device, fingerprint
    threads: int
    parent: int | None  # process that waits for the outcomes; None for one elsewhere
    directory: str | None  # that relative paths start from; None where it was deleted
    token: str = ""  # of this experiment alone
    typed: bool = False  # whether messages are read by someone who typed a command

    @classmethod
    def of(cls, experiment: Experiment, threads: int) -> Work:
        """The experiment, ready to be sent; a worker computes with `threads` threads."""
        data, backbone = experiment.data, experiment.backbone
        tensors = {"features": data.features, "labels": data.labels, "domains": data.domains}
        tensors["style"] = data.style
        arrays = {name: None if t is None else t.numpy() for name, t in tensors.items()}
        return cls(
            bare=replace(experiment, data=None, backbone=None),  # type: ignore[arg-type]
            arrays={**arrays, "splits": data.splits, "groups": data.groups},
            paths=np.frombuffer("\0".join(data.paths).encode(), dtype=np.uint8),
            class_names=data.class_names,
            domain_names=data.domain_names,
            backbone=(backbone.name, str(backbone.device), backbone.fingerprint),
            threads=threads,
            parent=os.getpid(),
            directory=working_directory(),
            token=uuid.uuid4().hex,
            typed=reads_options(),
        )

    def experiment(self) -> Experiment:
        """The experiment, in the worker."""
        tensors = {
            name: None if array is None else torch.from_numpy(array)
            for name, array in self.arrays.items()
            if name not in ("splits", "groups")
        }
        data = FeatureSet(
            **tensors,  # type: ignore[arg-type]
            class_names=self.class_names,
            domain_names=self.domain_names,
            paths=tuple(self.paths.tobytes().decode().split("\0")),
            splits=self.arrays["splits"],
            groups=self.arrays["groups"],
        )
        return replace(self.bare, data=data, backbone=backbone_of_worker(*self.backbone))


def do_groups(
    work: Work, chunk: Sequence[tuple[int, Sequence[Job]]]
) -> list[tuple[int, list[Outcome], list[str]]]:
    """Do several groups of jobs, by their numbers, in a worker that keeps data and backbone.

    Returns:
        Of each group what `_do_in_worker` returns.
    """
    return [_do_in_worker(work, number, group, keep=True) for number, group in chunk]


_KEPT: dict[str, Experiment] = {}
"""The experiment that this worker did last, by its token: reading it takes its time."""


def _kept_experiment(work: Work) -> Experiment:
    if work.token not in _KEPT:
        _KEPT.clear()
        with warnings.catch_warnings():
            # Arrays in memory that workers share are read only, and nothing writes to them.
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
            _KEPT[work.token] = work.experiment()
    return _KEPT[work.token]


def _do_in_worker(
    work: Work, number: int, group: Sequence[Job], *, keep: bool = False
) -> tuple[int, list[Outcome], list[str]]:
    """Do a group of jobs in this process; `keep` data and backbone for the next one.

    Returns:
        The number of the group, the outcomes in the order of its jobs, and the warnings on the way.
    """
    if work.parent is not None:
        _end_with(work.parent)
    _move_to(work.directory)
    with _kept_messages() as messages, _threads(work.threads), command_line(work.typed):
        experiment = _kept_experiment(work) if keep else work.experiment()
        outcomes = {job.task: outcome for job, outcome in run_group(experiment, group)}
    return number, [outcomes[job.task] for job in group], list(dict.fromkeys(messages))


def _move_to(directory: str | None) -> None:
    """Let relative paths start from where they do in the process that waits.

    joblib uses workers again, also after that process has gone to another directory.
    """
    if directory is not None and directory != working_directory():
        with contextlib.suppress(OSError):  # a worker elsewhere, where there is no such folder
            os.chdir(directory)


@functools.cache
def _end_with(parent: int) -> None:
    """End this worker when the process that began it is gone.

    A worker that keeps running would write into the run folders while the same command is given
    again.
    Workers of other backends have another parent, which looks after them.
    """
    if os.getppid() != parent:
        return

    def wait() -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(parent).wait()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let torch compute with `count` threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)  # of a backend that computes in the caller's process


@contextlib.contextmanager
def _kept_messages() -> Iterator[list[str]]:
    """Keep warnings of this library as texts instead of printing them."""
    messages = _Messages()
    propagate = log.propagate
    log.addHandler(messages)
    log.propagate = False
    try:
        with warnings.catch_warnings():
            warnings.showwarning = messages.warning
            yield messages.texts
    finally:
        log.removeHandler(messages)
        log.propagate = propagate


class _Messages(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())

    def warning(self, message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        if category is UserWarning:
            self.texts.append(str(message))


@functools.cache
def backbone_of_worker(name: str, device: str, fingerprint: str) -> Any:
    """The backbone, loaded once by a worker.

    Raises:
        BackboneError: it is another one than where the work was given.
    """
    backbone = load_backbone(name, device)
    if backbone.fingerprint != fingerprint:
        raise BackboneError(
            f"The backbone {name!r} changed while it was in use; start the command again."
        )
    return backbone
