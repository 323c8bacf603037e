"""Runs on disk: one folder each, named by its settings, complete only with a `done` mark.

A run folder holds config.json (its settings, and as `command` the command that made it, where one
did), metrics.jsonl (the log of its training),
result.json (a line for the method and each read-out), predictions.safetensors (what each of these
answered for every test image and with which confidence, for comparisons of methods image by image)
and model/ (a model folder like those of `ldpf train`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from ldpf.errors import ModelError
from ldpf.utils.files import read_json, settings_hash, write_json, write_text
from ldpf.utils.trees import write_tensors

RESULT_VERSION = 2
"""Raised whenever a change of the library changes results, so that old runs are not mixed in."""

CONFIG = "config.json"

COMMAND = "command"
"""Key in a run's config.json that is no setting: the command that made the run."""

PREDICTIONS = "predictions.safetensors"

MODEL = "model"
"""Folder inside a run's for its trained model."""

_CONFIDENCE = "confidence."

_AGAIN = "delete the run's folder and give the same command again"


class RunFolder:
    """One run: config.json, metrics.jsonl, checkpoint, result.json, and `done` written last."""

    def __init__(self, runs: Path, settings: dict[str, Any], command: str | None = None) -> None:
        """Choose the folder of `settings` below `runs`; nothing is created yet.

        Args:
            runs: folder of all run folders.
            settings: everything the result depends on, ready for JSON.
            command: that makes this run, to be stored beside the settings. It does not name the
                run: the same settings may be asked for in several ways.
        """
        self.settings, self.command = settings, command
        self.hash = settings_hash(settings)
        label = "-".join(
            re.sub(r"[^\w.]+", "_", str(settings[key])) for key in ("method_name", "target", "seed")
        )
        self.path = runs / f"{label}-{self.hash[:8]}"

    @property
    def done(self) -> bool:
        """Whether the run was finished."""
        return (self.path / "done").exists()

    @property
    def model(self) -> Path:
        """Where the trained model is kept, if its method has one that can be."""
        return self.path / MODEL

    def open(self) -> Path:
        """Create the folder, or check that the one there is of the same settings.

        Raises:
            ModelError: its config.json says something else, or cannot be read.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        config = self.path / CONFIG
        if not config.exists():
            made_by = {} if self.command is None else {COMMAND: self.command}
            write_json(config, {**self.settings, **made_by})
        elif settings_hash(without_command(run_config(self.path))) != self.hash:
            raise ModelError(
                f"The run folder {str(self.path)!r} holds a run with other settings; delete it "
                "or choose another --out."
            )
        return self.path

    def finish(
        self,
        results: list[dict[str, Any]],
        predictions: Mapping[str, torch.Tensor],
        confidence: Mapping[str, torch.Tensor] | None = None,
    ) -> None:
        """Write the results, drop the checkpoint, and mark the run as done.

        Args:
            results: a line for the method and each of its read-outs.
            predictions: by the name of the method or read-out the class ids [N] it answered, and as
                `labels` the true ones.
            confidence: by the same names the probability [N] of each answer; an oracle has none.
        """
        kept = {name: ids.to(torch.int32) for name, ids in predictions.items()}
        kept |= {_CONFIDENCE + name: p.float() for name, p in (confidence or {}).items()}
        write_tensors(self.path / PREDICTIONS, kept)
        write_json(self.path / "result.json", results)
        (self.path / "error.txt").unlink(missing_ok=True)
        write_text(self.path / "done", self.hash + "\n")
        (self.path / "checkpoint.safetensors").unlink(missing_ok=True)

    def fail(self, message: str) -> None:
        """Write error.txt; the run counts as unfinished."""
        write_text(self.path / "error.txt", message + "\n")

    def results(self) -> list[dict[str, Any]]:
        """The lines of a finished run; see `run_results`."""
        return run_results(self.path)


def run_results(run: Path) -> list[dict[str, Any]]:
    """The lines of a finished run.

    Args:
        run: its folder.

    Raises:
        ModelError: result.json is missing or damaged although the run is marked as done.
    """
    return read_json(run / "result.json", "the results of the run", _AGAIN, error=ModelError)


def run_config(run: Path) -> dict[str, Any]:
    """The settings in a run folder's config.json and, where a command made the run, `command`.

    Raises:
        ModelError: there is none, or it is damaged.
    """
    return read_json(run / CONFIG, "the settings of the run", _AGAIN, error=ModelError)


def without_command(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings alone, by whose hash a run is named."""
    return {key: value for key, value in config.items() if key != COMMAND}


def write_results(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """Write results.jsonl whole, a line a run, so that an interrupted command never doubles one."""
    write_text(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


def read_results(path: Path) -> list[dict[str, Any]]:
    """Lines of a results.jsonl.

    Raises:
        ModelError: there is no such file, or a line of it is damaged.
    """
    if not path.exists():
        raise ModelError(f"There is no results file {str(path)!r}; run 'ldpf benchmark' first.")
    lines = [line for line in path.read_text(encoding="utf-8").split("\n") if line]
    try:
        return [json.loads(line) for line in lines]
    except ValueError as error:
        raise ModelError(
            f"The results file {str(path)!r} is damaged ({error}); the same 'ldpf benchmark' "
            "command writes it again from the finished runs."
        ) from error


@dataclass(frozen=True)
class KeptAnswers:
    """What a run answered for the N images of one target.

    Attributes:
        labels: [N] true class ids.
        predictions: by method or read-out, the class ids [N] it answered.
        confidence: by method or read-out, the probability [N] of its answer; none of an oracle, and
            none at all in runs of versions that did not keep them.
    """

    labels: np.ndarray
    predictions: dict[str, np.ndarray]
    confidence: dict[str, np.ndarray]

    def right(self, method: str) -> np.ndarray:
        """Which images [N] a method got right."""
        return self.predictions[method] == self.labels


def kept_answers(results: Path, line: dict[str, Any]) -> KeptAnswers | None:
    """The answers kept by a result line's run to the images of the line's target.

    Args:
        results: the folder of `results.jsonl`.
        line: one of its lines.

    Returns:
        The answers of all read-outs of the run; None for a run that kept none.

    Raises:
        ModelError: the file with the answers is damaged, or has none of the line's method.
    """
    path = results / "runs" / line.get("run", "") / PREDICTIONS
    if not line.get("run") or not path.is_file():
        return None
    try:
        kept = {name: values.numpy() for name, values in load_file(path).items()}
        domains = kept.pop("domains", None)
        if domains is not None:  # a run may have been tested on several targets
            kept = {name: values[domains == line["domain_id"]] for name, values in kept.items()}
        labels = kept.pop("labels")
        confidence = {
            name.removeprefix(_CONFIDENCE): kept.pop(name)
            for name in list(kept)
            if name.startswith(_CONFIDENCE)
        }
        kept[line["method"]]
        return KeptAnswers(labels, kept, confidence)
    except (SafetensorError, OSError, KeyError) as error:
        raise ModelError(
            f"The answers in {str(path)!r} cannot be read ({error}); delete the run's folder and "
            "run it again."
        ) from error


def right_answers(results: Path, line: dict[str, Any]) -> np.ndarray | None:
    """Which test images [N] a line's method got right; None and errors as in `kept_answers`."""
    kept = kept_answers(results, line)
    return None if kept is None else kept.right(line["method"])
