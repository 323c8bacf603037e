"""Which answers not to trust: images outside, prediction sets, answers that are not given."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ldpf.errors import ModelError, SettingsError
from ldpf.expectation.conformal import check_coverage
from ldpf.expectation.expectation import SITE
from ldpf.utils.ways import named

if TYPE_CHECKING:
    from ldpf.expectation import Expectation
    from ldpf.workflows.inputs import TrainedModel

log = logging.getLogger("ldpf")

COVERAGE = 0.9
"""Share of images whose set should hold the true class, where none is asked for."""


@dataclass(frozen=True)
class Doubt:
    """What is said of each answer beside its probability.

    Attributes:
        expectation: what the model keeps; None where it keeps nothing, so that nothing is said.
        coverage: share of images whose set should hold the true class.
        calibration: what sets are calibrated on; None for the usual one.
        waits: whether sets depend on all images, so that they are made last.
        abstain_below: probability below which no class is named; None for no such limit.
    """

    expectation: Expectation | None
    coverage: float = COVERAGE
    calibration: str | None = None
    waits: bool = False
    abstain_below: float | None = None

    def outside(self, features: torch.Tensor) -> torch.Tensor:
        """Scores of lying outside, [n, D] -> [n]; NaN where the model cannot tell."""
        if self.expectation is None:
            return torch.full((len(features),), torch.nan)
        return self.expectation.outside(features)[0]

    def sets(self, probabilities: torch.Tensor) -> torch.Tensor | None:
        """Prediction sets, [n, K] -> [n, K] bool; None where the model has none.

        Args:
            probabilities: of a batch; of all images where `waits`.
        """
        if self.expectation is None or not self.expectation.calibrations:
            return None
        if not len(probabilities):
            return probabilities.bool()
        if self.waits:
            return self.expectation.sets(probabilities, self.coverage, self.calibration)
        return self.expectation.conformal.sets(probabilities, self.coverage, self.calibration)

    def abstains(self, probability: float) -> bool:
        """Whether an answer of this probability is not given."""
        return self.abstain_below is not None and probability < self.abstain_below


def doubt_of(
    trained: TrainedModel,
    sets: float | None,
    calibration: str | None,
    abstain_below: float | None,
    *,
    whole: bool = True,
) -> Doubt:
    """What a model says of its answers; the log says so where it can say nothing.

    Args:
        trained: the model.
        sets: coverage that was asked for; None for none.
        calibration: that was asked for; None for none.
        abstain_below: probability below which no class is named.
        whole: whether all images of a site are at hand, to calibrate sets on.

    Raises:
        SettingsError: the coverage or the calibration cannot be.
        ModelError: sets were asked for, and the model keeps nothing to make them with.
    """
    expectation = trained.classifier.expectation
    coverage = COVERAGE if sets is None else sets
    check_coverage(coverage)
    asked = sets is not None or calibration is not None
    if expectation is None or not expectation.calibrations:
        why = (
            f"the model in {str(trained.folder)!r} keeps nothing of what to expect of it (it comes "
            "from an earlier version, or too few images); train it again with ldpf train"
            if expectation is None
            else f"the model in {str(trained.folder)!r} was trained without images to calibrate "
            "sets on; train it with more images"
        )
        if asked:
            raise ModelError(f"There are no prediction sets: {why}.")
        columns = "outside and set are" if expectation is None else "set is"
        log.warning("%s empty: %s", columns, why)
        return Doubt(expectation, abstain_below=abstain_below)
    if calibration is not None and calibration not in expectation.calibrations:
        raise SettingsError(
            f"calibration={calibration!r} should be one of {', '.join(expectation.calibrations)}."
        )
    if calibration == SITE and not whole:
        raise SettingsError(
            f"calibration={SITE!r} needs all images of a site in one process, and a shard has a "
            f"part of them; leave {named('shard')} out, or choose another calibration."
        )
    by_site = calibration == SITE or (
        whole and calibration is None and sets is not None and SITE in expectation.calibrations
    )
    return Doubt(expectation, coverage, calibration, by_site, abstain_below)
