"""Runs side by side: processes that share a benchmark's data through one file."""

from __future__ import annotations

import functools
import logging
import multiprocessing
import os
import signal
import tempfile
import threading
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ldpf.backbones import load_backbone
from ldpf.errors import BackboneError, LdpfError
from ldpf.experiments.plan import Task
from ldpf.experiments.shared_runs import run_group
from ldpf.experiments.task import Benchmark, Outcome
from ldpf.features.feature_set import FeatureSet
from ldpf.text.memory_budget import MEMORY_BUDGET_MIB
from ldpf.utils.trees import load_tree, save_tree

log = logging.getLogger("ldpf")

_PROCESS_MIB = MEMORY_BUDGET_MIB + 1024
"""What a process may take: a training pass, and the libraries and weights around it."""


def choose_jobs(n_runs: int, device: torch.device | str) -> tuple[int, str]:
    """How many runs to do side by side, and why.

    One for each thread that torch may use: a training step is too small to gain much from several.
    Physical memory, not what happens to be free, limits them, so that the same command makes the
    same choice.

    Args:
        n_runs: runs that learn something; the others take no time.
        device: where they compute; on a GPU they would only wait for each other.
    """
    if torch.device(device).type != "cpu":
        return 1, "one run at a time on a GPU"
    threads = torch.get_num_threads()
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**20
    except (AttributeError, ValueError, OSError):
        memory = 2 * _PROCESS_MIB
    fitting = max(1, int(memory // _PROCESS_MIB))
    jobs = min(threads, fitting, max(1, n_runs))
    if jobs >= n_runs:
        return jobs, "as many as there are runs"
    if jobs == threads:
        return jobs, "one for each processor"
    return jobs, f"{memory / 1024:.0f} GiB of memory"


class Workers:
    """Processes that each hold the data and the backbone and take one run after the other."""

    def __init__(self, benchmark: Benchmark, jobs: int) -> None:
        """Prepare for `jobs` processes; they start on `__enter__`."""
        self.benchmark, self.jobs = benchmark, jobs
        self.folder = tempfile.TemporaryDirectory(prefix="ldpf-")

    def __enter__(self) -> Workers:
        self.shared = Path(self.folder.name) / "features.safetensors"
        save_tree(self.shared, _feature_tree(self.benchmark.data))
        threads = max(1, torch.get_num_threads() // self.jobs)
        # Not forked: a copy of a process whose libraries hold threads may hang.
        context = multiprocessing.get_context("spawn")
        self.pool = ProcessPoolExecutor(self.jobs, context, initializer=_begin, initargs=(threads,))
        return self

    def __exit__(self, *exception: Any) -> None:
        self.pool.shutdown(wait=False, cancel_futures=True)
        # After an interruption runs that are under way have their checkpoints, and waiting for
        # their end would take minutes; after the last run nothing is left but seconds of clearing
        # up, which the system does better.
        for process in multiprocessing.active_children():
            process.terminate()
        self.pool.shutdown()
        self.folder.cleanup()

    def run(self, groups: Sequence[Sequence[Task]]) -> Iterator[tuple[Task, Outcome]]:
        """Every task with its outcome, as the groups finish; a group stays in one process.

        Raises:
            LdpfError: a process ended, as it does when memory runs out.
        """
        bare = replace(self.benchmark, data=None, backbone=None)  # these load on the other side
        backbone = self.benchmark.backbone
        frozen = backbone.name, str(backbone.device), backbone.fingerprint
        waiting: list[Future[tuple[dict[Task, Outcome], list[str]]]] = [
            self.pool.submit(_run, bare, self.shared, frozen, group) for group in groups
        ]
        for future in as_completed(waiting):
            try:
                outcomes, messages = future.result()
            except BrokenProcessPool as error:
                raise LdpfError(
                    f"A process that did one of {self.jobs} runs side by side was ended from "
                    "outside, as happens when memory runs out. The same command goes on from here; "
                    f"give it fewer at a time (--jobs {max(1, self.jobs // 2)})."
                ) from error
            for message in messages:
                log.warning("%s: %s", ", ".join(map(str, outcomes)), message)
            yield from outcomes.items()


def _begin(threads: int) -> None:
    """Set a new process up: its threads, and what ends it."""
    torch.set_num_threads(threads)
    # Ctrl-C reaches every process of a terminal; the one that began the others ends them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def end_with_parent() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


def _run(
    bare: Benchmark, shared: Path, frozen: tuple[str, str, str], group: Sequence[Task]
) -> tuple[dict[Task, Outcome], list[str]]:
    """Do a group in this process; returns the outcomes and the warnings on the way."""
    messages = _Messages()
    log.addHandler(messages)
    log.propagate = False
    try:
        with warnings.catch_warnings():
            warnings.showwarning = messages.warning
            data, backbone = _load(shared), _load_backbone(*frozen)
            outcomes = dict(run_group(replace(bare, data=data, backbone=backbone), group))
    finally:
        log.removeHandler(messages)
    return outcomes, list(dict.fromkeys(messages.texts))


class _Messages(logging.Handler):
    """Warnings of this library, kept as texts."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())

    def warning(self, message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        if category is UserWarning:
            self.texts.append(str(message))


@functools.cache
def _load_backbone(name: str, device: str, fingerprint: str) -> Any:
    backbone = load_backbone(name, device)
    if backbone.fingerprint != fingerprint:
        raise BackboneError(
            f"The backbone {name!r} changed while it was in use; start the command again."
        )
    return backbone


@functools.cache
def _load(shared: Path) -> FeatureSet:
    tree = load_tree(shared)
    splits = tree["splits"]
    return FeatureSet(
        features=tree["features"],
        labels=tree["labels"],
        domains=tree["domains"],
        class_names=tuple(tree["class_names"]),
        domain_names=tuple(tree["domain_names"]),
        paths=tuple(tree["paths"]),
        splits=None if splits is None else np.asarray(splits),
    )


def _feature_tree(data: FeatureSet) -> dict[str, Any]:
    return {
        "features": data.features,
        "labels": data.labels,
        "domains": data.domains,
        "class_names": list(data.class_names),
        "domain_names": list(data.domain_names),
        "paths": list(data.paths),
        "splits": None if data.splits is None else data.splits.tolist(),
    }
