from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from ldpf.errors import DataError, SettingsError
from ldpf.methods import DPL
from ldpf.methods.instance_prompts import InstanceLearner, InstanceTraining
from ldpf.training.callbacks import RunRecord
from ldpf.training.recipe import FAST

SHORT = replace(FAST, max_steps=30, cooldown=10, learning_rate=0.01)
QUICK = InstanceTraining(images_per_step=8, evaluate_every=10, learning_rate=0.01)
SINGLE = DPL(length=3, training=QUICK, recipe=SHORT)
BATCH = replace(SINGLE, name="dpl-batch", batch=True)


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(6, seed=0), make_features(3, seed=1)


@pytest.fixture(scope="module")
def single(data, tiny_clip):
    return SINGLE.fit(*data, tiny_clip)


@pytest.fixture(scope="module")
def batch(data, tiny_clip):
    return BATCH.fit(*data, tiny_clip)


def accuracy(classifier, data):
    return float((classifier.logits(data.features).argmax(dim=1) == data.labels).float().mean())


def test_the_single_image_form_does_not_depend_on_the_batch(data, single):
    images = data[1].features
    together = single.logits(images)
    assert single.per_image
    alone = torch.cat([single.logits(image[None]) for image in images])
    assert torch.allclose(alone, together, atol=1e-3)


def test_the_batch_form_depends_on_the_batch_and_says_so(data, batch):
    images = data[1].features
    together = batch.logits(images)
    assert not batch.per_image
    alone = torch.cat([batch.logits(image[None]) for image in images])
    assert (alone - together).abs().max() > 1e-2
    # ... on what is in it, not on its order.
    assert torch.allclose(batch.logits(images.flip(0)).flip(0), together, atol=1e-3)


def test_a_batch_of_one_image_is_the_single_image_form(data, batch):
    image = data[1].features[:1]
    alone = replace(batch, per_image=True)
    assert torch.allclose(batch.logits(image), alone.logits(image), atol=1e-4)


def test_the_prompt_of_a_domain_is_the_mean_over_its_images(data, batch):
    features, domains = data[0].features, data[0].domains
    each, mean = batch.generator(features), batch.generator(features, domains)
    assert mean.shape == (3, 3 + 4, 32)
    for s in range(3):
        assert torch.allclose(mean[s], each[domains == s].mean(dim=0), atol=1e-5)


def test_generated_tokens_stand_in_front_of_a_photo_of_a(data, tiny_clip, single):
    contexts = single.generator(data[1].features)
    words = tiny_clip.text.token_embeddings(tiny_clip.text.name_tokens("a photo of a"))
    assert contexts.shape == (27, 7, 32)
    for context in contexts:
        assert torch.equal(context[3:], words)
    assert (contexts[0, :3] != contexts[1, :3]).any(dim=1).all()


@pytest.mark.parametrize("rows", [None, torch.tensor([0, 1, 40, 50, 2])])
def test_the_batch_form_trains_each_image_under_its_own_domains_prompt(rows, data, tiny_clip):
    train = data[0]
    fitted = replace(BATCH, recipe=replace(SHORT, max_steps=1, cooldown=0)).fit(*data, tiny_clip)
    learner = InstanceLearner(fitted, *data, RunRecord(), torch.arange(3), None)
    stage = learner.stage(0, 0)
    text = fitted.encoder(learner.contexts(stage, rows))
    losses = []
    chosen = range(len(train)) if rows is None else rows.tolist()
    present = sorted({int(train.domains[i]) for i in chosen})
    assert len(text) == len(present)
    for i in chosen:
        s = present.index(int(train.domains[i]))
        logits = tiny_clip.logit_scale * text[s] @ train.features[i]
        losses.append(-F.log_softmax(logits, dim=0)[train.labels[i]])
    expected = float(torch.stack(losses).mean())
    assert float(learner.loss(text, rows, stage)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("method", [SINGLE, BATCH])
def test_it_learns_what_it_is_shown(method, data, tiny_clip, single, batch):
    start = replace(method, recipe=replace(SHORT, max_steps=1, cooldown=0)).fit(*data, tiny_clip)
    fitted = batch if method.batch else single
    parts = [data[0].subset(data[0].domains == s) for s in range(3)]
    before, after = (sum(accuracy(c, part) for part in parts) / 3 for c in (start, fitted))
    assert after > before + 0.2


def test_validation_of_the_batch_form_is_domain_by_domain(data, batch):
    parts = [data[1].subset(data[1].domains == s) for s in range(3)]
    expected = sum(accuracy(batch, part) for part in parts) / 3
    assert batch.training["validation_accuracy"] == pytest.approx(expected)
    assert batch.training["validation_images"] == len(data[1])


def test_the_batch_form_trains_on_the_recipes_batches(data, batch, single):
    assert batch.training["images_a_step"] == len(data[0])
    assert single.training["images_a_step"] == 8
    # Evaluated every 5 steps (30 steps and the end), with a pass each.
    assert batch.training["text_passes"] == 30 + 7


def test_the_single_image_form_never_looks_at_domains(data, tiny_clip, single):
    unknown = [replace(part, domains=None) for part in data]
    again = SINGLE.fit(*unknown, tiny_clip)
    images = data[1].features
    assert torch.equal(again.logits(images), single.logits(images))


def test_the_batch_form_looks_at_domains(data, tiny_clip, batch):
    train, validation = data
    other = BATCH.fit(replace(train, domains=train.domains.flip(0) * 0), validation, tiny_clip)
    images = validation.features
    assert not torch.allclose(other.logits(images), batch.logits(images), atol=1e-3)


def test_the_batch_form_without_known_domains_is_refused(data, tiny_clip):
    unknown = [replace(part, domains=None) for part in data]
    with pytest.raises(DataError) as caught:
        BATCH.fit(*unknown, tiny_clip)
    assert str(caught.value) == (
        "The batch form of DPL averages prompts over the images of a domain, but the domains of "
        "the training images are unknown: arrange them as domain/class/image, give a manifest with "
        "a 'domain' column, or take 'dpl', which needs none."
    )


def test_no_images_give_no_answers(batch, single):
    for fitted in (batch, single):
        assert fitted.logits(torch.zeros(0, 16)).shape == (0, 3)


@pytest.mark.parametrize("name", ["length", "hidden"])
def test_sizes_below_one_are_refused(name):
    with pytest.raises(SettingsError, match=f"^{name}=0 should be"):
        DPL(**{name: 0})
