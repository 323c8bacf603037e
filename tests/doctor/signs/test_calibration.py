from __future__ import annotations

import pytest
import torch

from ldpf.doctor import Case, Status
from ldpf.doctor.signs.calibration import calibration_error, halves_calibrated
from ldpf.models.temperature import fit_temperature


def test_the_error_is_the_gap_of_confidence_and_accuracy():
    probabilities = torch.tensor([[0.95, 0.05]] * 4)
    labels = torch.tensor([0, 0, 1, 1])
    assert calibration_error(probabilities, labels) == pytest.approx(0.45)


def test_a_model_that_is_always_sure_and_half_right_shows(say, linear, one_hot):
    shown = [0, 1] * 20
    images = one_hot(shown, [0 if i % 4 < 2 else label for i, label in enumerate(shown)])
    found = say("calibration", Case(linear(3, 3, scale=50.0), held_out=images))
    assert found.status is Status.NOTICE
    assert found.figure == pytest.approx(0.25, abs=0.01)
    assert "25.0 points on 40 held-out images" in found.words
    assert "100% sure and 75% right on average" in found.words


def test_the_temperature_that_training_kept_is_used(say, linear, one_hot):
    class Expected:
        temperature = 50.0

    shown = [0, 1] * 20
    images = one_hot(shown, [0 if i % 4 < 2 else label for i, label in enumerate(shown)])
    model = linear(3, 3, scale=50.0)
    object.__setattr__(model, "expectation", Expected())
    found = say("calibration", Case(model, held_out=images))
    assert "25.0 without the model's temperature of 50" in found.words
    assert found.figure == pytest.approx(0.75 - 2.718281828 / (2.718281828 + 2), abs=0.01)


def test_a_half_gets_the_temperature_of_the_other():
    draws = torch.Generator().manual_seed(0)
    logits = 8 * torch.randn(60, 3, generator=draws)
    # Right for two in three, so that the best temperature lies within its bounds.
    labels = torch.where(torch.arange(60) % 3 == 0, 0, logits.argmax(dim=1))
    result = halves_calibrated(logits, labels, seed=0)
    temperatures = set()
    for i in range(60):
        ratio = (logits[i, 0] - logits[i, 1]) / (result[i, 0].log() - result[i, 1].log())
        temperatures.add(round(float(ratio), 2))
    assert len(temperatures) == 2
    whole = fit_temperature(logits, labels)
    assert min(temperatures) < whole < max(temperatures)


def test_few_images_are_not_measured(say, linear, one_hot):
    found = say("calibration", Case(linear(3, 3), held_out=one_hot([0, 1, 2])))
    assert found.words == "held-out images: 3 are too few, 30 are needed"
