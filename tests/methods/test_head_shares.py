"""What a head weighs beside prompts, by latent domains left out in turn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ldpf.domains import DomainExtractor, FittedDomains
from ldpf.domains.sides import two_sides
from ldpf.heads import VISUAL_HEADS
from ldpf.methods import LDPF
from ldpf.methods.head_shares import (
    EQUAL,
    LEAST,
    HeadShare,
    chosen_share,
    fitted_head,
    share_by_folds,
)
from ldpf.methods.left_out import left_out_classifiers
from ldpf.methods.with_head import add_head
from ldpf.models.combining import combine
from ldpf.models.prompt_classifier import PromptClassifier
from ldpf.training.recipe import FAST
from ldpf.utils.seed import generator

SHORT = replace(FAST, max_steps=6, cooldown=1, round_every=2)
N, K = 600, 3


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(12, seed=0), make_features(6, seed=1)


@pytest.fixture(scope="module")
def prompts(data, tiny_clip):
    return LDPF(recipe=SHORT).fit(*data, tiny_clip, seed=2)


def answers(head_is_right: float, prompts_are_right: float):
    """log p(y|x) of prompts and a head that are right so often, alike in two folds."""
    draws = generator(0, "experts")
    labels = torch.randint(K, (N,), generator=draws)

    def expert(right: float) -> torch.Tensor:
        wrong = (labels + 1 + torch.randint(K - 1, (N,), generator=draws)) % K
        said = torch.where(torch.rand(N, generator=draws) < right, labels, wrong)
        return (3 * F.one_hot(said, K)).float().log_softmax(dim=1)

    return [expert(prompts_are_right), expert(head_is_right)], labels, torch.arange(N) % 2


def test_the_better_one_weighs_more():
    assert chosen_share(*answers(0.95, 0.4)).head > 0.5
    assert chosen_share(*answers(0.4, 0.95)).head < 0.5


def test_as_good_as_each_other_weigh_the_same():
    assert chosen_share(*answers(0.7, 0.7)).head == pytest.approx(EQUAL, abs=0.1)


def test_prompts_keep_a_share_for_classes_without_images():
    assert chosen_share(*answers(1.0, 1 / K)).head <= 1 - LEAST


def test_the_losses_are_those_of_prompts_and_head_in_each_fold():
    both, labels, folds = answers(0.9, 0.5)
    for fold, losses in enumerate(chosen_share(both, labels, folds).losses):
        own = folds == fold
        expected = [float(F.nll_loss(member[own], labels[own])) for member in both]
        assert losses == pytest.approx(expected)


def test_a_side_is_answered_by_the_head_and_the_prompts_that_have_not_seen_it(prompts, data):
    head = VISUAL_HEADS.make("gda-balanced")
    train, validation = data
    both, labels, folds = ([], []), [], []
    of_train, of_validation = (prompts.latent.assign(part.features) for part in data)
    sides = two_sides(prompts.latent.domain_features(train.features), of_train, 3)
    for side in (0, 1):
        out = (sides == side).nonzero()[:, 0]
        kept = train.subset(~torch.isin(of_train, out))
        linear = fitted_head(head, kept, of_train[~torch.isin(of_train, out)])
        members = combine(
            "both",
            [prompts.without_prompts(out.tolist()), linear],
            validation.subset(~torch.isin(of_validation, out)),
        )
        judged = train.subset(torch.isin(of_train, out)).joined(
            validation.subset(torch.isin(of_validation, out))
        )
        judged = judged.subset(torch.isin(judged.labels, kept.labels))
        for own, answered in zip(
            both, members.member_log_probabilities(judged.features), strict=True
        ):
            own.append(answered)
        labels.append(judged.labels)
        folds.append(torch.full_like(judged.labels, side))
    expected = chosen_share([torch.cat(own) for own in both], torch.cat(labels), torch.cat(folds))
    found = share_by_folds(prompts, head, train, validation)
    assert found.head == pytest.approx(expected.head, abs=1e-3)
    assert np.allclose(found.losses, expected.losses, atol=1e-4)


def test_a_class_of_one_latent_domain_alone_is_no_obstacle(prompts, data):
    head = VISUAL_HEADS.make("gda")
    train, validation = data
    own = (prompts.latent.assign(train.features) == 0) | (train.labels != 0)
    found = share_by_folds(prompts, head, train.subset(own), validation.subset([]))
    assert found.losses and all(value < 20 for pair in found.losses for value in pair)


def test_prompts_without_latent_domains_have_equal_shares(data):
    text = F.normalize(torch.randn(1, 3, 16, generator=generator(0, "texts")), dim=-1)
    single = PromptClassifier("coop", data[0].class_names, text, 20.0)
    found = share_by_folds(single, VISUAL_HEADS.make("gda"), *data)
    assert (found.shares, found.losses) == ((0.5, 0.5), ())


def test_one_latent_domain_with_images_leaves_nothing_to_compare(data):
    draws = generator(0, "one")
    text = F.normalize(torch.randn(2, 3, 16, generator=draws), dim=-1)
    extractor = DomainExtractor(16, 8, 4, draws)
    centroids = F.normalize(torch.randn(2, 4, generator=draws), dim=-1)
    two = PromptClassifier(
        "ldpf", data[0].class_names, text, 20.0, latent=FittedDomains(extractor, centroids)
    )
    own = two.latent.assign(data[0].features)
    images = data[0].subset(own == own.mode().values)
    found = share_by_folds(two, VISUAL_HEADS.make("gda"), images, images.subset([]))
    assert found.shares == (0.5, 0.5) and "0 of two sides" in found.reason


@pytest.mark.slow
def test_ldpf_takes_the_share_of_the_folds_unless_equal_ones_are_asked_for(data, tiny_clip):
    both = LDPF(recipe=SHORT, head="gda-balanced").fit(*data, tiny_clip, seed=2)
    found = share_by_folds(both.prompted, VISUAL_HEADS.make("gda-balanced"), *data)
    assert both.shares == found.shares
    assert both.training["head_share"] == found.to_json()
    equal = LDPF(recipe=SHORT, head="gda-balanced", shares="equal").fit(*data, tiny_clip, seed=2)
    assert equal.shares == (0.5, 0.5) and equal.training["head_share"]["losses"] == []


def test_a_model_of_a_fold_has_the_shares_of_the_model(data, tiny_clip, prompts):
    method = LDPF(recipe=SHORT, head="gda")
    share = HeadShare(0.8, "for a test")
    trained = add_head(prompts, method.head, *data, shares=share)
    for item in left_out_classifiers(method, trained, *data, tiny_clip):
        assert item.classifier.shares == pytest.approx((0.2, 0.8))


def test_images_of_a_burst_that_other_prompts_have_seen_judge_no_share(data, prompts):
    """Each image has one of its burst in another latent domain, and each fold images to learn."""
    train = data[0]
    of_image = prompts.latent.assign(train.features)
    rows = [(of_image == domain).nonzero()[:, 0].tolist() for domain in range(3)]
    half = min(map(len, rows)) // 2
    paired, names = [], []
    for domain in range(3):
        ours, theirs = rows[domain][:half], rows[(domain + 1) % 3][half : 2 * half]
        paired += [*ours, *theirs]
        names += [f"burst {domain}-{i}" for i in range(half)] * 2
    assert half >= 5 and len(set(paired)) == 6 * half
    images = train.subset(paired)
    grouped = replace(images, groups=np.array(names))
    nothing = images.subset([])
    head = VISUAL_HEADS.make("gda")
    ungrouped_share = share_by_folds(prompts, head, images, nothing)
    assert len(ungrouped_share.losses) == 2
    share = share_by_folds(prompts, head, grouped, replace(nothing, groups=np.array([], str)))
    assert share.head == EQUAL and "0 of two sides" in share.reason
