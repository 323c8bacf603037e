"""What is said of a site, as results keep it."""

from __future__ import annotations

import json

import pytest

from ldpf.expectation import measure_expectation
from ldpf.expectation.site_record import site_record
from ldpf.experiments.result_lines import SITE_RECORD
from ldpf.methods import make_method


@pytest.mark.parametrize("n_domains", [1, 3])
def test_it_is_what_the_expectation_says_and_what_results_may_hold(
    n_domains, make_features, tiny_clip
):
    train, held_out = (make_features(8, seed=s, n_domains=n_domains) for s in (0, 1))
    method = make_method("gda")
    fitted = method.fit(train, held_out, tiny_clip)
    expectation = measure_expectation(method, fitted, train, held_out, tiny_clip)
    new = make_features(10, seed=2).features
    record = site_record(fitted.with_expectation(expectation), new)
    estimate = expectation.estimate(fitted, new)
    assert (record["estimate"], record["estimators"]) == (estimate.accuracy, estimate.by_estimator)
    assert record["held_out"] == expectation.held_out.accuracy
    site = expectation.new_site
    assert record["expected"] == (None if site is None else site.accuracy)
    assert record["range"] == (None if site is None else [site.lowest, site.highest])
    assert SITE_RECORD.allows(json.loads(json.dumps(record)))
