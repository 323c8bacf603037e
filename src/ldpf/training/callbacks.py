"""What follows a training: the log of its run, progress on the screen, curves in TensorBoard."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ldpf.errors import SettingsError
from ldpf.text.contexts import nearest_words
from ldpf.utils.files import append_text, named_errors, write_text
from ldpf.utils.ways import named

if TYPE_CHECKING:
    import torch
    from torch.utils.tensorboard import SummaryWriter

    from ldpf.backbones import TextTower
    from ldpf.training.shared_passes import Member

log = logging.getLogger("ldpf")


CHECKPOINT = "checkpoint.safetensors"
"""File in a run's folder from which an interrupted training resumes."""


class Callback(Protocol):
    """Follows a training."""

    def begin(self, history: Iterable[Mapping[str, Any]] = ()) -> None:
        """Training starts, or resumes after `history`, which an earlier process has logged."""
        ...

    def add(self, line: Mapping[str, Any]) -> None:
        """One line was logged."""
        ...


@dataclass
class RunRecord:
    """Where a training run writes its log and checkpoint, and what it counted.

    Attributes:
        folder: for metrics.jsonl and checkpoint.safetensors; None keeps both in memory only.
        checkpoint_every_s: seconds between checkpoints.
        text_passes: forward passes through the text encoder so far.
        history: logged lines, also of the part before a resume.
        seconds_before: training time of the part before a resume.
        member: where several trainings share their text passes, this one's part.
        callbacks: get every line as it is logged.
    """

    folder: Path | None = None
    checkpoint_every_s: float = 20.0
    text_passes: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    seconds_before: float = 0.0
    member: Member | None = None
    callbacks: Sequence[Callback] = ()

    def add(self, **line: Any) -> None:
        """Log one line."""
        self.history.append(line)
        if self.folder is not None:
            append_text(self.folder / "metrics.jsonl", json.dumps(line) + "\n")
        for callback in self.callbacks:
            callback.add(line)

    def rewrite(self) -> None:
        """Make log file and callbacks equal to the history; called once, before the first step.

        Lines after the last checkpoint are dropped.
        """
        if self.folder is not None:
            lines = "".join(json.dumps(line) + "\n" for line in self.history)
            write_text(self.folder / "metrics.jsonl", lines)
        for callback in self.callbacks:
            callback.begin(self.history)

    @property
    def checkpoint(self) -> Path | None:
        """The checkpoint's path."""
        return None if self.folder is None else self.folder / CHECKPOINT


class ProgressLog:
    """Says every few seconds how far training has come."""

    def __init__(self, every_s: float = 5.0, *, say: Callable[[str], None] = log.info) -> None:
        """Call `say` with a line at most once in `every_s` seconds; by default it is logged."""
        self.every_s = every_s
        self.say = say
        self.begin()

    def begin(self, history: Iterable[Mapping[str, Any]] = ()) -> None:
        """Take the best accuracy so far from `history`."""
        self.logged = time.monotonic()
        self.best = max((line.get("validation_accuracy") or 0.0 for line in history), default=0.0)

    def add(self, line: Mapping[str, Any]) -> None:
        """Log the accuracy of a line if it is time."""
        accuracy = line.get("validation_accuracy")
        if accuracy is None:
            return
        self.best = max(self.best, accuracy)
        if time.monotonic() - self.logged >= self.every_s:
            self.logged = time.monotonic()
            self.say(
                f"step {line['step']}: validation accuracy {accuracy:.1%}, "
                f"best so far {self.best:.1%}"
            )


DOMAIN_CURVES = {
    "adversary_accuracy": "class from domain features/auxiliary classifier",
    "probe_accuracy": "class from domain features/fresh linear probe",
    "raw_probe_accuracy": "class from domain features/probe on image features",
    "chance": "class from domain features/chance",
    "class_nmi": "latent domains/NMI with classes",
    "domain_nmi": "latent domains/NMI with known domains",
    "domain_ari": "latent domains/ARI with known domains",
    "explained_variance": "latent domains/explained variance",
    "moved": "latent domains/share of images that moved",
}
"""Measurements of domain discovery, and the curve each belongs to."""


