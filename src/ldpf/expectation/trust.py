"""Whether what a model says of its answers is true, on labeled images."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch

from ldpf.evaluation.calibration import reliability
from ldpf.evaluation.risk_coverage import risk_coverage
from ldpf.expectation.expectation import SITE

if TYPE_CHECKING:
    from ldpf.expectation.expectation import Expectation

COVERAGE = 0.9
"""Share of images whose set should hold the true class."""


@dataclass(frozen=True)
class SetsFound:
    """Prediction sets by one calibration.

    Attributes:
        coverage: share of images whose set holds the true class.
        size: mean number of classes in a set.
    """

    coverage: float
    size: float


@dataclass(frozen=True)
class Trust:
    """What probabilities and sets of a model are worth.

    Attributes:
        error_before: expected calibration error of softmax(logits), from 0 to 1.
        error_after: the same with the temperature that the model keeps; None where it keeps none.
        risk_area: area under the risk-coverage curve: the mean share of wrong answers where only
            the surest are given, over all shares that are given.
        risk_at_half: share of wrong answers among the surer half.
        sets: by what they are calibrated on; empty without any.
        coverage_asked: share of images whose set should hold the true class.
    """

    error_before: float
    error_after: float | None
    risk_area: float
    risk_at_half: float
    sets: dict[str, SetsFound]
    coverage_asked: float = COVERAGE

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def measure_trust(
    expectation: Expectation | None,
    logits: torch.Tensor,
    labels: torch.Tensor,
    sites: torch.Tensor | None = None,
) -> Trust:
    """Compare what a model says of its answers with what is true.

    Args:
        expectation: what the model keeps; None where it keeps nothing.
        logits: [N, K] of N labeled images, N of 1 or more.
        labels: [N] class ids.
        sites: [N] known domain of each image, for sets that are calibrated on the photos of a site;
            None where all are of one.
    """
    logits = logits.float()
    right = (logits.argmax(dim=1) == labels).numpy()
    plain = logits.softmax(dim=1)
    after, sets, confidence = None, {}, plain.max(dim=1).values.numpy()
    before = reliability(confidence, right).error
    if expectation is not None:
        probabilities = expectation.probabilities(logits)
        confidence = probabilities.max(dim=1).values.numpy()
        after = reliability(confidence, right).error
        for name in expectation.calibrations:
            groups = sites if name == SITE else None
            found = _sets(expectation, probabilities, name, groups)
            covered = found.gather(1, labels[:, None]).double().mean()
            sets[name] = SetsFound(float(covered), float(found.sum(dim=1).double().mean()))
    curve = risk_coverage(confidence, right)
    return Trust(before, after, curve.area, curve.at(0.5), sets)


def _sets(
    expectation: Expectation,
    probabilities: torch.Tensor,
    calibration: str,
    groups: torch.Tensor | None,
) -> torch.Tensor:
    """Sets [N, K] bool, made apart for each group [N] where there are groups."""
    if groups is None:
        return expectation.sets(probabilities, COVERAGE, calibration)
    result = torch.zeros_like(probabilities, dtype=torch.bool)
    for group in groups.unique():
        rows = groups == group
        result[rows] = expectation.sets(probabilities[rows], COVERAGE, calibration)
    return result
