from __future__ import annotations

import torch

from ldpf.fusion import FusionInputs
from ldpf.fusion.uniform import Uniform


def test_every_latent_domain_weighs_the_same_whatever_the_similarities():
    similarities = torch.tensor([[0.9, -1.0, 0.0, 0.2]])
    weights = Uniform().weights(FusionInputs(similarities, torch.zeros(1, 1), similarities, 1.0))
    assert weights.tolist() == [[0.25, 0.25, 0.25, 0.25]]
