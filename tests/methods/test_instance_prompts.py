from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ldpf.errors import SettingsError
from ldpf.methods.instance_prompts import (
    InstanceLearner,
    InstancePromptClassifier,
    InstanceTraining,
    own_cosines,
    relabeled,
)
from ldpf.text import PromptedTextEncoder
from ldpf.training.callbacks import RunRecord
from ldpf.training.recipe import FAST, PAPER
from ldpf.utils.seed import generator


def unit(*shape, purpose="features"):
    return F.normalize(torch.randn(shape, generator=generator(0, purpose)), dim=-1)


class Turned(nn.Module):
    """A context that is a linear map of the image feature."""

    def __init__(self, length=2, width=32, dim=16):
        super().__init__()
        draws = generator(0, "turned")
        self.weight = nn.Parameter(0.1 * torch.randn(length, width, dim, generator=draws))

    def forward(self, features, group=None):
        each = torch.einsum("mwd,nd->nmw", self.weight, features)
        if group is None:
            return each
        return torch.stack([each[group == g].mean(dim=0) for g in range(int(group.max()) + 1)])


def classifier(backbone, per_image=True, at_once=4):
    encoder = PromptedTextEncoder(backbone.text, ("cat", "dog", "horse"))
    return InstancePromptClassifier(
        "turned", encoder.class_names, Turned(), encoder, backbone.logit_scale, at_once, per_image
    )


# --- cosines ----------------------------------------------------------------------------------


def test_each_image_meets_the_text_of_its_own_prompt():
    features, text = unit(5, 8), unit(5, 3, 8, purpose="text")
    expected = torch.stack([t @ f for t, f in zip(text, features, strict=True)])
    assert torch.allclose(own_cosines(features, text, None), expected, atol=1e-6)


def test_images_of_a_group_meet_the_text_of_its_prompt():
    features, text = unit(5, 8), unit(2, 3, 8, purpose="text")
    group = torch.tensor([0, 1, 1, 0, 1])
    expected = torch.stack([text[g] @ f for g, f in zip(group, features, strict=True)])
    assert torch.allclose(own_cosines(features, text, group), expected, atol=1e-6)


def test_groups_keep_their_images_under_new_ids():
    assert relabeled(torch.tensor([7, 2, 7, 5])).tolist() == [2, 0, 2, 1]


# --- the classifier ---------------------------------------------------------------------------


@pytest.mark.parametrize("at_once", [1, 4, 100])
def test_answers_do_not_depend_on_how_many_are_computed_at_once(at_once, tiny_clip):
    images = unit(9, 16)
    expected = classifier(tiny_clip, at_once=9).logits(images)
    assert torch.allclose(
        classifier(tiny_clip, at_once=at_once).logits(images), expected, atol=1e-4
    )


@pytest.mark.parametrize(("n_images", "passes"), [(1, 1), (4, 1), (9, 3)])
def test_passes_are_counted_as_they_are_made(n_images, passes, tiny_clip):
    own, calls = classifier(tiny_clip), []

    def counted(contexts):
        calls.append(len(contexts))
        return own.encoder(contexts)

    counted.tower = own.encoder.tower
    replace(own, encoder=counted).logits(unit(n_images, 16))
    assert len(calls) == passes == own.passes(n_images)
    assert max(calls) <= 4 and sum(calls) == n_images
    assert replace(own, per_image=False).passes(n_images) == 1


def test_groups_are_answered_as_batches_of_their_own(tiny_clip):
    own, images = classifier(tiny_clip, per_image=False), unit(6, 16)
    group = torch.tensor([3, 1, 1, 3, 1, 3])
    found = own.grouped_logits(images, group)
    for g in (1, 3):
        assert torch.allclose(found[group == g], own.logits(images[group == g]), atol=1e-4)


def test_each_image_alone_knows_no_groups(tiny_clip):
    own, images = classifier(tiny_clip), unit(6, 16)
    found = own.grouped_logits(images, torch.tensor([0, 1, 0, 1, 2, 2]))
    assert torch.equal(found, own.logits(images))


# --- training ---------------------------------------------------------------------------------


def test_without_a_stage_there_is_no_prompt_to_encode(make_features, tiny_clip):
    data = make_features(2)
    own = classifier(tiny_clip)
    learner = InstanceLearner(own, data, data, RunRecord(), torch.arange(len(data)), None)
    assert learner.contexts(frozenset()).shape == (0, 2, 32)
    assert learner.contexts(learner.stage(0, 0)).shape == (18, 2, 32)


def test_judging_is_done_by_the_prompts_of_the_judged_images(make_features, tiny_clip):
    data, own, record = make_features(2), classifier(tiny_clip), RunRecord()
    learner = InstanceLearner(own, data, data, record, torch.tensor([1, 5, 9]), None)
    right = own.logits(data.features).argmax(dim=1) == data.labels
    expected = float(right[[1, 5, 9]].float().mean())
    assert learner.validation_accuracy(torch.zeros(18, 3, 16)) == pytest.approx(expected)
    assert record.text_passes == 1


def test_a_recipe_on_whole_sets_is_bounded():
    bounds = InstanceTraining(images_per_step=10, max_images=95, evaluate_every=7)
    recipe = bounds.bounded(replace(FAST, patience=3))
    assert recipe.image_batch == 10
    assert recipe.steps(10**6) == 10
    assert (recipe.evaluate_every, recipe.patience) == (7, 7)
    assert recipe.learning_rate == bounds.learning_rate < FAST.learning_rate


def test_shorter_recipes_stay_as_short():
    short = replace(FAST, max_steps=5, learning_rate=1e-4, evaluate_every=900, image_batch=3)
    recipe = InstanceTraining().bounded(short)
    assert (recipe.max_steps, recipe.learning_rate) == (5, 1e-4)
    assert (recipe.evaluate_every, recipe.image_batch) == (900, 3)


def test_a_recipe_of_epochs_keeps_all_but_its_batches():
    recipe = InstanceTraining(images_per_step=8).bounded(PAPER)
    assert recipe == replace(PAPER, image_batch=8)


@pytest.mark.parametrize(
    "name", ["images_per_step", "max_images", "validation_images", "evaluate_every"]
)
def test_bounds_below_one_are_refused(name):
    with pytest.raises(SettingsError, match=f"^{name}=0 should be"):
        InstanceTraining(**{name: 0})


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_a_learning_rate_out_of_range_is_refused(rate):
    with pytest.raises(SettingsError, match=f"^learning_rate={rate} should be"):
        InstanceTraining(learning_rate=rate)
