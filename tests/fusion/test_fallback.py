from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from ldpf.errors import SettingsError
from ldpf.fusion import FusionInputs
from ldpf.fusion.fallback import Fallback
from ldpf.fusion.fuse import fuse
from ldpf.fusion.mixing import ProbabilitySimilarity
from ldpf.utils.seed import generator


@pytest.fixture
def inputs():
    draws = generator(0, "fallback")
    return FusionInputs(
        2 * torch.rand(50, 3, generator=draws) - 1,
        F.normalize(torch.randn(50, 8, generator=draws), dim=-1),
        F.normalize(torch.randn(3, 4, 8, generator=draws), dim=-1),
        5.0,
    )


def test_sure_answers_are_kept_and_the_others_come_from_equal_weights(inputs):
    similar = ProbabilitySimilarity(tau=0.3)
    sure = fuse(similar, inputs).softmax(dim=1).max(dim=1).values >= 0.6
    assert 0 < int(sure.sum()) < 50
    weights = Fallback(tau=0.3, threshold=0.6).weights(inputs)
    assert torch.equal(weights[sure], similar.weights(inputs)[sure])
    assert torch.equal(weights[~sure], torch.full_like(weights[~sure], 1 / 3))


def test_a_threshold_of_0_never_falls_back(inputs):
    assert torch.equal(fuse(Fallback(threshold=0.0), inputs), fuse(ProbabilitySimilarity(), inputs))


@pytest.mark.parametrize("threshold", [-0.1, 1.5])
def test_a_threshold_that_is_no_probability_is_refused(threshold):
    with pytest.raises(SettingsError, match=f"threshold={threshold}"):
        Fallback(threshold=threshold)
