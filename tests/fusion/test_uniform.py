from __future__ import annotations

import torch

from ldpf.fusion import uniform_weights


def test_every_latent_domain_weighs_the_same_whatever_the_similarities():
    weights = uniform_weights(torch.tensor([[0.9, -1.0, 0.0, 0.2]]), 0.01)
    assert weights.tolist() == [[0.25, 0.25, 0.25, 0.25]]
