"""What is said of answers, compared with what is true."""

from __future__ import annotations

import pytest
import torch

from ldpf.evaluation.calibration import reliability
from ldpf.evaluation.risk_coverage import risk_coverage
from ldpf.expectation import measure_expectation
from ldpf.expectation.trust import measure_trust
from ldpf.methods import make_method


@pytest.fixture(scope="module")
def case(make_features, tiny_clip):
    train, held_out = make_features(20, seed=0, noise=0.4), make_features(8, seed=1, noise=0.4)
    method = make_method("linear-probe-balanced")
    classifier = method.fit(train, held_out, tiny_clip)
    expectation = measure_expectation(method, classifier, train, held_out, tiny_clip)
    new = make_features(20, seed=2, noise=0.6)
    return expectation, classifier.logits(new.features), new


def test_calibration_error_before_and_after_is_that_of_the_answers(case):
    expectation, logits, new = case
    trust = measure_trust(expectation, logits, new.labels)
    right = (logits.argmax(dim=1) == new.labels).numpy()
    for temperature, found in (
        (1, trust.error_before),
        (expectation.temperature, trust.error_after),
    ):
        confidence = (logits / temperature).softmax(dim=1).max(dim=1).values.numpy()
        assert found == pytest.approx(reliability(confidence, right).error)
    assert trust.error_before != trust.error_after


def test_coverage_and_size_are_those_of_the_sets(case):
    expectation, logits, new = case
    trust = measure_trust(expectation, logits, new.labels)
    p = expectation.probabilities(logits)
    for name in expectation.calibrations:
        sets = expectation.sets(p, 0.9, name)
        covered = [bool(row[label]) for row, label in zip(sets, new.labels, strict=True)]
        assert trust.sets[name].coverage == pytest.approx(sum(covered) / len(covered))
        assert trust.sets[name].size == pytest.approx(float(sets.sum()) / len(sets))


def test_each_known_domain_is_a_site_of_its_own(case):
    expectation, logits, new = case
    sites = (torch.arange(len(new)) % 2 == 0).long()
    trust = measure_trust(expectation, logits, new.labels, sites)
    p = expectation.probabilities(logits)
    parts = [expectation.sets(p[sites == s], 0.9, "site").sum() for s in (0, 1)]
    assert trust.sets["site"].size == pytest.approx(float(sum(parts)) / len(new))
    whole = measure_trust(expectation, logits, new.labels)
    assert trust.sets["left-out"] == whole.sets["left-out"]


def test_the_risk_is_of_calibrated_answers(case):
    expectation, logits, new = case
    right = (logits.argmax(dim=1) == new.labels).numpy()
    confidence = expectation.probabilities(logits).max(dim=1).values.numpy()
    curve = risk_coverage(confidence, right)
    trust = measure_trust(expectation, logits, new.labels)
    assert (trust.risk_area, trust.risk_at_half) == (curve.area, curve.at(0.5))


def test_without_an_expectation_there_is_the_plain_error_alone(case):
    _, logits, new = case
    trust = measure_trust(None, logits, new.labels)
    assert trust.error_after is None and trust.sets == {}
    assert trust.error_before > 0
