"""Probabilities that are not as often right as they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from sklearn.model_selection import KFold

from ldpf.doctor.base import SIGNS, Measurement, NotMeasured, Sign, Unit
from ldpf.doctor.case import Case
from ldpf.evaluation.calibration import reliability
from ldpf.models.temperature import fit_temperature

FEWEST = 30
"""With fewer images the error of ten bins is mostly chance."""


@SIGNS.register("calibration", title="Calibration", order=60, quick=True)
@dataclass(frozen=True)
class Calibration(Sign):
    """The expected calibration error of the probabilities, before and after a temperature.

    The figure is the error of the probabilities as the model gives them, with the temperature that
    training kept. Beside it stand the error without any temperature, and with one fitted to the
    judged images themselves (each half with the other half's).
    """

    threshold: float = 0.10
    meaning: ClassVar[str] = (
        "Probabilities are not as often right as they say, so limits on them mean something else."
    )
    unit: ClassVar[Unit] = Unit.POINTS

    def measure(self, case: Case) -> Measurement:
        """The calibration error on judged images; see `Sign.measure`."""
        where, images = case.judged
        if len(images) < FEWEST:
            raise NotMeasured(f"{where}: {len(images)} are too few, {FEWEST} are needed")
        labels, temperature = images.labels, case.classifier.temperature
        given = torch.softmax(case.answers / temperature, dim=1)
        error = calibration_error(given, labels)
        before = calibration_error(torch.softmax(case.answers, dim=1), labels)
        after = calibration_error(halves_calibrated(case.answers, labels, case.seed), labels)
        sure = float(given.max(dim=1).values.mean())
        right = float((given.argmax(dim=1) == labels).double().mean())
        words = (
            f"expected calibration error {100 * error:.1f} points on {len(images):,} {where} "
            f"({100 * before:.1f} without the model's temperature of {temperature:.2g}, "
            f"{100 * after:.1f} with one fitted to them); {sure:.0%} sure and {right:.0%} right on "
            "average"
        )
        return Measurement(error, words, facts={"before": before, "after": after})

    def next_step(self, case: Case, measurement: Measurement) -> str:
        """See where the probabilities are wrong."""
        return f"ldpf report {case.model_path} --data {case.photos_path}"


def calibration_error(probabilities: torch.Tensor, labels: torch.Tensor) -> float:
    """Expected calibration error of probabilities [N, K] for labels [N], from 0 to 1."""
    best = probabilities.max(dim=1)
    return reliability(best.values.double().numpy(), (best.indices == labels).numpy()).error


def halves_calibrated(logits: torch.Tensor, labels: torch.Tensor, seed: int) -> torch.Tensor:
    """Probabilities [N, K] of logits, each half of the images with the other half's temperature."""
    result = torch.empty_like(logits)
    halves = KFold(2, shuffle=True, random_state=seed)
    for fit, use in halves.split(np.zeros(len(labels))):
        temperature = fit_temperature(logits[fit], labels[fit])
        result[use] = torch.softmax(logits[use] / temperature, dim=1)
    return result
