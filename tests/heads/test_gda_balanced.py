from __future__ import annotations

import pytest
import torch

from ldpf.errors import SettingsError
from ldpf.heads.gda_balanced import BalancedDiscriminant


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(8, noise=0.3)


def definition(data, shrinkage):
    """mu_k as the mean of mu_{s,k}, and Sigma, cell by cell."""
    x, n_cells = data.features.double(), 0
    means = torch.zeros(3, x.shape[1]).double()
    cells = {
        (s, k): x[(data.domains == s) & (data.labels == k)] for s in range(3) for k in range(3)
    }
    for k in range(3):
        own = [cell.mean(dim=0) for (_, of), cell in cells.items() if of == k and len(cell)]
        means[k] = torch.stack(own).mean(dim=0)
    scatter = torch.zeros(x.shape[1], x.shape[1]).double()
    for (_, k), cell in cells.items():
        if len(cell):
            centered = cell - means[k]
            scatter += centered.T @ centered / len(cell)
            n_cells += 1
    scatter /= n_cells
    spread = scatter.trace() / len(scatter)
    return means, (1 - shrinkage) * scatter + shrinkage * spread * torch.eye(len(scatter))


@pytest.fixture(scope="module")
def uneven(data):
    """A cell without images, and one with few."""
    empty = (data.domains == 0) & (data.labels == 1)
    few = (data.domains == 2) & (torch.arange(len(data)) % 4 > 0)
    return data.subset(~empty & ~few)


@pytest.mark.slow
def test_logits_are_log_densities_around_the_averaged_means_up_to_a_constant(uneven):
    fitted = BalancedDiscriminant().fit(uneven.features, uneven.labels, uneven.domains, n_classes=3)
    means, covariance = definition(uneven, 0.3)
    x = uneven.features.double()
    gaussians = [torch.distributions.MultivariateNormal(mean, covariance) for mean in means]
    density = torch.stack([gaussian.log_prob(x) for gaussian in gaussians], dim=1)
    logits = fitted.logits(uneven.features)
    assert torch.allclose(logits.log_softmax(1), density.log_softmax(1), atol=1e-5)


def test_with_full_shrinkage_the_nearest_averaged_mean_is_answered(uneven):
    head = BalancedDiscriminant(shrinkage=1)
    fitted = head.fit(uneven.features, uneven.labels, uneven.domains, n_classes=3)
    means, _ = definition(uneven, 1)
    nearest = torch.cdist(uneven.features.double(), means).argmin(dim=1)
    assert torch.equal(fitted.logits(uneven.features).argmax(dim=1), nearest)


def test_copies_of_the_images_of_a_domain_change_nothing(data):
    rows = torch.cat([torch.arange(len(data)), (data.domains == 0).nonzero()[:, 0].repeat(5)])
    more, head = data.subset(rows), BalancedDiscriminant()
    first = head.fit(data.features, data.labels, data.domains, n_classes=3)
    second = head.fit(more.features, more.labels, more.domains, n_classes=3)
    assert torch.allclose(first.weight, second.weight, atol=1e-6)


@pytest.mark.parametrize("shrinkage", [0.0, 0.3])
def test_one_image_a_class_gives_the_nearest_image(shrinkage):
    features = torch.eye(3)
    fitted = BalancedDiscriminant(shrinkage).fit(features, torch.arange(3), n_classes=3)
    assert fitted.logits(features).argmax(dim=1).tolist() == [0, 1, 2]


@pytest.mark.parametrize("shrinkage", [-0.1, 1.1])
def test_shrinkage_is_a_share(shrinkage):
    with pytest.raises(SettingsError, match="shrinkage"):
        BalancedDiscriminant(shrinkage)
