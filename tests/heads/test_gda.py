from __future__ import annotations

import pytest
import torch

from ldpf.heads.gda import GaussianDiscriminant


@pytest.fixture(scope="module")
def train(make_features):
    return make_features(8, noise=0.3, seed=0)


def test_with_an_identity_covariance_it_is_the_nearest_class_mean():
    # D ((N - 1) S + tr(S) I)^-1 is a multiple of I when S is, and then w f + b orders classes as
    # the Euclidean distance to their means does.
    draws = torch.Generator().manual_seed(0)
    means = torch.randn(3, 4, generator=draws)
    around = torch.cat([torch.eye(4), -torch.eye(4)])
    features = (means[:, None] + around).reshape(-1, 4)
    labels = torch.arange(3).repeat_interleave(8)
    head = GaussianDiscriminant().fit(features, labels, n_classes=3)
    new = torch.randn(50, 4, generator=draws).double()
    answers = head.logits(new).argmax(dim=1)
    assert torch.equal(answers, torch.cdist(new, means.double()).argmin(dim=1))


def test_the_discriminant_is_the_papers_formula(train):
    x, y = train.features.double(), train.labels
    means = torch.stack([x[y == k].mean(dim=0) for k in range(3)])
    within = torch.cat([x[y == k] - means[k] for k in range(3)])
    cov = within.T.cov()
    precision = 16 * torch.linalg.inv((len(x) - 1) * cov + cov.trace() * torch.eye(16))
    head = GaussianDiscriminant().fit(train.features, y, n_classes=3)
    assert torch.allclose(head.weight, means @ precision, rtol=1e-6)
    quadratic = torch.stack([m @ precision @ m for m in means])
    assert torch.allclose(head.bias, torch.tensor(1 / 3).double().log() - quadratic / 2, rtol=1e-6)
