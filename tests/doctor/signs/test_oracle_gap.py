from __future__ import annotations

from dataclasses import replace

import pytest

from ldpf.doctor import Case, Status
from ldpf.doctor.signs.oracle_gap import flattened, random_split
from ldpf.domains.assignment.random_split import RandomSplit
from ldpf.methods import make_method
from ldpf.methods.overrides import with_settings
from ldpf.utils.registry import part_settings


@pytest.mark.slow
def test_the_control_has_the_settings_of_the_model():
    changed = {
        "specific_length": 7,
        "discovery.clusterer": "kmeans",
        "fusion": "entropy",
        "fusion.beta": 0.3,
        "recipe.max_steps": 12,
        "sample_weights": "class",
    }
    model = with_settings(make_method("ldpf"), changed)
    control = random_split(part_settings(model), 4)
    assert control.name == "ldpf-random"
    assert isinstance(control.discovery.assignment, RandomSplit)
    same = replace(
        model, name="ldpf-random", discovery=replace(model.discovery, assignment=RandomSplit())
    )
    same = with_settings(same, {"n_domains": 4})
    assert part_settings(control) == part_settings(same)


@pytest.mark.parametrize("settings", [{}, {"name": "gda", "mixes": [0.1]}, {"unheard": 3}])
def test_settings_that_the_control_does_not_have_count_for_nothing(settings):
    assert random_split(settings, 3) == make_method("ldpf-random", n_domains=3)


def test_parts_are_flattened_by_name():
    nested = {"name": "m", "fusion": {"name": "similarity", "tau": 1.0}, "mixes": [1, 2]}
    assert flattened(nested) == {"fusion": "similarity", "fusion.tau": 1.0, "mixes": (1, 2)}


def test_one_prompt_has_no_gap(say, linear, make_features):
    images = make_features(4)
    found = say("oracle-gap", Case(linear(3, 16), train=images, held_out=images))
    assert (found.status, found.words) == (
        Status.NOT_MEASURED,
        "the model has one prompt and no latent domains",
    )


def test_without_a_backbone_no_control_is_trained(say, made_cases):
    made = replace(made_cases.healthy(0), control=None)
    found = say("oracle-gap", made)
    assert found.words == "needs the backbone, to train prompts of a random split"


def test_the_gap_of_the_control_counts_as_chance(say, made_cases):
    wrong = made_cases.wrong_fusion(0)
    assert say("oracle-gap", wrong).status is Status.NOTICE
    found = say("oracle-gap", replace(wrong, control=wrong.classifier))
    assert (found.status, found.figure) == (Status.FINE, 0.0)
