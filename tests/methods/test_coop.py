from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from ldpf.errors import SettingsError
from ldpf.methods import CoOp
from ldpf.methods.coop import ALL, _CoOpLearner
from ldpf.text import PromptedTextEncoder
from ldpf.text.contexts import worded_context
from ldpf.training.callbacks import RunRecord
from ldpf.training.recipe import FAST
from ldpf.utils.seed import generator

SHORT = replace(FAST, max_steps=40, cooldown=10, learning_rate=0.03)


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(6, seed=0), make_features(3, seed=1)


@pytest.fixture(scope="module")
def fitted(data, tiny_clip):
    return CoOp(recipe=SHORT).fit(*data, tiny_clip)


def accuracy(classifier, data):
    return float((classifier.logits(data.features).argmax(dim=1) == data.labels).float().mean())


def test_it_learns_what_it_is_shown(data, tiny_clip, fitted):
    untrained = CoOp(recipe=replace(SHORT, max_steps=1, cooldown=0)).fit(*data, tiny_clip)
    assert accuracy(fitted, data[0]) > accuracy(untrained, data[0]) + 0.3


def test_it_reports_the_validation_accuracy_of_the_prompt_it_returns(data, fitted):
    assert fitted.training["validation_accuracy"] == pytest.approx(accuracy(fitted, data[1]))


def test_the_report_counts_steps_and_passes(fitted):
    assert fitted.training["steps"] == 40
    assert fitted.training["text_passes"] == 41
    assert 0 < fitted.training["best_step"] <= 40


def test_text_features_belong_to_the_learned_prompt(data, tiny_clip, fitted):
    encoder = PromptedTextEncoder(tiny_clip.text, data[0].class_names)
    with torch.no_grad():
        assert torch.allclose(encoder(fitted.contexts), fitted.text_features, atol=1e-5)
    assert fitted.contexts.shape == (1, 12, 32)
    assert fitted.latent is None


def test_the_prompt_starts_as_a_photo_of_a_and_random_tokens(data, tiny_clip):
    learner = _CoOpLearner(CoOp(length=6), *data, tiny_clip, seed=5)
    expected = worded_context(tiny_clip.text, 6, generator(5, "prompts"))
    assert torch.equal(learner.contexts(ALL)[0], expected)


def test_the_loss_is_the_cross_entropy_at_clips_own_temperature(data, tiny_clip):
    train = data[0]
    learner = _CoOpLearner(CoOp(), *data, tiny_clip, seed=0)
    text = F.normalize(torch.randn(1, 3, 16, generator=generator(0, "t")), dim=-1)
    cosines = [F.cosine_similarity(f[None], text[0], dim=1) for f in train.features]
    each = [
        -F.log_softmax(tiny_clip.logit_scale * c, dim=0)[y]
        for c, y in zip(cosines, train.labels, strict=True)
    ]
    assert float(learner.loss(text, None, ALL)) == pytest.approx(
        float(torch.stack(each).mean()), rel=1e-5
    )
    batch = torch.tensor([5, 0, 9])
    expected = float(torch.stack([each[i] for i in batch]).mean())
    assert float(learner.loss(text, batch, ALL)) == pytest.approx(expected, rel=1e-5)


def test_validation_images_choose_the_prompt_and_nothing_else(data, tiny_clip):
    train, validation = data
    recipe = replace(SHORT, patience=10**6, max_steps=20)
    record, other_record = RunRecord(), RunRecord()
    CoOp(recipe=recipe).fit(train, validation, tiny_clip, record=record)
    wrong = replace(validation, labels=(validation.labels + 1) % 3)
    CoOp(recipe=recipe).fit(train, wrong, tiny_clip, record=other_record)
    losses, other_losses = ([line["loss"] for line in r.history] for r in (record, other_record))
    assert losses == other_losses
    assert record.history != other_record.history


def test_without_validation_images_the_training_images_choose(data, tiny_clip):
    train, validation = data
    fitted = CoOp(recipe=SHORT).fit(train, validation.subset([]), tiny_clip)
    assert fitted.training["validation_accuracy"] == pytest.approx(accuracy(fitted, train))


def test_the_frozen_model_is_not_trained(data, tiny_clip):
    before = {name: p.clone() for name, p in tiny_clip.model.named_parameters()}
    CoOp(recipe=replace(SHORT, max_steps=5, cooldown=0)).fit(*data, tiny_clip)
    for name, parameter in tiny_clip.model.named_parameters():
        assert parameter.grad is None
        assert torch.equal(before[name], parameter)


def test_an_empty_context_is_refused():
    with pytest.raises(SettingsError, match=r"^length=0 should be"):
        CoOp(length=0)
