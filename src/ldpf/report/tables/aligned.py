"""Accuracies of finished runs by the alignment of each image with the text of its own class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import torch

from ldpf.evaluation.alignment import split_by_alignment
from ldpf.experiments.results import answered_as, kept_answers


def by_alignment(
    lines: Sequence[Mapping[str, Any]], methods: Sequence[str], threshold: float
) -> tuple[dict[str, tuple[float | None, float | None]], list[str]]:
    """Accuracy of each method on aligned images and on the others, and what to say of it.

    Each target and seed that has such images counts the same, as in DomainBed-OOP.

    Args:
        lines: result lines with their `folder`.
        methods: to measure.
        threshold: cosine that divides.

    Raises:
        ModelError: the answers of a run are damaged.
    """
    found: dict[str, tuple[float | None, float | None]] = {}
    without, shares = [], {}
    for method in methods:
        splits = []
        for line in lines:
            if line["method"] != method:
                continue
            kept = kept_answers(line["folder"], dict(line))
            if kept is None or kept.alignment is None:
                without.append(method)
                continue
            right = torch.from_numpy(kept.right(answered_as(line)))
            split = split_by_alignment(torch.from_numpy(kept.alignment), right, threshold)
            splits.append(split)
            shares[line["target"]] = split.n_aligned / (split.n_aligned + split.n_misaligned)
        if method in without:
            continue
        above = [split.aligned for split in splits if split.aligned is not None]
        below = [split.misaligned for split in splits if split.misaligned is not None]
        found[method] = (fmean(above) if above else None, fmean(below) if below else None)
    words = []
    if found:
        parts = ", ".join(f"{target} {share:.0%}" for target, share in shares.items())
        words.append(
            f"Aligned: accuracy in % on images whose cosine with the text of their own class is at "
            f"least {threshold:g}, and on the others; means over targets and seeds that have "
            f"some. Aligned images: {parts}."
        )
    if without:
        words.append(
            f"No alignment was kept by runs of {', '.join(dict.fromkeys(without))}, which an "
            "earlier version made: run them again in a new folder."
        )
    return found, words
