from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ldpf.errors import SettingsError
from ldpf.methods import CoCoOp, CoOp
from ldpf.methods.cocoop import ConditionalContext
from ldpf.methods.coop import ALL, _CoOpLearner
from ldpf.methods.instance_prompts import InstanceLearner, InstanceTraining
from ldpf.text import PromptedTextEncoder
from ldpf.training.callbacks import RunRecord
from ldpf.training.recipe import FAST, PAPER
from ldpf.utils.seed import generator

SHORT = replace(FAST, max_steps=30, cooldown=10, learning_rate=0.03)
QUICK = InstanceTraining(images_per_step=8, evaluate_every=10, learning_rate=0.03)
METHOD = CoCoOp(length=6, hidden=4, training=QUICK, recipe=SHORT)


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(6, seed=0), make_features(3, seed=1)


@pytest.fixture(scope="module")
def run(data, tiny_clip):
    record = RunRecord()
    return METHOD.fit(*data, tiny_clip, record=record), record


def accuracy(classifier, data):
    return float((classifier.logits(data.features).argmax(dim=1) == data.labels).float().mean())


def untrained(data, backbone, recipe=SHORT):
    recipe = replace(recipe, max_steps=1, cooldown=0)
    return replace(METHOD, recipe=recipe).fit(*data, backbone)


def with_context(classifier, context):
    """A zero meta-net around `context`."""
    net = ConditionalContext(context, 16, 4, generator(0, "meta-net"))
    return replace(classifier, generator=net.requires_grad_(False))


def test_with_a_zero_meta_net_it_is_coop(data, tiny_clip, run):
    coop = CoOp(length=6, recipe=SHORT).fit(*data, tiny_clip)
    same = with_context(run[0], coop.contexts[0])
    images = data[1].features
    text = same.encoder(same.generator(images))
    assert torch.allclose(text, coop.text_features.expand(len(images), -1, -1), atol=1e-5)
    assert torch.allclose(
        same.logits(images) / tiny_clip.logit_scale,
        coop.logits(images) / tiny_clip.logit_scale,
        atol=1e-5,
    )


@pytest.mark.parametrize("batch", [None, torch.tensor([3, 50, 7])])
def test_with_a_zero_meta_net_the_context_has_coops_gradient(batch, data, tiny_clip):
    encoder = PromptedTextEncoder(tiny_clip.text, data[0].class_names)
    coop = _CoOpLearner(CoOp(length=6), *data, tiny_clip, seed=0)
    coop.loss(encoder(coop.contexts(ALL)), batch, ALL).backward()
    start = untrained(data, tiny_clip)
    own = with_context(start, coop.groups["context"].detach().clone())
    own.generator.requires_grad_(True)
    learner = InstanceLearner(own, *data, RunRecord(), torch.arange(3), None)
    stage = learner.stage(0, 0)
    learner.loss(encoder(learner.contexts(stage, batch)), batch, stage).backward()
    expected = coop.groups["context"].grad
    assert torch.allclose(learner.groups["context"].grad, expected, atol=1e-5)
    assert learner.groups["shift.weight"].grad.abs().sum() > 0


def test_training_starts_where_coop_does(data, tiny_clip):
    learner = _CoOpLearner(CoOp(length=6), *data, tiny_clip, seed=0)
    recipe = replace(SHORT, max_steps=1, cooldown=0, learning_rate=1e-9)
    start = replace(METHOD, recipe=recipe).fit(*data, tiny_clip)
    contexts = start.generator(data[1].features)
    assert contexts.shape == (27, 6, 32)
    for context in contexts:
        assert torch.allclose(context, learner.groups["context"], atol=1e-6)


def test_the_meta_net_shifts_every_token_by_the_same_vector(data, run):
    net = run[0].generator
    shifts = net(data[1].features) - net.context
    assert torch.allclose(shifts, shifts[:, :1].expand_as(shifts), atol=1e-6)
    hidden = torch.relu(data[1].features @ net.hidden.weight.T + net.hidden.bias)
    expected = hidden @ net.shift.weight.T + net.shift.bias
    assert torch.allclose(shifts[:, 0], expected, atol=1e-5)
    assert (shifts[0] - shifts[1]).abs().max() > 1e-4  # it says something of the image


def test_it_learns_what_it_is_shown(data, tiny_clip, run):
    assert accuracy(run[0], data[0]) > accuracy(untrained(data, tiny_clip), data[0]) + 0.2


def test_each_image_is_answered_on_its_own(data, run):
    fitted, images = run[0], data[1].features
    assert fitted.per_image
    together = fitted.logits(images)
    alone = torch.cat([fitted.logits(image[None]) for image in images])
    assert torch.allclose(alone, together, atol=1e-3)
    backwards = fitted.logits(images.flip(0)).flip(0)
    assert torch.allclose(backwards, together, atol=1e-3)


def test_logits_are_those_of_each_images_own_sentences(data, tiny_clip, run):
    fitted, images = run[0], data[1].features
    encoder = PromptedTextEncoder(tiny_clip.text, data[0].class_names, path="reference")
    for image, found in zip(images[:3], fitted.logits(images)[:3], strict=True):
        text = encoder(fitted.generator(image[None]))[0]
        assert torch.allclose(found, tiny_clip.logit_scale * text @ image, atol=1e-3)


def test_no_images_give_no_answers(run):
    assert run[0].logits(torch.zeros(0, 16)).shape == (0, 3)
    assert run[0].probabilities(torch.zeros(2, 16)).sum(dim=1).tolist() == pytest.approx([1, 1])


def test_the_number_of_passes_is_bounded_and_counted(data, run):
    fitted, record = run
    # 30 steps on 8 images; 27 validation images in 4 passes, at steps 0, 10, 20 and the end.
    assert fitted.training["steps"] == 30
    assert fitted.training["text_passes"] == record.text_passes == 30 + 4 * 4
    assert fitted.training["images_a_step"] == 8


def test_the_images_shown_are_bounded_whatever_the_recipe_allows(data, tiny_clip):
    bounded = replace(METHOD, training=replace(QUICK, max_images=40))
    assert bounded.fit(*data, tiny_clip).training["steps"] == 5


def test_a_recipe_of_epochs_keeps_them(data, tiny_clip):
    recipe = replace(PAPER, max_epochs=2)
    fitted = replace(METHOD, recipe=recipe).fit(*data, tiny_clip)
    assert fitted.training["steps"] == 2 * 7  # 54 images, 8 at a time


@pytest.mark.slow
def test_a_sample_of_the_validation_images_judges(data, tiny_clip):
    few = replace(METHOD, training=replace(QUICK, validation_images=5), recipe=SHORT)
    fitted = few.fit(*data, tiny_clip)
    assert fitted.training["validation_images"] == 5
    assert fitted.training["validation_accuracy"] in [i / 5 for i in range(6)]
    assert METHOD.fit(*data, tiny_clip).training["validation_accuracy"] == pytest.approx(
        accuracy(METHOD.fit(*data, tiny_clip), data[1])
    )


def test_without_validation_images_the_training_images_choose(data, tiny_clip):
    fitted = METHOD.fit(data[0], data[1].subset([]), tiny_clip)
    assert fitted.training["validation_accuracy"] == pytest.approx(accuracy(fitted, data[0]))


@pytest.mark.parametrize("name", ["length", "hidden"])
def test_settings_out_of_range_are_refused(name):
    with pytest.raises(SettingsError, match=f"^{name}=0 should be"):
        CoCoOp(**{name: 0})
