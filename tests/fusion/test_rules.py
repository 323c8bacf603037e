from __future__ import annotations

import pytest
import torch

from ldpf.fusion import FUSION_RULES
from ldpf.utils.seed import generator


@pytest.mark.parametrize("rule", FUSION_RULES)
def test_weights_are_shares_that_sum_to_one(rule):
    similarities = 2 * torch.rand(30, 4, generator=generator(0, "s")) - 1
    weights = FUSION_RULES[rule](similarities, 0.1)
    assert weights.shape == (30, 4)
    assert (weights >= 0).all()
    assert torch.allclose(weights.sum(dim=1), torch.ones(30))


@pytest.mark.parametrize("rule", FUSION_RULES)
def test_a_single_latent_domain_gets_all_the_weight(rule):
    assert torch.equal(FUSION_RULES[rule](torch.rand(5, 1), 0.1), torch.ones(5, 1))


@pytest.mark.parametrize("rule", FUSION_RULES)
def test_an_images_weights_do_not_depend_on_the_other_images(rule):
    similarities = torch.rand(30, 4, generator=generator(0, "s"))
    weights = FUSION_RULES[rule](similarities, 0.1)
    alone = torch.cat([FUSION_RULES[rule](row[None], 0.1) for row in similarities])
    assert torch.equal(alone, weights)
