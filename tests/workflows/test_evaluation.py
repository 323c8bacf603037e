"""`evaluate` from Python."""

from __future__ import annotations

import json

import pytest

from ldpf import workflows
from ldpf.errors import DataError
from ldpf.models.prompt_classifier import PromptClassifier
from ldpf.workflows.evaluation import measure


def test_the_result_is_what_the_command_prints(model, images, run_json):
    result = workflows.evaluate(model, images)
    assert json.loads(json.dumps(result.to_json())) == run_json("evaluate", model, images)


def test_classes_and_domains_add_up_to_all_images(model, images):
    result = workflows.evaluate(model, images)
    assert result.per_domain is not None
    for parts in (result.per_domain, result.per_class):
        assert sum(part["n_test"] for part in parts.values()) == result.n_test == 54
        right = sum(part["n_test"] * part["accuracy"] for part in parts.values())
        assert right / 54 == pytest.approx(result.accuracy)
    assert sum(map(sum, result.confusion)) == 54
    assert sum(result.domain_weights) == pytest.approx(1, abs=1e-5)


def test_images_of_other_classes_are_refused(model, image_tree):
    with pytest.raises(DataError, match="'zebra'"):
        workflows.evaluate(model, image_tree({"zebra": 2, "cat": 2}))


def test_ids_are_translated_by_name(make_features):
    """Class 0 of the data is class 1 of the model."""
    data = make_features(n_classes=2, noise=0.0, domain_strength=0.0)
    directions = data.features[:2]  # of cat and dog
    classifier = PromptClassifier("coop", ("dog", "cat"), directions.flip(0)[None], 100.0)
    result = measure(classifier, data)
    assert result.accuracy == 1
    assert result.domain_weights == [1.0]
    assert result.confusion == [[24, 0], [0, 24]]
