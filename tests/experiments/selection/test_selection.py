from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ldpf.domains import DomainDiscovery
from ldpf.errors import DataError, SettingsError
from ldpf.experiments.protocols import get_protocol
from ldpf.experiments.selection import SELECTION_RULES, get_selection, uses_target
from ldpf.methods import LDPF

leave_one_domain_out = get_protocol("leave-one-domain-out").episode
single_source = get_protocol("single-source").episode

TRAINING_DOMAIN_VALIDATION = get_selection("training-domain-validation")
LEAVE_ONE_TRAINING_DOMAIN_OUT = get_selection("leave-one-domain-out")
LEAVE_ONE_LATENT_DOMAIN_OUT = get_selection("leave-one-latent-domain-out")
TARGET_ORACLE = get_selection("target-oracle")


@pytest.fixture(scope="module")
def episode(make_features):
    return leave_one_domain_out(make_features(5), "art", seed=0)


def names(features):
    return {features.domain_names[d] for d in features.domains}


def test_training_domain_validation_judges_by_the_validation_images(episode):
    assert TRAINING_DOMAIN_VALIDATION.prepare(episode) is episode
    (fold,) = TRAINING_DOMAIN_VALIDATION.folds(episode)
    assert fold.judged is episode.validation
    assert fold.train is episode.train


def test_each_training_domain_is_left_out_once_and_judged_by_whole(episode):
    found = list(LEAVE_ONE_TRAINING_DOMAIN_OUT.folds(episode))
    assert [fold.name for fold in found] == ["photo", "sketch"]
    for fold in found:
        assert names(fold.judged) == {fold.name}
        assert len(fold.judged) == 15


def test_no_fold_trains_or_validates_on_the_domain_that_it_is_judged_by(episode):
    for fold in LEAVE_ONE_TRAINING_DOMAIN_OUT.folds(episode):
        assert fold.name not in names(fold.train) | names(fold.validation)


def test_each_latent_domain_is_left_out_once_and_judged_by_whole(episode):
    found = list(LEAVE_ONE_LATENT_DOMAIN_OUT.folds(episode))
    assert [fold.name for fold in found] == ["latent 0", "latent 1", "latent 2"]
    judged = [path for fold in found for path in fold.judged.paths]
    assert sorted(judged) == sorted((*episode.train.paths, *episode.validation.paths))
    for fold in found:
        seen = {*fold.train.paths, *fold.validation.paths}
        assert seen == set(judged) - set(fold.judged.paths)


def test_latent_domains_to_leave_out_are_those_that_ldpf_finds(episode):
    # With so few images LDPF itself would lower their number; the number of folds is fixed.
    settings = replace(LDPF().discovery, images_per_cell=0)
    latent = DomainDiscovery(episode.train, episode.validation, settings, episode.seed).run()
    for s, fold in enumerate(LEAVE_ONE_LATENT_DOMAIN_OUT.folds(episode)):
        assert (latent.assign(fold.judged.features) == s).all()


def test_latent_domains_do_not_depend_on_the_names_of_domains(episode):
    def shuffled(part):
        return replace(part, domains=part.domains.flip(0))

    named = list(LEAVE_ONE_LATENT_DOMAIN_OUT.folds(episode))
    other = replace(episode, train=shuffled(episode.train), validation=shuffled(episode.validation))
    for one, two in zip(named, LEAVE_ONE_LATENT_DOMAIN_OUT.folds(other), strict=True):
        assert one.judged.paths == two.judged.paths


def test_nothing_left_without_a_domain_is_refused(episode):
    few = replace(episode, validation=episode.validation.subset([0]))
    with pytest.raises(DataError) as caught:
        list(LEAVE_ONE_TRAINING_DOMAIN_OUT.folds(few))
    assert str(caught.value) == (
        "Without photo there would be no images left to train, to choose a checkpoint or to judge "
        "by; give more images or choose another selection rule."
    )


@pytest.mark.parametrize(
    "rule",
    [TRAINING_DOMAIN_VALIDATION, LEAVE_ONE_TRAINING_DOMAIN_OUT, LEAVE_ONE_LATENT_DOMAIN_OUT],
    ids=lambda rule: rule.registered_name,
)
def test_no_fold_holds_an_image_of_the_target(rule, episode):
    for fold in rule.folds(rule.prepare(episode)):
        for part in (fold.train, fold.validation, fold.judged):
            assert "art" not in names(part)


def test_the_oracle_validates_on_a_fifth_of_each_class_of_the_target(episode):
    oracle = TARGET_ORACLE.prepare(episode)
    assert names(oracle.validation) == {"art"}
    assert np.bincount(oracle.validation.labels).tolist() == [1, 1, 1]
    (fold,) = TARGET_ORACLE.folds(oracle)
    assert fold.judged is oracle.validation


def test_the_oracle_measures_on_none_of_the_images_it_chooses_by(episode):
    oracle = TARGET_ORACLE.prepare(episode)
    chosen_by, measured = set(oracle.validation.paths), set(oracle.test.paths)
    assert chosen_by | measured == set(episode.test.paths)
    assert not chosen_by & measured


def test_the_oracle_trains_as_the_other_rules_do(episode):
    assert TARGET_ORACLE.prepare(episode).train is episode.train


def test_the_oracle_needs_images_to_spare(make_features):
    episode = leave_one_domain_out(make_features(1), "art", seed=0)
    with pytest.raises(DataError) as caught:
        TARGET_ORACLE.prepare(episode)
    assert str(caught.value) == (
        "The target oracle needs test images to choose by, but no class of 'art' has two; choose "
        "another selection rule."
    )


def test_a_single_training_domain_cannot_be_left_out(make_features):
    episode = single_source(make_features(5), "art", seed=0)
    with pytest.raises(DataError) as caught:
        list(LEAVE_ONE_TRAINING_DOMAIN_OUT.folds(episode))
    assert str(caught.value) == (
        "Selection by leaving a training domain out needs at least 2 of them, but there is only "
        "'art'; choose another selection rule."
    )


def test_an_unknown_rule_is_refused_with_the_names_there_are():
    with pytest.raises(SettingsError) as caught:
        get_selection("luck")
    assert "'luck'" in str(caught.value)
    assert all(name in str(caught.value) for name in SELECTION_RULES)


@pytest.mark.parametrize("name", SELECTION_RULES)
def test_every_rule_says_what_it_selects_by(name):
    rule = get_selection(name)
    assert rule.registered_name == name
    assert rule.words and rule.judged_on and SELECTION_RULES.summary(name)
    assert rule.described() == {
        "selection": name,
        "judged_on": rule.judged_on,
        "needs_domains": rule.needs_domains,
    }


@pytest.mark.parametrize("name", SELECTION_RULES)
def test_the_number_of_folds_is_known_beforehand(name, episode):
    rule = get_selection(name)
    ready = rule.prepare(episode)
    assert rule.n_folds(ready) == len(list(rule.folds(ready)))


def test_only_the_oracle_uses_the_target():
    names = [*SELECTION_RULES, "none", "a rule of a package that is gone"]
    assert [name for name in names if uses_target(name)] == ["target-oracle"]


def test_rules_that_need_domain_names_say_so(episode):
    nameless = replace(
        episode,
        train=replace(episode.train, domains=None, domain_names=()),
        validation=replace(episode.validation, domains=None, domain_names=()),
    )
    for name in SELECTION_RULES:
        rule = get_selection(name)
        if rule.uses_target:
            continue
        if rule.needs_domains:
            with pytest.raises(DataError, match="leave-one-latent-domain-out needs none"):
                list(rule.folds(nameless))
        else:
            assert list(rule.folds(nameless))
