from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ldpf.domains import DomainDiscovery
from ldpf.errors import DataError, SettingsError
from ldpf.experiments.protocol import leave_one_domain_out, single_source
from ldpf.experiments.selection import (
    LEAVE_ONE_LATENT_DOMAIN_OUT,
    LEAVE_ONE_TRAINING_DOMAIN_OUT,
    TARGET_ORACLE,
    TRAINING_DOMAIN_VALIDATION,
    folds,
    get_selection,
    prepared,
)
from ldpf.methods import LDPF


@pytest.fixture(scope="module")
def episode(make_features):
    return leave_one_domain_out(make_features(5), "art", seed=0)


def names(features):
    return {features.domain_names[d] for d in features.domains}


def test_training_domain_validation_judges_by_the_validation_images(episode):
    assert prepared(episode, TRAINING_DOMAIN_VALIDATION) is episode
    (fold,) = folds(episode, TRAINING_DOMAIN_VALIDATION)
    assert fold.judged is episode.validation
    assert fold.train is episode.train


def test_each_training_domain_is_left_out_once_and_judged_by_whole(episode):
    found = list(folds(episode, LEAVE_ONE_TRAINING_DOMAIN_OUT))
    assert [fold.name for fold in found] == ["photo", "sketch"]
    for fold in found:
        assert names(fold.judged) == {fold.name}
        assert len(fold.judged) == 15


def test_no_fold_trains_or_validates_on_the_domain_that_it_is_judged_by(episode):
    for fold in folds(episode, LEAVE_ONE_TRAINING_DOMAIN_OUT):
        assert fold.name not in names(fold.train) | names(fold.validation)


def test_each_latent_domain_is_left_out_once_and_judged_by_whole(episode):
    found = list(folds(episode, LEAVE_ONE_LATENT_DOMAIN_OUT))
    assert [fold.name for fold in found] == ["latent 0", "latent 1", "latent 2"]
    judged = [path for fold in found for path in fold.judged.paths]
    assert sorted(judged) == sorted((*episode.train.paths, *episode.validation.paths))
    for fold in found:
        seen = {*fold.train.paths, *fold.validation.paths}
        assert seen == set(judged) - set(fold.judged.paths)


def test_latent_domains_to_leave_out_are_those_that_ldpf_finds(episode):
    latent = DomainDiscovery(
        episode.train, episode.validation, LDPF().discovery, episode.seed
    ).run()
    for s, fold in enumerate(folds(episode, LEAVE_ONE_LATENT_DOMAIN_OUT)):
        assert (latent.assign(fold.judged.features) == s).all()


def test_latent_domains_do_not_depend_on_the_names_of_domains(episode):
    def shuffled(part):
        return replace(part, domains=part.domains.flip(0))

    named = list(folds(episode, LEAVE_ONE_LATENT_DOMAIN_OUT))
    other = replace(episode, train=shuffled(episode.train), validation=shuffled(episode.validation))
    for one, two in zip(named, folds(other, LEAVE_ONE_LATENT_DOMAIN_OUT), strict=True):
        assert one.judged.paths == two.judged.paths


def test_nothing_left_without_a_domain_is_refused(episode):
    few = replace(episode, validation=episode.validation.subset([0]))
    with pytest.raises(DataError) as caught:
        list(folds(few, LEAVE_ONE_TRAINING_DOMAIN_OUT))
    assert str(caught.value) == (
        "Without photo there would be no images left to train, to choose a checkpoint or to judge "
        "by; give more images or choose another selection rule."
    )


@pytest.mark.parametrize(
    "rule", [TRAINING_DOMAIN_VALIDATION, LEAVE_ONE_TRAINING_DOMAIN_OUT, LEAVE_ONE_LATENT_DOMAIN_OUT]
)
def test_no_fold_holds_an_image_of_the_target(rule, episode):
    for fold in folds(prepared(episode, rule), rule):
        for part in (fold.train, fold.validation, fold.judged):
            assert "art" not in names(part)


def test_the_oracle_validates_on_a_fifth_of_each_class_of_the_target(episode):
    oracle = prepared(episode, TARGET_ORACLE)
    assert names(oracle.validation) == {"art"}
    assert np.bincount(oracle.validation.labels).tolist() == [1, 1, 1]
    (fold,) = folds(oracle, TARGET_ORACLE)
    assert fold.judged is oracle.validation


def test_the_oracle_measures_on_none_of_the_images_it_chooses_by(episode):
    oracle = prepared(episode, TARGET_ORACLE)
    chosen_by, measured = set(oracle.validation.paths), set(oracle.test.paths)
    assert chosen_by | measured == set(episode.test.paths)
    assert not chosen_by & measured


def test_the_oracle_trains_as_the_other_rules_do(episode):
    assert prepared(episode, TARGET_ORACLE).train is episode.train


def test_the_oracle_needs_images_to_spare(make_features):
    episode = leave_one_domain_out(make_features(1), "art", seed=0)
    with pytest.raises(DataError) as caught:
        prepared(episode, TARGET_ORACLE)
    assert str(caught.value) == (
        "The target oracle needs test images to choose by, but no class of 'art' has two; choose "
        "another selection rule."
    )


def test_a_single_training_domain_cannot_be_left_out(make_features):
    episode = single_source(make_features(5), "art", seed=0)
    with pytest.raises(DataError) as caught:
        list(folds(episode, LEAVE_ONE_TRAINING_DOMAIN_OUT))
    assert str(caught.value) == (
        "Selection by leaving a training domain out needs at least 2 of them, but there is only "
        "'art'; choose another selection rule."
    )


def test_an_unknown_rule_is_refused():
    with pytest.raises(SettingsError) as caught:
        get_selection("luck")
    assert str(caught.value) == (
        "There is no selection rule 'luck'; choose from training-domain-validation, "
        "leave-one-domain-out, leave-one-latent-domain-out, target-oracle."
    )
