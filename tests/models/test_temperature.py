from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from ldpf.models.temperature import BOUNDS, fit_temperature


@pytest.fixture(scope="module")
def drawn():
    """Logits, and labels drawn from their softmax: calibrated at T = 1."""
    draws = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(20_000, 4, generator=draws)
    return logits, torch.multinomial(logits.softmax(dim=1), 1, generator=draws)[:, 0]


@pytest.mark.parametrize("factor", [0.25, 1.0, 4.0])
def test_the_temperature_undoes_a_factor_on_calibrated_logits(factor, drawn):
    logits, labels = drawn
    assert fit_temperature(factor * logits, labels) == pytest.approx(factor, rel=0.05)


def test_no_temperature_of_a_fine_grid_is_better(drawn):
    logits, labels = drawn[0][:200], drawn[1][:200]
    best = F.cross_entropy(logits / fit_temperature(logits, labels), labels)
    grid = torch.logspace(-1.3, 1.3, 101)
    assert best <= min(F.cross_entropy(logits / t, labels) for t in grid) + 1e-6


def test_it_stays_within_its_bounds():
    labels = torch.arange(3)
    assert fit_temperature(torch.eye(3), labels) == pytest.approx(BOUNDS[0], rel=1e-3)
    assert fit_temperature(-torch.eye(3), labels) == pytest.approx(BOUNDS[1], rel=1e-3)


def test_images_of_a_class_that_is_never_answered_do_not_count(drawn):
    logits, labels = drawn[0][:500].clone(), drawn[1][:500]
    logits[:, 3] = -torch.inf
    seen = labels != 3
    assert fit_temperature(logits, labels) == fit_temperature(logits[seen], labels[seen])


def test_without_images_it_is_one():
    assert fit_temperature(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)) == 1
