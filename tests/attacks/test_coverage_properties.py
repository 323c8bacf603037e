"""Prediction sets hold the true class as often as they say, where images are exchangeable."""

from __future__ import annotations

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ldpf.expectation.conformal import ConformalSets


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    n_classes=st.integers(2, 8),
    sharpness=st.floats(0.2, 5.0),
    coverage=st.sampled_from((0.5, 0.8, 0.9, 0.95)),
)
def test_coverage_is_at_least_what_was_asked(seed, n_classes, sharpness, coverage):
    draws = torch.Generator().manual_seed(seed)
    n = 3000

    def site() -> tuple[torch.Tensor, torch.Tensor]:
        # Whatever the classifier, right or wrong: labels are drawn without regard to what it says.
        answers = (sharpness * torch.randn(n, n_classes, generator=draws)).softmax(dim=1)
        wrong = torch.rand(n, generator=draws) < 0.3
        labels = torch.multinomial(answers, 1, generator=draws)[:, 0]
        labels[wrong] = torch.randint(n_classes, (n,), generator=draws)[wrong]
        return answers, labels

    known, new = site(), site()
    sets = ConformalSets.measure(known, (*known, torch.zeros(n, dtype=torch.long)))
    inside = sets.sets(new[0], coverage, "held-out")
    share = float(inside.gather(1, new[1][:, None]).double().mean())
    # Five standard errors of both samples.
    assert share >= coverage - 5 * math.sqrt(2 * coverage * (1 - coverage) / n)
    assert inside.any(dim=1).all()
