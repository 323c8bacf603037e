"""What holds for every visual head."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from ldpf.errors import SettingsError
from ldpf.heads import VISUAL_HEADS
from ldpf.heads.balance import cell_weights
from ldpf.heads.base import as_head

HEADS = [name for name in VISUAL_HEADS if VISUAL_HEADS.facts(name).get("fits", True)]


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(8, noise=0.3, seed=0)


def test_names_load_no_torch() -> None:
    code = (
        "import sys\nfrom ldpf.heads import VISUAL_HEADS\nassert VISUAL_HEADS.names()\n"
        "sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("name", HEADS)
def test_it_beats_chance_on_new_images(name, data, make_features):
    new = make_features(20, noise=0.3, seed=9)
    head = VISUAL_HEADS.make(name).fit(data.features, data.labels, n_classes=3)
    assert head.weight.shape == (3, data.features.shape[1]) and head.bias.shape == (3,)
    answers = head.logits(new.features).argmax(dim=1)
    assert (answers == new.labels).float().mean() > 1 / 3 + 0.2


@pytest.mark.parametrize("name", HEADS)
def test_a_class_without_images_is_never_answered(name, data):
    some = data.labels != 1
    head = VISUAL_HEADS.make(name).fit(data.features[some], data.labels[some], n_classes=4)
    logits = head.logits(data.features)
    assert (logits[:, [1, 3]] == -torch.inf).all()
    assert torch.isfinite(logits[:, [0, 2]]).all()


@pytest.mark.parametrize("name", HEADS)
def test_an_image_of_weight_two_counts_as_two(name, data):
    head = VISUAL_HEADS.make(name)
    # Copies of all images keep their spread, by which the probe scales features.
    labels, weights = data.labels, torch.ones(len(data.labels))
    equal = head.fit(data.features, labels, n_classes=3, sample_weight=weights)
    plain = head.fit(data.features, labels, n_classes=3)
    assert torch.equal(equal.weight, plain.weight) and torch.equal(equal.bias, plain.bias)
    doubled = head.fit(data.features, labels, n_classes=3, sample_weight=2 * weights)
    twice = head.fit(data.features.repeat(2, 1), labels.repeat(2), n_classes=3)
    assert torch.allclose(doubled.logits(data.features), twice.logits(data.features), atol=1e-2)


@pytest.mark.parametrize("name", HEADS)
def test_images_of_weight_zero_do_not_count(name, data):
    head, other = VISUAL_HEADS.make(name), (data.labels + 1) % 3
    features, labels = data.features.repeat(2, 1), torch.cat([data.labels, other])
    weights = torch.cat([torch.ones(len(other)), torch.zeros(len(other))])
    found = head.fit(features, labels, n_classes=3, sample_weight=weights)
    plain = head.fit(data.features, data.labels, n_classes=3)
    assert torch.allclose(found.logits(data.features), plain.logits(data.features), atol=1e-2)


@pytest.mark.parametrize("name", HEADS)
def test_numbers_of_groups_are_names(name, make_features):
    data = make_features(8, noise=0.3)
    head, features, labels = VISUAL_HEADS.make(name), data.features, data.labels
    plain = head.fit(features, labels, data.domains, n_classes=3)
    renamed = head.fit(features, labels, 7 - 2 * data.domains, n_classes=3)
    assert torch.allclose(plain.logits(features), renamed.logits(features), atol=1e-2)


@pytest.mark.parametrize("name", [name for name in HEADS if VISUAL_HEADS.make(name).balances])
def test_a_balanced_head_is_the_same_under_weights_that_balance_already(name, data):
    features, labels, groups = data.features, data.labels, data.domains
    rows = torch.arange(len(data)) % 5 > 0
    some = features[rows], labels[rows], groups[rows]
    head, weights = VISUAL_HEADS.make(name), cell_weights(*some[1:], 3)
    plain = head.fit(*some, n_classes=3)
    weighed = head.fit(*some, n_classes=3, sample_weight=weights)
    assert torch.allclose(plain.logits(features), weighed.logits(features), atol=1e-4)


@pytest.mark.parametrize("name", VISUAL_HEADS)
def test_facts_for_the_command_line_agree_with_the_head(name):
    assert VISUAL_HEADS.facts(name).get("fits", True) == VISUAL_HEADS.make(name).fits


def test_no_head_cannot_be_fitted(data):
    with pytest.raises(SettingsError, match=r"'none'.*gda-balanced"):
        as_head("none").fit(data.features, data.labels, n_classes=3)


def test_a_head_is_made_from_its_name():
    head = VISUAL_HEADS.make("gda-balanced", shrinkage=0.5)
    assert as_head(head) is head and as_head("gda") == VISUAL_HEADS.make("gda")
