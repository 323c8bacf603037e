"""Latent domains whose prompts predict alike are merged after training."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from ldpf.domains.how_many.auto import Auto as AutoNumber
from ldpf.domains.how_many.base import Chosen
from ldpf.methods import make_method
from ldpf.methods.alike import agreement, alike_groups, merged
from ldpf.models.saving import load_model, save_model
from ldpf.training.recipe import FAST

SHORT = replace(FAST, max_steps=6, cooldown=2, patience=6, round_every=3, evaluate_every=2)


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(20, seed=0), make_features(6, seed=1)


@pytest.fixture(scope="module")
def trained(data, tiny_clip):
    return make_method("ldpf", SHORT, n_domains=3).fit(*data, tiny_clip)


def twins(trained):
    """The model with the prompt of domain 0 also in domain 2."""
    text, contexts = trained.text_features.clone(), trained.contexts.clone()
    text[2], contexts[2] = text[0], contexts[0]
    return replace(trained, text_features=text, contexts=contexts)


def opposed(trained):
    """The model with prompts that never agree: each answers another class."""
    text = torch.stack([trained.text_features[0].roll(s, dims=0) for s in range(3)])
    return replace(trained, text_features=text)


def test_agreement_is_the_share_of_equal_answers_where_one_of_the_two_is_wrong(trained, data):
    images, labels = data[1].features, data[1].labels
    found = agreement(trained, data[1])
    one, other = ((images @ text.T).argmax(dim=1) for text in trained.text_features[:2])
    doubtful = (one != labels) | (other != labels)
    assert 0 < doubtful.sum() < len(labels)
    expected = float((one == other)[doubtful].double().mean())
    assert found[0, 1] == pytest.approx(expected)
    assert torch.equal(found, found.T) and (found.diagonal() == 1).all()


def test_prompts_that_are_right_everywhere_answer_alike(trained, data):
    answers = trained.prompt_logits(data[1].features).argmax(dim=2)
    right = replace(data[1], labels=answers[:, 0])
    model = replace(trained, text_features=trained.text_features[[0, 0, 1]])
    found = agreement(model, right)
    assert found[0, 1] == 1 and found[0, 2] == 0


def test_every_two_of_a_group_agree():
    shares = torch.eye(4)
    for a, b, share in ((0, 1, 0.99), (1, 2, 0.995), (0, 2, 0.5), (2, 3, 0.985)):
        shares[a, b] = shares[b, a] = share
    # 1 and 2 first; 0 agrees with 1 but not with 2, and so does not join, nor does 3.
    assert alike_groups(shares, 0.98) == [[0], [1, 2], [3]]
    assert alike_groups(shares, 0.999) == [[0], [1], [2], [3]]
    assert alike_groups(shares, 0.0) == [[0, 1, 2, 3]]


def test_twins_become_one_with_the_larger_one_s_prompt_and_their_common_centroid(trained, data):
    train, held_out = data
    model = twins(opposed(trained))
    found = merged(model, train, held_out, 1.0)
    assert found.training["merged"] == [[0, 2], [1]]
    assert found.n_domains == len(found.latent.centroids) == len(found.contexts) == 2
    assert torch.equal(found.text_features, model.text_features[[0, 1]])
    assigned = model.latent.assign(train.features)
    sizes = torch.bincount(assigned, minlength=3)
    center = F.normalize(
        sizes[0] * model.latent.centroids[0] + sizes[2] * model.latent.centroids[2], dim=0
    )
    assert torch.allclose(found.latent.centroids[0], center, atol=1e-6)
    own = (assigned == 0) | (assigned == 2)
    again = found.latent.assign(train.features) == 0
    assert float((again == own).double().mean()) > 0.9


def test_the_larger_domain_s_prompt_is_kept(trained, data):
    train = data[0]
    model = twins(opposed(trained))
    contexts = torch.stack([torch.full_like(model.contexts[0], s) for s in range(3)])
    model = replace(model, contexts=contexts)
    of_two = train.subset(model.latent.assign(train.features) == 2)
    found = merged(model, of_two, data[1], 1.0)
    assert float(found.contexts[0].mean()) == 2.0


def test_tables_have_a_row_for_each_domain_that_is_left(trained, data):
    found = merged(twins(opposed(trained)), *data, 1.0)
    before, after = (torch.tensor(model.training["class_by_domain"]) for model in (trained, found))
    assert torch.equal(after, torch.stack([before[0] + before[2], before[1]]))
    assert sum(found.training["domains"]["sizes"]) == len(data[0])
    assert len(found.training["domains"]["sizes"]) == len(found.training["prompt_similarity"]) == 2


def test_nothing_is_merged_where_prompts_differ(trained, data, caplog):
    model = opposed(trained)
    with caplog.at_level(logging.INFO, logger="ldpf"):
        assert merged(model, *data, 0.98) is model
    assert caplog.messages == []


def test_a_chosen_number_is_merged_and_a_given_one_is_not(data, tiny_clip, monkeypatch, tmp_path):
    monkeypatch.setattr("ldpf.methods.alike.agreement", lambda model, images: torch.ones(3, 3))
    monkeypatch.setattr(AutoNumber, "choose", lambda self, *_, **__: Chosen(3))
    given = make_method("ldpf", SHORT, n_domains=3).fit(*data, tiny_clip)
    assert given.n_domains == 3 and "merged" not in given.training
    chosen = make_method("ldpf", SHORT, n_domains="auto").fit(*data, tiny_clip)
    assert chosen.n_domains == 1 and chosen.training["merged"] == [[0, 1, 2]]
    loaded, _ = load_model(save_model(chosen, tiny_clip, tmp_path), tiny_clip)
    again, answers = (model.logits(data[1].features) for model in (loaded, chosen))
    assert torch.allclose(again, answers, atol=1e-4), float((again - answers).abs().max())
    settings = {"n_domains": "auto", "alike": None}
    kept = make_method("ldpf", SHORT, settings=settings).fit(*data, tiny_clip)
    assert kept.n_domains == 3
