"""What holds for every method on the command line."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest
import torch

import ldpf.experiments.run
from ldpf.experiments.plan import BenchmarkPlan
from ldpf.experiments.readouts import READOUTS
from ldpf.experiments.runner import run_benchmark
from ldpf.methods import METHODS, make_method
from ldpf.methods.coop import _CoOpLearner
from ldpf.methods.instance_prompts import InstanceLearner
from ldpf.methods.ldpf_losses import LDPFLearner
from ldpf.models.saving import load_model, save_model
from ldpf.training.callbacks import RunRecord
from ldpf.training.recipe import FAST, PAPER
from ldpf.utils.json_files import settings_hash
from ldpf.utils.registry import part_settings

SHORT = replace(
    FAST, max_steps=14, cooldown=4, patience=6, round_every=3, evaluate_every=2, learning_rate=0.03
)
SHORT_PAPER = replace(PAPER, image_batch=8, max_epochs=2, learning_rate=0.05)
TRAINED = [name for name in METHODS if any(f.name == "recipe" for f in fields(make_method(name)))]


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(4, seed=0), make_features(2, seed=1)


def learner_of(name):
    if name.startswith("ldpf"):
        return LDPFLearner
    return InstanceLearner if name in ("cocoop", "dpl", "dpl-batch") else _CoOpLearner


def small(name, recipe):
    method = make_method(name, recipe)
    if name.startswith("ldpf"):
        return replace(method, discovery=replace(method.discovery, rounds=3), turn=2)
    return method


class Interrupted(Exception):
    """Stands for whatever stops a run."""


@pytest.mark.parametrize("name", METHODS)
def test_the_name_in_results_is_the_one_on_the_command_line(name):
    assert make_method(name).name == name


@pytest.mark.parametrize("name", METHODS)
def test_settings_survive_json(name):
    settings = part_settings(make_method(name))
    assert settings_hash(json.loads(json.dumps(settings))) == settings_hash(settings)


def test_settings_tell_where_domains_come_from():
    own, other = (part_settings(make_method(name)) for name in ("ldpf", "ldpf-random"))
    assert own["discovery"]["assignment"] == {"name": "clusters"}
    assert other["discovery"]["assignment"] == {"name": "random"}


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_the_answer_has_a_number_for_each_image_and_class(name, data, tiny_clip):
    fitted = small(name, SHORT).fit(*data, tiny_clip)
    logits = fitted.logits(data[1].features)
    assert logits.shape == (len(data[1]), 3) and torch.isfinite(logits).all()
    assert torch.equal(fitted.probabilities(data[1].features), logits.softmax(dim=1))
    assert fitted.method == name and fitted.class_names == data[0].class_names
    assert fitted.per_image == (name != "dpl-batch")
    assert fitted.training["text_passes"] >= 0


@pytest.mark.parametrize("name", METHODS)
def test_a_model_folder_holds_it(name, data, tiny_clip, tmp_path):
    fitted = small(name, SHORT).fit(*data, tiny_clip)
    loaded, _ = load_model(save_model(fitted, tiny_clip, tmp_path), tiny_clip)
    images = data[1].features
    assert type(loaded) is type(fitted)
    assert (loaded.method, loaded.per_image) == (name, fitted.per_image)
    assert loaded.training == fitted.training
    assert torch.equal(loaded.logits(images), fitted.logits(images))
    assert torch.equal(loaded.domain_weights(images), fitted.domain_weights(images))


@pytest.mark.parametrize("name", [n for n in METHODS if n != "dpl-batch"])
def test_one_image_gets_the_answer_that_it_gets_in_a_batch(name, data, tiny_clip):
    fitted = small(name, SHORT).fit(*data, tiny_clip)
    images = data[1].features
    alone = torch.cat([fitted.logits(image[None]) for image in images])
    assert torch.allclose(alone, fitted.logits(images), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [SHORT, SHORT_PAPER], ids=["fast", "paper"])
@pytest.mark.parametrize("name", [n for n in TRAINED if n not in ("ldpf", "coop", "auto")])
def test_an_interrupted_run_goes_on_to_the_same_bits(
    name, recipe, data, tiny_clip, tmp_path, monkeypatch
):
    method, learner = small(name, recipe), learner_of(name)
    straight = RunRecord()
    expected = method.fit(*data, tiny_clip, seed=3, record=straight)
    original, calls = learner.loss, []

    def stopped(self, *arguments):
        calls.append(1)
        if len(calls) == 6:
            raise Interrupted
        return original(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(learner, "loss", stopped)
        with pytest.raises(Interrupted):
            method.fit(*data, tiny_clip, seed=3, record=RunRecord(tmp_path, checkpoint_every_s=0))
    record = RunRecord(tmp_path, checkpoint_every_s=0)
    fitted = method.fit(*data, tiny_clip, seed=3, record=record)
    assert record.seconds_before > 0
    assert record.history == straight.history
    assert fitted.training == expected.training
    images = data[1].features
    assert torch.equal(fitted.logits(images), expected.logits(images))


@pytest.mark.slow
def test_everything_runs_in_a_benchmark_and_is_not_run_twice(
    data, tiny_clip, tmp_path, monkeypatch
):
    recipe = replace(SHORT, max_steps=2, cooldown=0, round_every=1)
    plan = BenchmarkPlan(methods=list(READOUTS), recipe=recipe, targets=["art"], seeds=1)
    lines, failures = run_benchmark(data[0], "demo", tiny_clip, plan, tmp_path)
    assert failures == []
    assert {line["method"] for line in lines} == set(READOUTS)
    json.dumps(lines, allow_nan=False)
    by_name = {line["method"]: line for line in lines}
    assert not by_name["dpl-batch"]["per_image"] and by_name["dpl"]["per_image"]
    for name in ("linear-probe", "gda"):
        assert by_name[name]["recipe"] == "none"
        assert by_name[name]["selection"] == by_name["coop"]["selection"]
    assert by_name["random-oracle"]["oracle"]
    assert by_name["random-oracle"]["settings_hash"] == by_name["ldpf-random"]["settings_hash"]

    def never(*_):
        raise AssertionError("a finished run was done again")

    monkeypatch.setattr(ldpf.experiments.run, "measured_fit", never)
    again, failures = run_benchmark(data[0], "demo", tiny_clip, plan, tmp_path)
    assert (again, failures) == (lines, [])
