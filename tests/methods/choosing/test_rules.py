"""Rules of choice: each takes what its own comparison says, without the target."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import fmean

import pytest
import torch
import torch.nn.functional as F

from ldpf.domains import DomainDiscovery
from ldpf.errors import SettingsError
from ldpf.fusion.fitting import calibrated
from ldpf.methods import make_method
from ldpf.methods.candidates import Candidates
from ldpf.methods.choosing import CHOICE_RULES, Choice
from ldpf.methods.choosing.base import comparing_rules
from ldpf.methods.choosing.directions import StyleDirections
from ldpf.methods.choosing.fold_scores import fold_likelihoods, fold_scores
from ldpf.methods.choosing.left_out import LeftOutSeveral, latent_folds
from ldpf.methods.choosing.moved import MovedFeatures
from ldpf.methods.choosing.sides import joining
from ldpf.methods.left_out import latent_groups
from ldpf.methods.shares import shares_in_folds
from ldpf.methods.sides import side_folds
from ldpf.methods.with_head import closed_form_discovery

NAMES = ("gda", "gda-balanced", "linear-probe-balanced")


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(12, seed=0), make_features(6, seed=1)


@pytest.fixture
def candidates(data, tiny_clip):
    return Candidates(make_method, *data, tiny_clip)


def test_scores_name_the_best_and_the_first_of_equals():
    assert Choice.best({"a": 0.5, "b": 0.7, "c": 0.7}).names == ("b",)


@pytest.mark.slow
@pytest.mark.parametrize("name", comparing_rules())
def test_every_rule_that_compares_takes_the_best_of_its_scores(name, candidates):
    choice = CHOICE_RULES.make(name).choose(candidates, NAMES)
    assert list(choice.scores) == list(NAMES)
    assert choice.names == (max(NAMES, key=choice.scores.__getitem__),)
    assert all(0 <= score <= 1 for score in choice.scores.values())


def test_validation_scores_are_accuracies_of_held_out_images(candidates, data):
    scores = CHOICE_RULES.make("validation").choose(candidates, NAMES).scores
    for name in NAMES:
        model = candidates.classifier(name)
        assert scores[name] == model.accuracy(data[1].features, data[1].labels)


def test_left_out_scores_are_those_of_models_without_the_latent_domain(candidates, data, tiny_clip):
    scores = CHOICE_RULES.make("left-out").choose(candidates, ("gda",)).scores
    folds = latent_folds(candidates, 3, 0)
    assert len(folds) == 3
    expected = [
        make_method("gda")
        .fit(fold.train, fold.validation, tiny_clip)
        .accuracy(fold.judged.features, fold.judged.labels)
        for fold in folds
    ]
    assert scores["gda"] == pytest.approx(fmean(expected))


@pytest.mark.slow
def test_several_clusterings_count_the_same(candidates):
    rule = LeftOutSeveral(numbers=(2, 4), clusterings=2)
    expected = [
        fold_scores(candidates, ("gda",), latent_folds(candidates, number, seed))["gda"]
        for number in (2, 4)
        for seed in (0, 1)
    ]
    assert rule.choose(candidates, ("gda",)).scores["gda"] == pytest.approx(fmean(expected))


def test_both_ends_of_each_direction_are_left_out(candidates, data):
    folds = StyleDirections(directions=2, share=0.25).folds(candidates)
    assert [fold.group for fold in folds] == [0, 1, 0, 1]
    train, validation = data
    latent = DomainDiscovery(*data, closed_form_discovery(), 0).run()
    z = latent.domain_features(train.features)
    for fold in folds:
        n_judged = len(train) + len(validation) - len(fold.train) - len(fold.validation)
        assert len(fold.judged) == n_judged
        assert len(train) - len(fold.train) == pytest.approx(len(train) / 4, abs=1)
    # The ends of the first direction lie apart along it.
    axis = torch.linalg.svd((z - z.mean(dim=0)).double(), full_matrices=False).Vh[0].float()
    low, high = ((latent.domain_features(f.judged.features) @ axis) for f in folds[:2])
    assert float(low.max()) < float(high.min()) or float(high.max()) < float(low.min())


def test_moved_images_have_the_mean_of_the_other_latent_domain(candidates, data):
    train, validation = data
    moved, labels = MovedFeatures(strength=0.7).moved(candidates)
    of_train, of_validation, n_domains = latent_groups(*data, seed=0)
    assert len(moved) == len(labels) == (n_domains - 1) * len(validation)
    assert torch.allclose(moved.norm(dim=1), torch.ones(len(moved)), atol=1e-5)

    def mean(group):
        own = of_train == group
        classes = [train.features[own & (train.labels == k)] for k in range(3)]
        return torch.stack([part.mean(dim=0) for part in classes if len(part)]).mean(dim=0)

    n = len(validation)
    for row in (0, n - 1):
        source = int(of_validation[row])
        for step in range(1, n_domains):
            other = (source + step) % n_domains
            expected = validation.features[row] + 0.7 * (mean(other) - mean(source))
            place = (step - 1) * n + row
            assert torch.allclose(moved[place], F.normalize(expected, dim=0), atol=1e-5)
            assert labels[place] == validation.labels[row]


def test_one_latent_domain_cannot_be_moved(candidates, monkeypatch):
    monkeypatch.setattr(
        "ldpf.methods.choosing.moved.latent_groups",
        lambda train, judged, seed: (train.labels * 0, judged.labels * 0, 1),
    )
    with pytest.raises(SettingsError, match="one latent domain"):
        MovedFeatures().choose(candidates, NAMES)


@pytest.mark.slow
def test_a_fold_that_one_cannot_learn_from_judges_nobody(candidates, monkeypatch):
    folds = latent_folds(candidates, 3, 0)
    expected = fold_scores(candidates, NAMES, folds[:1] + folds[2:])
    original = Candidates.in_fold

    def refuse(self, name, fold):
        if name == "gda-balanced" and fold is folds[1]:
            raise SettingsError("Too few.")
        return original(self, name, fold)

    monkeypatch.setattr(Candidates, "in_fold", refuse)
    assert fold_scores(candidates, NAMES, folds) == expected
    with pytest.raises(SettingsError, match="No group of images could be left out"):
        fold_scores(candidates, NAMES, folds[1:2])


def test_no_choice_takes_what_it_is_told(candidates):
    fixed = CHOICE_RULES.make("fixed", candidate="gda")
    assert fixed.choose(candidates, NAMES) == Choice(("gda",))
    assert CHOICE_RULES.make("ensemble").choose(candidates, NAMES) == Choice(NAMES)
    two = CHOICE_RULES.make("ensemble", members=NAMES[1:])
    assert two.choose(candidates, NAMES).names == NAMES[1:]
    with pytest.raises(SettingsError, match="'coop' is not among the candidates gda,"):
        CHOICE_RULES.make("fixed", candidate="coop").choose(candidates, NAMES)


@pytest.mark.slow
def test_no_rule_needs_validation_images(data, tiny_clip):
    train = data[0]
    alone = Candidates(make_method, train, train.subset([]), tiny_clip)
    for name in CHOICE_RULES:
        rule = CHOICE_RULES.make(name)
        rule = replace(rule, candidate="gda") if name == "fixed" else rule
        assert set(rule.choose(alone, NAMES).names) <= set(NAMES)


def test_sides_are_left_out_instead_of_single_latent_domains(candidates, data):
    latent = DomainDiscovery(*data, closed_form_discovery(), 0).run()
    expected = fold_scores(candidates, ("gda",), side_folds(*data, latent))
    assert CHOICE_RULES.make("sides").choose(candidates, ("gda",)).scores == expected


def test_likelihoods_are_those_of_calibrated_answers_in_every_fold(candidates, data):
    folds = latent_folds(candidates, 3, candidates.seed)
    logits, labels = [], []
    for fold in folds:
        images = fold.judged
        logits.append(candidates.in_fold("gda", fold).logits(images.features).float())
        labels.append(images.labels)
    likely = calibrated(torch.cat(logits), torch.cat(labels))
    sizes = [len(own) for own in labels]
    expected = float(torch.stack([part.mean() for part in likely.split(sizes)]).mean())
    assert fold_likelihoods(candidates, ("gda",), folds)["gda"] == pytest.approx(expected)
    choice = CHOICE_RULES.make("left-out-likelihood").choose(candidates, ("gda",))
    assert choice.scores["gda"] == pytest.approx(math.exp(expected))


@pytest.mark.parametrize(("tie", "joined"), [(0.0, ("level",)), (0.1, ("level", "near"))])
def test_who_is_nearly_as_likely_as_the_best_member_joins(tie, joined):
    likely = {"best": -0.5, "other": -2.0, "level": -0.5, "near": -0.59, "far": -0.7}
    assert joining(likely, ("other", "best"), ("level", "near", "far"), tie) == joined


def test_those_that_join_have_shares_too(candidates):
    rule = CHOICE_RULES.make("least-regret", members=NAMES[:1], joins=NAMES[1:], tie=1e9)
    choice = rule.choose(candidates, NAMES)
    assert choice.names == NAMES
    assert choice.shares is not None and sum(choice.shares) == pytest.approx(1)
    alone = CHOICE_RULES.make("least-regret", members=NAMES[:1], joins=("linear-probe",), tie=0.0)
    with pytest.raises(SettingsError, match="'linear-probe'"):
        alone.choose(candidates, NAMES)


def test_least_regret_takes_all_members_with_shares(candidates, data):
    choice = CHOICE_RULES.make("least-regret", members=NAMES[:2]).choose(candidates, NAMES)
    latent = DomainDiscovery(*data, closed_form_discovery(), 0).run()
    assert choice.names == NAMES[:2]
    assert choice.shares == shares_in_folds(candidates, NAMES[:2], side_folds(*data, latent))
    with pytest.raises(SettingsError, match="'dpl'"):
        CHOICE_RULES.make("least-regret", members=("dpl", "gda")).choose(candidates, NAMES)
