from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ldpf.domains.folds import leave_one_group_out
from ldpf.domains.sides import two_sides
from ldpf.methods import LDPF
from ldpf.methods.sides import side_folds, without_prompts_of
from ldpf.training.recipe import FAST

SHORT = replace(FAST, max_steps=4, cooldown=1, round_every=2)


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(12, seed=0), make_features(6, seed=1)


@pytest.fixture(scope="module")
def prompts(data, tiny_clip):
    return LDPF(recipe=SHORT).fit(*data, tiny_clip, seed=2)


def test_every_image_is_judged_by_one_of_two_folds(prompts, data):
    folds = side_folds(*data, prompts.latent)
    assert len(folds) == 2
    assert sum(len(fold.judged) for fold in folds) == len(data[0]) + len(data[1])


def test_a_fold_learns_from_the_other_side_alone(prompts, data):
    of_train = prompts.latent.assign(data[0].features)
    sides = two_sides(prompts.latent.domain_features(data[0].features), of_train, 3)
    for fold in side_folds(*data, prompts.latent):
        domains = prompts.latent.assign(fold.train.features)
        assert (sides[domains] != fold.group).all()


def test_prompts_of_a_side_have_no_weight(prompts, data):
    for fold in side_folds(*data, prompts.latent):
        own = prompts.latent.assign(fold.judged.features).unique()
        others = without_prompts_of(prompts, fold)
        weights = others.domain_weights(fold.judged.features)
        assert (weights[:, own] == 0).all()
        assert torch.allclose(weights.sum(dim=1), torch.ones(len(weights)))


def test_a_prompt_with_few_judged_images_stays(prompts, data):
    """Other latent domains than the fold's: most images of 0, and one of another."""
    train, validation = data
    of_train = prompts.latent.assign(train.features)
    groups = (of_train == 0).long()
    groups[(of_train == 1).nonzero()[0]] = 1
    nothing = torch.zeros(len(validation), dtype=torch.int64)
    (fold,) = leave_one_group_out(train, validation, groups, nothing, [1])
    weights = without_prompts_of(prompts, fold).domain_weights(fold.judged.features)
    assert (weights[:, 0] == 0).all() and (weights[:, 1:] > 0).all()


def test_nothing_is_left_where_all_prompts_have_seen_the_images(prompts, data):
    train, validation = data
    groups = torch.ones(len(train), dtype=torch.int64)
    groups[0] = 0
    nothing = torch.ones(len(validation), dtype=torch.int64)
    (fold,) = leave_one_group_out(train, validation, groups, nothing, [1])
    assert without_prompts_of(prompts, fold) is None
