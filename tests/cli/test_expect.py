"""`ldpf expect`: what is printed of a new site."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from ldpf import workflows
from ldpf.expectation import HeldOut, LeftOutDomain, NewSite, SiteEstimate
from ldpf.workflows.expecting import SiteExpectation


def result(accuracy=0.6, n=200, distances=None, between=(0.2, 0.4), n_outside=0, missing=()):
    site = NewSite((LeftOutDomain(0, 0.5, 20), LeftOutDomain(1, 0.7, 20)))
    expectation = SimpleNamespace(held_out=HeldOut(90, 100), new_site=site)
    estimate = SiteEstimate(accuracy, accuracy - 0.1, accuracy + 0.1, {"atc": 0.55}, n)
    return SiteExpectation(
        model=Path("my model"),
        photos="new",
        expectation=expectation,
        estimate=estimate,
        distances={0: 0.1, 1: 0.5} if distances is None else distances,
        between=between,
        n_outside=n_outside,
        counts={"cat": 199.0, "dog": 1.0},
        missing=missing,
    )


@pytest.fixture
def said(monkeypatch, run, model, images):
    """What is printed of a result."""

    def say(**values) -> str:
        monkeypatch.setattr(workflows, "expect", lambda *_, **__: result(**values))
        printed = run("expect", model, images)
        assert printed.exit_code == 0, printed.output
        return printed.stdout

    return say


def test_the_estimate_stands_beside_what_was_known_before(said):
    text = said()
    assert text.startswith("Estimated accuracy on 200 photos: 60% (80% of such estimates are ")
    assert "Held-out images of the training sites: 90.0% (82.6% to 94.5%)\n" in text
    assert "Before any photo, of any new site: 60.0%\n" in text


def test_a_loss_is_told_with_what_to_do(said):
    text = said(accuracy=0.6)
    assert "loses about 30 points here" in text and "ldpf evaluate 'my model' LABELED" in text
    assert "Use it here" not in text
    assert "Use it here: ldpf predict 'my model' new --sets 0.9\n" in said(accuracy=0.85)


def test_a_site_within_reach_and_one_far_from_all(said):
    near = said()
    assert "Distance to each latent domain: 0: 0.10, 1: 0.50.\n" in near
    assert "this site is nearest to 0, no farther than some of them" in near
    assert "this site is farther from all of them" in said(distances={0: 0.5, 1: 0.6})


def test_many_photos_outside_come_first(said):
    assert "Look at what is outside first" not in said(n_outside=10)
    text = said(n_outside=11)
    assert "Outside of what the model knows: 11 of 200 photos.\n" in text
    assert "Look at what is outside first" in text


def test_missing_classes_may_not_be_recognized(said):
    text = said(missing=("dog",))
    assert "Classes that are hardly among 200 photos: dog (1)." in text
    assert "which is likelier where it is so often wrong" in text
    assert "likelier" not in said(missing=("dog",), accuracy=0.85)


def test_a_site_of_few_classes_is_said_to_be_underestimated(said):
    assert "the estimate above is too low" in said(missing=("dog", "cat"))
    assert "the estimate above is too low" not in said(missing=("dog",))


def test_paths_on_standard_input(run, model, images):
    files = sorted(images.rglob("*.png"))
    lines = "".join(f"{file}\n" for file in files)
    printed = run("expect", model, "-", "--json", input=lines)
    assert json.loads(printed.stdout)["n"] == len(files), printed.output
    several = run("expect", model, *files[:3], "--json")
    assert json.loads(several.stdout)["n"] == 3


def test_json_has_every_estimator(run, model, images):
    printed = run("expect", model, images, "--json")
    document = json.loads(printed.stdout)
    expected = workflows.expect(model, images)
    assert document["estimators"] == expected.estimate.by_estimator
    assert document["accuracy"] == expected.estimate.accuracy
    assert document["expectation"]["held_out"]["n"] == 12


def test_photos_must_be_given(run, model):
    printed = run("expect", model)
    assert printed.exit_code == 2
    assert "Which images?" in printed.stderr
