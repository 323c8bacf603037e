from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from ldpf.errors import SettingsError
from ldpf.fusion import FusionExamples, FusionInputs
from ldpf.fusion.fitting import likeliest_scale
from ldpf.fusion.gaussian import Gaussian
from ldpf.utils.seed import generator

S, K, D = 3, 2, 5


def drawn(n: int = 240, seed: int = 0) -> FusionExamples:
    """Gaussian latent domains and classes, as many images of each pair."""
    draws = generator(0, "means")
    means = 2 * torch.randn(S, D, generator=draws)[:, None] + 3 * torch.randn(K, D, generator=draws)
    domains, labels = torch.arange(n) % S, torch.arange(n) // S % K
    noise = torch.randn(n, D, generator=generator(seed, "noise"))
    inputs = FusionInputs(
        torch.zeros(n, S), means[domains, labels] + noise, torch.zeros(S, K, D), 1.0
    )
    return FusionExamples(inputs, labels, domains)


def test_it_tells_latent_domains_apart_whatever_the_class():
    train, test = drawn(), drawn(seed=1)
    weights = Gaussian().fit(train, train).weights(test.inputs)
    assert float((weights.argmax(dim=1) == test.domains).float().mean()) > 0.7
    for label in range(K):
        share = weights[test.labels == label].mean(dim=0)
        assert torch.allclose(share, torch.full((S,), 1 / S), atol=0.1)


def test_with_one_class_it_is_discriminant_analysis_at_the_likeliest_temperature():
    examples = drawn()
    inputs = FusionInputs(
        examples.inputs.similarities, examples.inputs.image_features, torch.zeros(S, 1, D), 1.0
    )
    part = FusionExamples(inputs, torch.zeros_like(examples.labels), examples.domains)
    rule = Gaussian(shrinkage=1e-9).fit(part, part)
    features, domains = inputs.image_features.double().numpy(), part.domains.numpy()
    reference = LinearDiscriminantAnalysis(solver="lsqr", priors=np.full(S, 1 / S))
    log_p = torch.from_numpy(reference.fit(features, domains).predict_log_proba(features))
    scale = likeliest_scale(log_p, part.domains)
    expected = torch.softmax(scale * log_p, dim=1)
    assert torch.allclose(rule.weights(inputs).double(), expected, atol=1e-4)


def test_a_latent_domain_without_images_stands_in_the_middle():
    examples = drawn()
    rest = examples.select(examples.domains != 1)
    rule = Gaussian().fit(rest, rest)
    middle = rest.inputs.image_features.mean(dim=0, keepdim=True)
    logits = (middle @ rule.directions.T + rule.offsets)[0]
    assert int(logits.argmax()) == 1


@pytest.mark.parametrize("shrinkage", [0, 1.5])
def test_a_shrinkage_that_is_no_share_is_refused(shrinkage):
    with pytest.raises(SettingsError, match=f"shrinkage={shrinkage}"):
        Gaussian(shrinkage=shrinkage)
