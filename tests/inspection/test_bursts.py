from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ldpf.data.groups import groups_from_paths
from ldpf.inspection.bursts import burst_hint
from ldpf.utils.ways import command_line

BURSTS, EACH = 40, 3
KINDS = {
    "sequence": lambda burst, i: f"cat/s{burst:02d}_{i}.jpg",
    "counter": lambda burst, i: f"cat/IMG_{10 * burst + i:04d}.JPG",
    "time": lambda burst, i: f"cat/20240503_{burst // 60:02d}{burst % 60:02d}{7 + 3 * i:02d}.jpg",
}


@pytest.fixture
def data(make_features):
    """Forty bursts of three pictures, and as many different pictures."""
    alone = make_features(40, n_classes=1, dim=64, noise=0.4)
    starts = make_features(14, n_classes=1, dim=64, noise=0.4, seed=1).features[:BURSTS]
    draws = torch.Generator().manual_seed(0)
    noise = 0.02 * torch.randn(BURSTS, EACH, 64, generator=draws)
    bursts = F.normalize(starts[:, None] + noise, dim=2).reshape(-1, 64)

    def make(kind, features=bursts):
        names = [KINDS[kind](burst, i) for burst in range(BURSTS) for i in range(EACH)]
        return replace(
            alone,
            features=torch.cat([features, alone.features]),
            labels=torch.zeros(240, dtype=torch.int64),
            domains=None,
            domain_names=(),
            paths=(*names, *(f"dog/holiday {chr(65 + i % 26)}{'x' * i}.jpg" for i in range(120))),
        )

    return make


@pytest.mark.parametrize("kind", KINDS)
def test_bursts_are_hinted_at_with_an_expression_that_keeps_them_together(data, kind):
    images = data(kind)
    hint = burst_hint(images)
    assert hint is not None and (hint.n_images, hint.of) == (BURSTS * EACH, 240)
    assert hint.cosine > 0.95 and set(hint.example) < set(images.paths)
    groups = groups_from_paths(images.paths, hint.pattern)[: BURSTS * EACH].reshape(BURSTS, EACH)
    assert (groups == groups[:, :1]).all() and len(np.unique(groups)) == BURSTS
    assert "120 of 240 images look like bursts" in hint.sentence()
    assert f"group_by={hint.pattern!r}" in hint.sentence() and "\n" not in hint.sentence()
    with command_line():
        assert f"--group-by '{hint.pattern}'" in hint.sentence()
    re.compile(hint.pattern)


@pytest.mark.parametrize("kind", KINDS)
def test_different_pictures_with_consecutive_names_are_no_bursts(data, kind, make_features):
    different = make_features(40, n_classes=1, dim=64, noise=0.4, seed=5).features
    assert burst_hint(data(kind, different)) is None


def test_near_pictures_with_other_names_are_no_bursts(data):
    images = data("counter")
    names = tuple(f"cat/{'abcdefghij'[i % 10]}{'y' * i}.jpg" for i in range(240))
    assert burst_hint(replace(images, paths=names)) is None
    apart = tuple(f"{i}/IMG_{i:04d}.jpg" for i in range(240))
    assert burst_hint(replace(images, paths=apart)) is None


def test_who_has_groups_needs_no_hint(data):
    assert burst_hint(replace(data("counter"), groups=np.full(240, "a"))) is None


def test_few_images_in_bursts_give_no_hint(data):
    images = data("counter")
    few = images.subset([*range(6), *range(120, 240)])
    assert burst_hint(few) is None
