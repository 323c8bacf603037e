"""Which method to take on given images."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ldpf.expectation import measure_expectation
from ldpf.expectation.advice import Advice, Compared, advise
from ldpf.methods import make_method
from ldpf.methods.left_out import left_out_answers


def row(name, *accuracies, held_out=0.9):
    return Compared(name, dict(enumerate(accuracies)), held_out)


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(12, seed=0, noise=0.4), make_features(6, seed=1, noise=0.4)


@pytest.fixture(scope="module")
def classifier(data, tiny_clip):
    method = make_method("linear-probe-balanced")
    fitted = method.fit(*data, tiny_clip)
    return fitted.with_expectation(measure_expectation(method, fitted, *data, tiny_clip))


def test_a_method_that_leads_on_every_latent_domain_is_to_be_taken():
    advice = Advice(row("ldpf", 0.6, 0.7, 0.5), (row("gda", 0.7, 0.8, 0.62),))
    assert advice.best.name == "gda"
    assert "take gda here (method='gda')" in advice.sentence
    assert "over 3 latent domains left out in turn: gda 70.7%, ldpf 60.0%" in advice.sentence


def test_a_lead_within_one_standard_error_changes_nothing():
    advice = Advice(row("ldpf", 0.6, 0.7, 0.5), (row("gda", 0.9, 0.6, 0.4),))
    assert advice.best.name == "ldpf"
    assert "keep ldpf; gda leads by no more than chance" in advice.sentence


def test_a_lead_of_less_than_a_point_changes_nothing():
    advice = Advice(row("ldpf", 0.6, 0.7, 0.5), (row("gda", 0.605, 0.705, 0.505),))
    assert advice.best.name == "ldpf"


def test_nothing_better_is_said():
    advice = Advice(row("ldpf", 0.6, 0.7), (row("gda", 0.5, 0.5), row("coop", 0.4, 0.3)))
    assert "keep ldpf; none of the simpler methods does better" in advice.sentence


def test_held_out_images_do_not_speak_for_another_method():
    advice = Advice(row("ldpf", held_out=0.5), (row("gda", held_out=1.0),))
    assert advice.best.name == "ldpf"
    assert "nothing here tells methods apart at a new site" in advice.sentence
    assert "ldpf 50.0%, gda 100.0%" in advice.sentence


def test_only_latent_domains_that_all_were_judged_on_count():
    advice = Advice(row("ldpf", 0.5, 0.5, 1.0), (row("gda", 0.6, 0.6),))
    assert advice.domains == [0, 1]
    assert advice.best.name == "gda"


def test_plain_values_bring_it_back():
    advice = Advice(row("ldpf", 0.6, 0.7), (row("gda", 0.8, 0.9, held_out=None),))
    assert Advice.from_json(advice.to_json()) == advice
    assert advice.to_json()["take"] == "gda"


@pytest.mark.slow
def test_the_trained_method_is_judged_as_its_expectation_says(classifier, data, tiny_clip):
    advice = advise(classifier, *data, tiny_clip, names=("gda",))
    sites = classifier.expectation.new_site.domains
    assert advice.own.by_domain == {site.domain: site.accuracy for site in sites}
    assert advice.own.name == "linear-probe-balanced"


def test_others_are_judged_on_the_same_latent_domains(classifier, data, tiny_clip):
    advice = advise(classifier, *data, tiny_clip, names=("gda",))
    method = make_method("gda")
    fitted = method.fit(*data, tiny_clip)
    answers = left_out_answers(method, fitted, *data, tiny_clip)
    assert advice.others[0].by_domain == answers.accuracies()
    validation = data[1]
    assert advice.others[0].held_out == fitted.accuracy(validation.features, validation.labels)


@pytest.mark.slow
def test_the_trained_method_is_not_compared_with_itself(data, tiny_clip):
    method = make_method("gda")
    fitted = method.fit(*data, tiny_clip)
    known = fitted.with_expectation(measure_expectation(method, fitted, *data, tiny_clip))
    advice = advise(known, *data, tiny_clip, names=("gda", "linear-probe"))
    assert [other.name for other in advice.others] == ["linear-probe"]


def test_what_a_choice_has_judged_is_not_trained_again(classifier, data, tiny_clip, monkeypatch):
    rows = [
        {"name": name, "by_domain": [a, a], "validation_accuracy": a, "seconds": 1.0}
        for name, a in (("ensemble", 0.6), ("gda", 0.8), ("coop", 0.7))
    ]
    training = {**classifier.training, "auto": {"table": rows, "chosen": "ensemble"}}
    auto = replace(classifier, method="auto", training=training)
    auto = auto.with_expectation(classifier.expectation)
    monkeypatch.setattr("ldpf.expectation.advice.make_method", None)
    advice = advise(auto, *data, tiny_clip)
    assert advice.own == Compared("auto", {0: 0.6, 1: 0.6}, 0.6, 1.0)
    assert [other.name for other in advice.others] == ["gda", "coop"]


def test_without_an_expectation_there_is_none(classifier, data, tiny_clip):
    assert advise(classifier.with_expectation(None), *data, tiny_clip) is None


def test_all_that_is_said_in_one_view(golden):
    own = Compared("ldpf", {0: 0.8, 1: 0.7}, 0.9)
    better = Compared("gda", {0: 0.95, 1: 0.9}, 0.9)
    close = Compared("coop", {0: 0.81, 1: 0.695}, 0.9)
    worse = Compared("linear-probe", {0: 0.6, 1: 0.5}, 0.95)
    alone = Compared("ldpf", {0: 0.8}, 0.9)
    cases = [
        (own, ()),
        (own, (better, worse)),
        (own, (close,)),
        (own, (worse,)),
        (alone, (better,)),
    ]
    golden([Advice(first, tuple(others)).sentence for first, others in cases])
