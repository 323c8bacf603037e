"""Which classes are taken for which."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import confusion_matrix

from ldpf.inspection.thumbnails import figure_uri
from ldpf.report.blocks import Block, Picture, Table, Text
from ldpf.report.findings import Findings
from ldpf.report.plots.maps import confusion_figure
from ldpf.report.sections.base import SECTIONS

CLASSES_SHOWN = 30
PAIRS_SHOWN = 10


@SECTIONS.register("confusion", title="Which classes are taken for which", order=30)
def confusion_section(found: Findings) -> list[Block]:
    """The matrix over all targets and seeds, and the most frequent mistakes of each target."""
    if not found.runs:
        return [Text(found.no_answers, "note")]
    by_target = {target: _counts(found, target) for target in found.targets}
    total = np.sum(list(by_target.values()), axis=0)
    rows = np.arange(len(found.class_names))
    blocks: list[Block] = []
    if len(rows) > CLASSES_SHOWN:
        wrong = total.sum(axis=1) - total.diagonal()
        rows = np.sort(np.argsort(-wrong, kind="stable")[:CLASSES_SHOWN])
        blocks.append(
            Text(
                f"The {CLASSES_SHOWN} of {len(found.class_names):,} classes with most mistakes; "
                "shares are of the answers among these.",
                "note",
            )
        )
    part, names = total[np.ix_(rows, rows)], [found.class_names[k] for k in rows]
    targets = list(found.targets)
    where = "over all targets" if len(targets) > 1 else f"on {targets[0]}"
    where += " and seeds" if len(found.seeds) > 1 else ""
    blocks.append(
        Picture(
            figure_uri(lambda: confusion_figure(part, names)),
            f"Confusion matrix of {found.main} {where}. The table below names the most frequent "
            "mistakes.",
            f"Answers of {found.main} {where}, in percent of the images of each true "
            "class. A perfect matrix is black on the diagonal and white elsewhere; shares below "
            "half a percent are left empty.",
        )
    )
    blocks.append(_worst(found, by_target))
    return blocks


def _counts(found: Findings, target: str) -> np.ndarray:
    """Images of a target by true class (row) and answer (column), over all seeds."""
    n = len(found.class_names)
    counts = np.zeros((n, n), np.int64)
    for (name, _), run in found.runs.items():
        if name == target and found.main in run.predictions:
            counts += confusion_matrix(run.labels, run.predictions[found.main], labels=range(n))
    return counts


def _worst(found: Findings, by_target: dict[str, np.ndarray]) -> Table:
    rows = []
    for target, counts in by_target.items():
        wrong = counts.copy()
        np.fill_diagonal(wrong, 0)
        order = np.argsort(-wrong, axis=None, kind="stable")[: PAIRS_SHOWN // 2]
        pairs = [np.unravel_index(flat, wrong.shape) for flat in order]
        told = [
            f"{found.class_names[true]} taken for {found.class_names[seen]} "
            f"({wrong[true, seen] / max(counts[true].sum(), 1):.0%} of its images)"
            for true, seen in pairs
            if wrong[true, seen]
        ]
        rows.append((target, "; ".join(told) or "none"))
    return Table("Most frequent mistakes", ("target", "mistakes"), rows, wordy=True)
