from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from ldpf.errors import SettingsError
from ldpf.methods import CoOp, KgCoOp, ZeroShot
from ldpf.methods.coop import ALL, _CoOpLearner
from ldpf.methods.kgcoop import KgCoOpLearner
from ldpf.training.callbacks import RunRecord
from ldpf.training.recipe import FAST, PAPER
from ldpf.utils.seed import generator

SHORT = replace(FAST, max_steps=20, cooldown=5, learning_rate=0.03)


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(6, seed=0), make_features(3, seed=1)


def texts():
    return F.normalize(torch.randn(1, 3, 16, generator=generator(0, "texts")), dim=-1)


@pytest.mark.parametrize("recipe", [SHORT, replace(PAPER, image_batch=16, max_epochs=2)])
def test_without_weight_it_is_coop_bit_for_bit(recipe, data, tiny_clip):
    records = RunRecord(), RunRecord()
    plain = CoOp(recipe=recipe).fit(*data, tiny_clip, seed=3, record=records[0])
    other = KgCoOp(weight=0.0, recipe=recipe).fit(*data, tiny_clip, seed=3, record=records[1])
    assert torch.equal(other.contexts, plain.contexts)
    assert torch.equal(other.text_features, plain.text_features)
    assert records[1].history == records[0].history
    assert other.training == plain.training


@pytest.mark.parametrize("batch", [None, torch.tensor([3, 50, 7])])
def test_the_loss_is_coops_and_the_squared_distance_to_the_hard_prompt(batch, data, tiny_clip):
    text = texts()
    hard = ZeroShot().fit(*data, tiny_clip).text_features[0]
    apart = sum(float((t - h).square().sum()) for t, h in zip(text[0], hard, strict=True)) / 3
    coop = _CoOpLearner(CoOp(), *data, tiny_clip, seed=0)
    learner = KgCoOpLearner(KgCoOp(weight=0.7), *data, tiny_clip, seed=0)
    expected = float(coop.loss(text, batch, ALL)) + 0.7 * apart
    assert float(learner.loss(text, batch, ALL)) == pytest.approx(expected, rel=1e-5)


def test_the_distance_is_nothing_at_the_hard_prompt(data, tiny_clip):
    learner = KgCoOpLearner(KgCoOp(), *data, tiny_clip, seed=0)
    coop = _CoOpLearner(CoOp(), *data, tiny_clip, seed=0)
    text = learner.hard[None]
    assert torch.equal(learner.loss(text, None, ALL), coop.loss(text, None, ALL))


def test_more_weight_ends_nearer_to_the_hard_prompt(data, tiny_clip, monkeypatch):
    # Of equally good prompts the latest is taken, here the one after the last step.
    monkeypatch.setattr(_CoOpLearner, "validation_accuracy", lambda self, text: 0.5)
    hard = ZeroShot().fit(*data, tiny_clip).text_features[0]
    distances = []
    for weight in (0.0, 8.0, 800.0):
        fitted = KgCoOp(weight=weight, recipe=SHORT).fit(*data, tiny_clip)
        distances.append(float((fitted.text_features[0] - hard).square().sum()))
    assert distances[0] > distances[1] > distances[2]


def test_it_can_be_saved_as_coop_can(data, tiny_clip, tmp_path):
    from ldpf.models.saving import load_model, save_model

    fitted = KgCoOp(recipe=replace(SHORT, max_steps=2)).fit(*data, tiny_clip)
    save_model(fitted, tiny_clip, tmp_path / "model")
    loaded, _ = load_model(tmp_path / "model", tiny_clip)
    assert loaded.method == "kgcoop"
    assert torch.equal(loaded.logits(data[1].features), fitted.logits(data[1].features))


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_weight_out_of_range_is_refused(weight):
    with pytest.raises(SettingsError, match=f"^weight={weight} should be"):
        KgCoOp(weight=weight)