class Tracker:
    """Writes the log of one training into a folder that `tensorboard --logdir` shows."""

    def __init__(self, folder: str | Path) -> None:
        """Prepare; nothing is written before `begin`.

        Args:
            folder: for the events of this training alone.

        Raises:
            SettingsError: tensorboard is not installed, or `folder` is a file.
        """
        require_tensorboard()
        self.folder = Path(folder)
        if self.folder.is_file():
            raise SettingsError(f"{str(folder)!r} is a file; give a folder with {named('track')}.")
        self.writer: SummaryWriter | None = None
        self.step = 0

    def begin(self, history: Iterable[Mapping[str, Any]] = ()) -> None:
        """Start, or resume after `history`, which an earlier process has written.

        TensorBoard drops whatever was written of later steps, so that a training that was
        interrupted, or another one in the same folder, leaves no curves next to the true ones.
        """
        from torch.utils.tensorboard import SummaryWriter

        with named_errors(self.folder):
            self.close()
        following = 1 + max((int(line.get("step", 0)) for line in history), default=-1)
        with named_errors(self.folder):
            self.writer = SummaryWriter(str(self.folder), purge_step=following, flush_secs=10)

    def add(self, line: Mapping[str, Any]) -> None:
        """Write one line of the log: losses by stage, accuracy, rate, domains."""
        self.step = int(line.get("step", self.step))
        if "loss" in line:
            self._scalar(f"loss/{line.get('stage', 'all')}", line["loss"])
        self._scalar("accuracy/validation", line.get("validation_accuracy"))
        self._scalar("learning rate", line.get("rate"))
        measured = line.get("domains") or {}
        for name, curve in DOMAIN_CURVES.items():
            self._scalar(curve, measured.get(name))
        for s, size in enumerate(measured.get("sizes") or ()):
            self._scalar(f"images in latent domain/{s}", size)

    def add_target_accuracy(self, accuracy: float) -> None:
        """Write what was measured on the target once training was over."""
        self._scalar("accuracy/target", accuracy)

    def add_prompts(self, tower: TextTower, contexts: torch.Tensor) -> None:
        """Write the nearest words of the learned tokens [S, M, W] as a table."""
        rows = []
        for s, context in enumerate(contexts):
            for position, [(word, distance)] in enumerate(nearest_words(tower, context, count=1)):
                rows.append(
                    f"| {s} | {position} | {word.replace('|', chr(92) + '|')} | {distance:.3f} |"
                )
        table = "\n".join(
            ["| prompt | token | nearest word | distance |", "|---|---|---|---|", *rows]
        )
        self._open().add_text("prompts/nearest words", table, self.step)

    def close(self) -> None:
        """Write everything to disk."""
        if self.writer is not None:
            with named_errors(self.folder):
                self.writer.close()
            self.writer = None

    def _scalar(self, curve: str, value: float | None) -> None:
        if value is not None:
            with named_errors(self.folder):
                self._open().add_scalar(curve, float(value), self.step)

    def _open(self) -> SummaryWriter:
        if self.writer is None:
            self.begin()
        assert self.writer is not None
        return self.writer


def track_log(log: Path, tracker: Tracker) -> None:
    """Track a finished training from its metrics.jsonl; one without a log has no curves."""
    tracker.begin()
    if log.is_file():
        for text in log.read_text(encoding="utf-8", errors="replace").splitlines():
            with contextlib.suppress(ValueError, RecursionError):  # half a line, say
                if isinstance(line := json.loads(text), dict):
                    tracker.add(line)


def require_tensorboard() -> None:
    """Raise SettingsError unless tensorboard is installed."""
    try:
        import tensorboard  # noqa: F401
        from torch.utils.tensorboard import SummaryWriter  # noqa: F401
    except ImportError as error:
        raise SettingsError(
            "Tracking needs tensorboard; install it with: pip install 'ldpf[track]'"
        ) from error
