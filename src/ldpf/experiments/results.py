"""What is read of finished runs: the lines of results.jsonl, and the answers to each image."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file

from ldpf.errors import ModelError
from ldpf.experiments.bound_lines import bind, unbind
from ldpf.experiments.result_lines import RESULT_LINE
from ldpf.experiments.run_folder import ALIGNMENT, CONFIDENCE, PREDICTIONS, check_bound
from ldpf.utils.files import write_text
from ldpf.utils.paths import require_plain
from ldpf.utils.schema import check_content

ANSWERED_AS = "answered_as"
"""In a line that a table calls by another name: the method under which its answers are kept."""


def write_results(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """Write results.jsonl whole, a line a run, so that an interrupted command never doubles one."""
    bound = bind(lines)
    write_text(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in bound))


def read_results(path: Path) -> list[dict[str, Any]]:
    """Lines of a results.jsonl.

    Raises:
        ModelError: there is no such file, a line of it is damaged, or its lines are not those that
            were written together (files of 0.1.0 and of other software do not say which were).
    """
    if not path.exists():
        raise ModelError(f"There is no results file {str(path)!r}; run 'ldpf benchmark' first.")
    try:
        require_plain(path)
        texts = [line for line in path.read_text(encoding="utf-8").split("\n") if line]
        lines = [json.loads(line) for line in texts]
        for number, line in enumerate(lines, start=1):
            check_content(line, RESULT_LINE, f"line {number}")
        return unbind(lines)
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ModelError(
            f"The results file {str(path)!r} is damaged ({reason}); the same 'ldpf benchmark' "
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
        alignment: cosine [N] of each image and the text of its own class; None in such runs.
    """

    labels: np.ndarray
    predictions: dict[str, np.ndarray]
    confidence: dict[str, np.ndarray]
    alignment: np.ndarray | None = None

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
        check_bound(path)
        domains = kept.pop("domains", None)
        if domains is not None:  # a run may have been tested on several targets
            kept = {name: values[domains == line["domain_id"]] for name, values in kept.items()}
        labels = kept.pop("labels")
        confidence = {
            name.removeprefix(CONFIDENCE): kept.pop(name)
            for name in list(kept)
            if name.startswith(CONFIDENCE)
        }
        alignment = kept.pop(ALIGNMENT, None)
        kept[answered_as(line)]
        return KeptAnswers(labels, kept, confidence, alignment)
    except (SafetensorError, OSError, KeyError) as error:
        raise ModelError(
            f"The answers in {str(path)!r} cannot be read ({error}); delete the run's folder and "
            "run it again."
        ) from error


def right_answers(results: Path, line: dict[str, Any]) -> np.ndarray | None:
    """Which test images [N] a line's method got right; None and errors as in `kept_answers`."""
    kept = kept_answers(results, line)
    return None if kept is None else kept.right(answered_as(line))


def answered_as(line: Mapping[str, Any]) -> str:
    """The name under which the answers of a line are kept, whatever a table calls its method."""
    return str(line.get(ANSWERED_AS, line["method"]))
