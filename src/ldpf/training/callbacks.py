"""Training as curves in TensorBoard: what a `RunRecord` logs, written as events."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ldpf.errors import SettingsError
from ldpf.training.loop import RunRecord

if TYPE_CHECKING:
    import torch
    from torch.utils.tensorboard import SummaryWriter

    from ldpf.backbones import TextTower

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
            raise SettingsError(f"{str(folder)!r} is a file; give a folder with --track.")
        self.writer: SummaryWriter | None = None
        self.step = 0

    def begin(self, history: Iterable[Mapping[str, Any]] = ()) -> None:
        """Start, or go on behind `history`, which an earlier process has written.

        TensorBoard is told to forget whatever was written of later steps, so that a training that
        was interrupted, or another one in the same folder, leaves no curves beside the true ones.
        """
        from torch.utils.tensorboard import SummaryWriter

        self.close()
        following = 1 + max((int(line.get("step", 0)) for line in history), default=-1)
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
        """Write the nearest words of the learnt tokens [S, M, W] as a table."""
        from ldpf.text.contexts import nearest_words

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
        """Everything is on disk."""
        if self.writer is not None:
            self.writer.close()
            self.writer = None

    def _scalar(self, curve: str, value: float | None) -> None:
        if value is not None:
            self._open().add_scalar(curve, float(value), self.step)

    def _open(self) -> SummaryWriter:
        if self.writer is None:
            self.begin()
        assert self.writer is not None
        return self.writer


@dataclass
class TrackedRecord(RunRecord):
    """A `RunRecord` that also writes its lines to TensorBoard, as they come.

    Attributes:
        tracker: where to; None for a plain record.
    """

    tracker: Tracker | None = None

    def add(self, **line: Any) -> None:
        """Log one line, and track it."""
        super().add(**line)
        if self.tracker is not None:
            self.tracker.add(line)

    def rewrite(self) -> None:
        """Make log file and curves equal to the history; called once, before the first step."""
        super().rewrite()
        if self.tracker is not None:
            self.tracker.begin(self.history)


def track_log(log: Path, tracker: Tracker) -> None:
    """Track a training that is over, from its metrics.jsonl; one without a log has no curves."""
    tracker.begin()
    if log.is_file():
        for line in log.read_text(encoding="utf-8").splitlines():
            tracker.add(json.loads(line))


def require_tensorboard() -> None:
    """Raise SettingsError unless tensorboard is installed."""
    try:
        import tensorboard  # noqa: F401
        from torch.utils.tensorboard import SummaryWriter  # noqa: F401
    except ImportError as error:
        raise SettingsError(
            "Tracking needs tensorboard; install it with: pip install 'ldpf[track]'"
        ) from error
