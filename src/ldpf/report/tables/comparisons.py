"""Comparisons in words: how methods differ, and how far averages may be off."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ldpf.evaluation.bootstrap import Comparison, compare
from ldpf.experiments.results import right_answers
from ldpf.report.tables.reading import Line, where_tested


def differences_from(
    lines: list[Line], methods: Sequence[str], against: str
) -> tuple[dict[str, str], list[str]]:
    """How each method differs from `against`, in words; and those that cannot be compared."""
    right: dict[str, dict[tuple[str, int], np.ndarray]] = {name: {} for name in methods}
    for line in lines:
        answers = right_answers(line["folder"], line)
        if answers is not None:
            right[line["method"]][where_tested(line), line["seed"]] = answers
    told, missing = {}, []
    tests = list(dict.fromkeys(where_tested(line) for line in lines))
    for name in methods:
        if name == against:
            continue
        found = compare(right[name], right.get(against, {}), tests)
        if found is None:
            missing.append(name)
        else:
            told[name] = comparison_words(found)
    return told, missing


def margin_words(lines: Sequence[Line], methods: Sequence[str]) -> list[str]:
    """How far an average may be off because it was measured on so many images and no more.

    Half of the 95% interval of an average of accuracies p_t on n_t images each, by the normal
    approximation of the binomial distribution: 1.96 sqrt(sum_t p_t (1 - p_t) / n_t) / targets.
    Seeds share their test images, so they do not make it narrower. The widest one is told.
    """
    margins = []
    if not all("n_test" in line for line in lines):  # written by other software
        return []
    images = {where_tested(line): int(line["n_test"]) for line in lines}
    for method in methods:
        variances = []
        for target, n in images.items():
            own = [
                line["accuracy"]
                for line in lines
                if line["method"] == method and where_tested(line) == target
            ]
            if own:
                p = sum(own) / len(own)
                variances.append(p * (1 - p) / n)
        if len(variances) == len(images):
            margins.append(1.96 * math.sqrt(sum(variances)) / len(images))
    if not margins:
        return []
    return [
        f"Averages over {sum(images.values()):,} test images: ±{100 * max(margins):.1f} points or "
        "less (95% interval)."
    ]


def comparison_words(found: Comparison) -> str:
    """A difference with its interval in percentage points, such as `+1.2 [-0.3, 2.7]`."""
    points = [100 * value for value in (found.difference, found.low, found.high)]
    return f"{points[0]:+.1f} [{points[1]:.1f}, {points[2]:.1f}]"
