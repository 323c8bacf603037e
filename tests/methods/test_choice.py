from __future__ import annotations

import pytest

from ldpf.methods.choice import ENSEMBLE, Judged, choose, lead, table_rows


def judged(name, *log_likelihoods, by_domain=None):
    by_domain = log_likelihoods if by_domain is None else by_domain
    return Judged(name, by_domain, log_likelihoods, validation_accuracy=0.5, seconds=1.0)


def test_the_lead_is_paired_by_latent_domain():
    mean, error = lead((0.5, 0.7, 0.9), (0.4, 0.5, 0.6))
    assert mean == pytest.approx(0.2)
    assert error == pytest.approx(0.1 / 3**0.5)


def test_the_ensemble_is_kept_where_a_candidate_is_better_within_the_margin():
    # 0.03 nats better with a standard error of 0.0173.
    chosen, reason = choose([judged("gda", 0.56, 0.73, 0.90), judged(ENSEMBLE, 0.5, 0.7, 0.9)], 2)
    assert chosen == ENSEMBLE
    assert "gda" in reason and "0.030 nats" in reason and "0.017" in reason


def test_a_candidate_beyond_the_margin_is_chosen():
    rows = [judged("gda", 0.6, 0.8, 0.98), judged(ENSEMBLE, 0.5, 0.7, 0.9)]
    chosen, reason = choose(rows, 2)
    assert chosen == "gda"
    assert "0.093 nats" in reason and "0.007" in reason


def test_a_smaller_margin_chooses_more_often():
    rows = [judged("gda", 0.56, 0.73, 0.90), judged(ENSEMBLE, 0.5, 0.7, 0.9)]
    assert choose(rows, 1)[0] == "gda"


def test_of_several_beyond_the_margin_the_best_is_chosen():
    rows = [
        judged("gda", 0.6, 0.8, 0.98),
        judged(ENSEMBLE, 0.5, 0.7, 0.9),
        judged("coop", 0.65, 0.85, 1.0),
    ]
    assert choose(rows, 2)[0] == "coop"


def test_an_equal_candidate_is_not_chosen_without_a_margin():
    rows = [judged("gda", 0.5, 0.7), judged(ENSEMBLE, 0.5, 0.7)]
    assert choose(rows, 0)[0] == ENSEMBLE


@pytest.mark.parametrize("by_domain", [(), (0.5,)])
def test_fewer_than_two_latent_domains_choose_nothing(by_domain):
    better = [value + 0.4 for value in by_domain]
    assert choose([judged("gda", *better), judged(ENSEMBLE, *by_domain)], 2)[0] == ENSEMBLE


def test_the_table_marks_what_was_chosen_and_has_no_number_without_folds():
    table = [judged("gda", 0.5, 0.75).to_json(), judged(ENSEMBLE).to_json()]
    assert table_rows({"table": table, "chosen": "gda"}) == [
        ("gda (chosen)", "62.5%", "50.0%", "1.0"),
        (ENSEMBLE, "-", "50.0%", "1.0"),
    ]


def test_log_likelihoods_decide_and_not_accuracies():
    sure = judged("gda", -3.0, -3.1, -2.9, by_domain=(0.9, 0.9, 0.9))
    ensemble = judged(ENSEMBLE, -0.5, -0.6, -0.7, by_domain=(0.8, 0.8, 0.8))
    assert choose([sure, ensemble], 1)[0] == ENSEMBLE
