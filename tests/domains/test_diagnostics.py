from __future__ import annotations

import tracemalloc

import pytest
import torch
from sklearn.linear_model import RidgeClassifier

from ldpf.domains import diagnostics
from ldpf.domains.diagnostics import ari, chance, cross_table, linear_probe_accuracy, nmi
from ldpf.utils.seed import generator

HALVES = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])
CROSSED = torch.tensor([0, 0, 1, 1, 0, 0, 1, 1])


@pytest.mark.parametrize("score", [nmi, ari])
def test_a_renamed_partition_agrees_fully(score):
    assert score(HALVES, 1 - HALVES) == pytest.approx(1.0)


def test_independent_partitions_share_no_information():
    assert nmi(HALVES, CROSSED) == pytest.approx(0.0, abs=1e-9)
    assert ari(HALVES, CROSSED) < 0.05


def separable(shift):
    draws = generator(0, "probe")
    labels = torch.arange(300) % 3
    z = torch.randn(300, 5, generator=draws)
    z[:, :3] += shift * torch.nn.functional.one_hot(labels, 3)
    return z + 100.0, labels


def test_the_probe_reads_what_is_linearly_there():
    z, labels = separable(shift=8.0)
    assert linear_probe_accuracy(z[:150], labels[:150], z[150:], labels[150:]) > 0.98


def test_the_probe_finds_nothing_where_nothing_is():
    z, labels = separable(shift=0.0)
    accuracy = linear_probe_accuracy(z[:150], labels[:150], z[150:], labels[150:])
    assert accuracy == pytest.approx(1 / 3, abs=0.12)


def test_the_probe_does_not_depend_on_the_scale_of_z():
    z, labels = separable(shift=2.0)
    parts = z[:150], labels[:150], z[150:], labels[150:]
    small = parts[0] * 1e-4, parts[1], parts[2] * 1e-4, parts[3]
    assert linear_probe_accuracy(*parts) == linear_probe_accuracy(*small)


def test_the_probe_of_a_constant_z_answers_with_the_most_frequent_class():
    labels = torch.tensor([0, 1, 1, 1, 2, 2])
    z = torch.ones(6, 4)
    assert linear_probe_accuracy(z, labels, z, labels) == pytest.approx(0.5)


def test_chance_is_the_share_of_the_most_frequent_class():
    assert chance(torch.tensor([2, 2, 2, 0])) == 0.75


def test_a_cross_table_counts_pairs():
    table = cross_table(torch.tensor([0, 0, 1, 1]), torch.tensor([2, 2, 0, 1]), 2, 4)
    assert table.tolist() == [[0, 0, 2, 0], [1, 1, 0, 0]]


def test_the_probe_of_a_single_class_answers_with_it():
    z = torch.randn(6, 4, generator=generator(0, "single"))
    ones = torch.ones(6, dtype=torch.int64)
    assert linear_probe_accuracy(z, ones, z, torch.tensor([1, 1, 1, 0, 0, 0])) == 0.5


@pytest.mark.parametrize("n_classes", [2, 3, 40])
@pytest.mark.parametrize("n_images", [30, 400])
def test_the_probe_answers_as_scikit_learn_does(n_classes, n_images, monkeypatch):
    draws = generator(n_classes, "reference")
    labels = torch.randint(n_classes, (2 * n_images,), generator=draws)
    directions = torch.randn(n_classes, 60, generator=draws)
    z = (5 + directions[labels] + 2 * torch.randn(len(labels), 60, generator=draws)).float()
    train, test = (z[:n_images], labels[:n_images]), (z[n_images:], labels[n_images:])
    mean = train[0].double().mean(dim=0)
    x = (train[0] - mean).numpy()
    expected = RidgeClassifier(1e-3 * float((x**2).sum(axis=0).mean()), solver="cholesky")
    expected.fit(x, train[1].numpy())
    reference = expected.predict((test[0] - mean).numpy())
    for block, entries in ((diagnostics._BLOCK, diagnostics._ENTRIES), (7, 90)):
        monkeypatch.setattr(diagnostics, "_BLOCK", block)
        monkeypatch.setattr(diagnostics, "_ENTRIES", entries)
        answers = diagnostics._ridge_answers(*train, test[0], 1e-3)
        # Answers between two classes that score the same may differ by rounding.
        assert (answers.numpy() == reference).mean() > 0.99
        accuracy = linear_probe_accuracy(*train, *test)
        assert accuracy == float((answers == test[1]).double().mean())


def test_the_probe_of_very_many_classes_holds_no_matrix_of_images_by_classes():
    n_images, n_classes = 6_000, 6_000  # 275 MiB in double precision
    z = torch.randn(n_images, 16, generator=generator(0, "many"))
    labels = torch.arange(n_images) % n_classes
    tracemalloc.start()
    accuracy = linear_probe_accuracy(z, labels, z, labels)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0 < accuracy < 1
    assert peak < 100 * 2**20
