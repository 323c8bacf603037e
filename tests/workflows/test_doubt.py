"""Which answers not to trust."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ldpf.errors import ModelError, SettingsError
from ldpf.expectation.conformal import ConformalSets
from ldpf.workflows.doubt import Doubt, doubt_of
from ldpf.workflows.inputs import load_trained


@pytest.fixture(scope="module")
def trained(model):
    return load_trained(model)


def test_a_probability_at_the_limit_is_an_answer():
    doubt = Doubt(None, abstain_below=0.5)
    assert [doubt.abstains(p) for p in (0.49, 0.5, 0.51)] == [True, False, False]
    assert not Doubt(None).abstains(0.0)


def test_without_an_expectation_nothing_is_said():
    doubt = Doubt(None)
    assert doubt.outside(torch.zeros(3, 16)).isnan().all()
    assert doubt.sets(torch.full((3, 2), 0.5)) is None


@pytest.mark.parametrize(
    ("sets", "calibration", "waits"),
    [
        (None, None, False),
        (0.9, None, True),
        (None, "site", True),
        (0.9, "worst-domain", False),
        (None, "left-out", False),
    ],
)
def test_only_sets_of_a_site_wait_for_all_images(sets, calibration, waits, trained):
    assert doubt_of(trained, sets, calibration, None).waits is waits


def test_sets_of_no_image_are_none_of_any_class(trained):
    assert doubt_of(trained, 0.9, "site", None).sets(torch.empty(0, 3)).shape == (0, 3)


def test_what_cannot_be_is_refused(trained):
    with pytest.raises(SettingsError, match=r"coverage=0 should be a number between 0 and 1"):
        doubt_of(trained, 0, None, None)
    with pytest.raises(SettingsError, match="calibration='x' should be one of held-out"):
        doubt_of(trained, None, "x", None)


def test_a_model_without_calibration_images_has_no_sets(trained):
    expectation = trained.classifier.expectation
    bare = replace(
        expectation,
        conformal=ConformalSets(torch.empty(0), ()),
        site_estimator=replace(expectation.site_estimator, errors=()),
    )
    tiny = replace(trained, classifier=trained.classifier.with_expectation(bare))
    doubt = doubt_of(tiny, None, None, None)
    assert doubt.sets(torch.full((2, 3), 1 / 3)) is None
    assert not doubt.outside(torch.ones(2, 16)).isnan().any()
    with pytest.raises(ModelError, match="trained without images to calibrate sets on"):
        doubt_of(tiny, 0.9, None, None)
