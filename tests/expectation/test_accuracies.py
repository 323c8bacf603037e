from __future__ import annotations

import json

import pytest

from ldpf.expectation.accuracies import (
    HeldOut,
    LeftOutDomain,
    expected,
    from_json,
    new_site_of,
    to_json,
)


def site(*accuracies):
    return new_site_of([LeftOutDomain(i, value, 50) for i, value in enumerate(accuracies)])


def test_four_of_four_are_too_few_to_say():
    held_out = HeldOut(4, 4)
    assert held_out.too_few and "4 of 4" in str(held_out) and "too few to say" in str(held_out)
    assert "100" not in str(held_out).replace("100%)", "")


def test_many_images_have_an_accuracy_and_its_interval():
    text = str(HeldOut(850, 1000))
    assert text.startswith("85.0% (82.7% to 87.1%") and "1,000 images" in text


def test_a_new_site_is_the_mean_over_latent_domains_and_not_over_images():
    domains = [LeftOutDomain(0, 0.9, 1000), LeftOutDomain(1, 0.5, 10), LeftOutDomain(2, 0.7, 10)]
    new = new_site_of(domains)
    assert new.accuracy == pytest.approx(0.7)
    assert (new.lowest, new.highest) == (0.5, 0.9)
    low, high = new.interval
    assert low < 0.5 and high > 0.9


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_latent_domains_say_nothing_of_a_new_site(n):
    assert site(*[0.5] * n) is None
    lines = expected(HeldOut(90, 100), None)
    assert len(lines) == 2 and "Nothing can be said of a new site" in lines[-1]


def test_an_interval_of_nearly_everything_is_not_shown():
    assert "80% of such sites are between 4" in str(site(0.5, 0.55, 0.6))
    assert "such sites" not in str(site(0.4, 0.55, 0.9))


def test_a_large_gap_is_named_in_points():
    lines = expected(HeldOut(850, 1000), site(0.62, 0.65, 0.68))
    assert (
        "Believe the held-out accuracy for new photos of the sites in the training data"
        in lines[-1]
    )
    assert "lose about 20 points" in lines[-1]


def test_a_gap_within_the_range_is_not_named():
    assert "lose" not in expected(HeldOut(850, 1000), site(0.5, 0.9))[-1]


def test_too_few_held_out_images_are_not_to_be_believed():
    assert "too few" in expected(HeldOut(4, 4), site(0.5, 0.6))[-1]


@pytest.mark.parametrize(("held_out", "new_site"), [(HeldOut(3, 9), site(0.25, 0.5)), (None, None)])
def test_both_survive_json(held_out, new_site):
    values = json.loads(json.dumps(to_json(held_out, new_site)))
    assert from_json(values) == (held_out, new_site)
