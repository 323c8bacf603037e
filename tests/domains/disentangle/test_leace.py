from __future__ import annotations

import pytest
import torch

from ldpf.domains.diagnostics import linear_probe_accuracy
from ldpf.domains.disentangle import leace
from ldpf.domains.disentangle.leace import class_erasure
from ldpf.utils.seed import generator


def labeled(n=600, dim=12, n_classes=4, seed=0):
    """Points whose mean depends on the class, with unequal, correlated noise; centered."""
    draws = generator(seed, "points")
    mixing = torch.randn(dim, dim, generator=draws, dtype=torch.double)
    labels = torch.randint(n_classes, (n,), generator=draws)
    means = 3 * torch.randn(n_classes, dim, generator=draws, dtype=torch.double)
    points = means[labels] + torch.randn(n, dim, generator=draws, dtype=torch.double) @ mixing
    return points - points.mean(dim=0), labels


def class_means(points, labels):
    return torch.stack([points[labels == k].mean(dim=0) for k in range(int(labels.max()) + 1)])


def test_class_means_coincide_afterwards():
    points, labels = labeled()
    erased = points @ class_erasure(points, labels, 4).T
    assert class_means(points, labels).std(dim=0).max() > 0.5
    assert class_means(erased, labels).abs().max() < 1e-9


def test_a_linear_probe_is_left_at_chance_on_the_same_points():
    points, labels = labeled()
    erased = points @ class_erasure(points, labels, 4).T
    most_frequent = float(torch.bincount(labels).max()) / len(labels)
    before = linear_probe_accuracy(points.float(), labels, points.float(), labels)
    after = linear_probe_accuracy(erased.float(), labels, erased.float(), labels)
    assert before > 0.9
    assert after == pytest.approx(most_frequent, abs=0.02)


def test_erasing_twice_is_erasing_once():
    points, labels = labeled()
    erasure = class_erasure(points, labels, 4)
    assert torch.allclose(erasure @ erasure, erasure, atol=1e-9)


def test_no_more_than_classes_less_one_directions_are_lost():
    points, labels = labeled()
    rank = int(torch.linalg.matrix_rank(class_erasure(points, labels, 4), atol=1e-6))
    assert rank == 12 - 3


def test_the_points_move_as_little_as_an_erasing_map_allows():
    # The mean squared movement is Theorem 4.3's minimum: the plain orthogonal projection away from
    # the class means also erases them, and moves the points further.
    points, labels = labeled()
    erasure = class_erasure(points, labels, 4)
    means = class_means(points, labels)
    basis = torch.linalg.svd(means - means.mean(dim=0), full_matrices=False)[2][:3]
    orthogonal = torch.eye(12, dtype=torch.double) - basis.T @ basis
    moved = (points - points @ erasure.T).square().sum(dim=1).mean()
    moved_by_projection = (points - points @ orthogonal.T).square().sum(dim=1).mean()
    erased = points @ orthogonal.T
    assert class_means(erased, labels).std(dim=0).max() < 1e-9
    assert moved <= moved_by_projection + 1e-9


def test_what_does_not_depend_on_the_class_stays():
    points, labels = labeled(dim=6)
    style = torch.randn(600, 1, generator=generator(0, "style"), dtype=torch.double)
    style -= class_means(style, labels)[labels]  # exactly uncorrelated with the class
    both = torch.cat([points, 5 * style], dim=1)
    erased = both @ class_erasure(both, labels, 4).T
    correlation = torch.corrcoef(torch.stack([erased[:, -1], style[:, 0]]))[0, 1]
    assert correlation > 0.99


def test_a_constant_z_gives_the_identity():
    labels = torch.arange(10) % 2
    assert torch.equal(class_erasure(torch.zeros(10, 4), labels, 2), torch.eye(4))


def test_classes_that_cannot_be_told_apart_leave_everything():
    points = torch.randn(50, 4, generator=generator(0, "points"), dtype=torch.double)
    points = torch.cat([points, points])
    points -= points.mean(dim=0)
    labels = torch.arange(2).repeat_interleave(50)
    assert torch.allclose(class_erasure(points, labels, 2) @ points.T, points.T, atol=1e-6)


def test_points_on_a_line_are_erased_too():
    # A covariance of rank one: directions without any variance must not blow up.
    labels = torch.arange(100) % 2
    along = labels.double() + 0.1 * torch.randn(100, generator=generator(0, "x")).double()
    points = (along - along.mean())[:, None] * torch.tensor([[1.0, 2.0, 0.0]], dtype=torch.double)
    erasure = class_erasure(points, labels, 2)
    assert torch.isfinite(erasure).all()
    assert class_means(points @ erasure.T, labels).abs().max() < 1e-9


def test_a_class_without_images_changes_nothing():
    points, labels = labeled()
    assert torch.allclose(
        class_erasure(points, labels, 4), class_erasure(points, labels, 6), atol=1e-9
    )


def test_the_map_has_the_precision_of_z():
    points, labels = labeled(n=50)
    assert class_erasure(points.float(), labels, 4).dtype == torch.float32


def test_covariances_added_up_in_blocks_are_those_of_all_images(monkeypatch):
    draws = torch.Generator().manual_seed(5)
    labels = torch.randint(4, (500,), generator=draws)
    points = torch.randn(500, 12, generator=draws) + torch.randn(4, 12, generator=draws)[labels]
    points = (points - points.mean(dim=0)).double()
    whole = class_erasure(points, labels, 4)
    monkeypatch.setattr(leace, "_BLOCK", 64)
    assert torch.allclose(class_erasure(points, labels, 4), whole, atol=1e-12)
    monkeypatch.setattr(leace, "_ENTRIES", 4 * 10)  # fewer images at once with more classes
    assert torch.allclose(class_erasure(points, labels, 4), whole, atol=1e-12)
