"""What a probe counts is what a training does; what it measures is the time of its steps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ldpf.methods import LDPF, METHODS, CoOp, make_method
from ldpf.methods.overrides import applicable, with_settings
from ldpf.training import probe as probe_module
from ldpf.training.callbacks import RunRecord
from ldpf.training.loop import PromptTraining
from ldpf.training.probe import StepProbe, active_probe, probing
from ldpf.training.recipe import FAST, PAPER, STEADY
from ldpf.utils.span import Span

RECIPES = {
    "whole set": replace(STEADY, max_steps=40, evaluate_every=7),
    "batches": replace(PAPER, image_batch=5, max_epochs=3),
    "sharpness": replace(STEADY, max_steps=12, sharpness=0.05),
}
PROMPTS = [name for name in METHODS if METHODS.facts(name).get("prompts") and name != "auto"]


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(4, seed=0), make_features(2, seed=1)


@pytest.fixture
def steps(monkeypatch):
    """The places of all steps that were done."""
    done, original = [], PromptTraining.update

    def update(self):
        done.append((self.phase, self.phase_step, self.step))
        original(self)

    monkeypatch.setattr(PromptTraining, "update", update)
    return done


def small(name, recipe):
    method = make_method(name, recipe, n_domains=2)
    return with_settings(method, applicable(method, {"length": 2, "specific_length": 2}))


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("name", ["coop", "ldpf", "ldpf-paper", "ldpf-sequential", "cocoop"])
def test_counted_steps_and_passes_are_those_of_the_training(name, recipe, data, tiny_clip):
    method = small(name, recipe)
    real = method.fit(*data, tiny_clip).training
    with probing(StepProbe(seconds=0)) as probe:
        told = method.fit(*data, tiny_clip).training
    assert told["steps"] == real["steps"]
    # Look at validation with generated prompts takes passes too, at the very end once more.
    assert told["text_passes"] == real["text_passes"]
    assert probe.text_passes == Span(real["text_passes"], real["text_passes"])
    assert probe.trainings == 1


@pytest.mark.parametrize("name", PROMPTS)
def test_every_method_does_few_steps_under_a_probe(name, data, tiny_clip, steps):
    with probing(StepProbe(seconds=0)) as probe:
        small(name, replace(STEADY, max_steps=500)).fit(*data, tiny_clip)
    assert 1 < len(steps) <= 14
    assert probe.text_passes.low >= 500


def test_each_kind_of_step_is_done_where_it_first_comes(data, tiny_clip, steps):
    recipe = replace(STEADY, max_steps=30, evaluate_every=10)
    with probing(StepProbe(seconds=0)):
        CoOp(length=2, recipe=recipe).fit(*data, tiny_clip)
    # The first step once more: what it takes to begin is told apart.
    assert sorted(steps) == [(0, 0, 0), (0, 0, 0), (0, 1, 1)]


def test_patience_gives_a_range(data, tiny_clip):
    recipe = replace(FAST, max_steps=50, patience=10, cooldown=5)
    with probing(StepProbe(seconds=0)) as probe:
        CoOp(length=2, recipe=recipe).fit(*data, tiny_clip)
    assert probe.text_passes == Span(15 + 1, 50 + 1)  # and the last look
    assert probe.steps_s.low < probe.steps_s.high


def test_seconds_are_those_of_each_step_times_their_number(data, tiny_clip, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("ldpf.training.probe.time.perf_counter", lambda: clock[0])
    original = PromptTraining.update

    def update(self):
        clock[0] += 100 if not clock[0] else 1 + 10 * self.evaluation_due_at(self.step)
        original(self)

    monkeypatch.setattr(PromptTraining, "update", update)
    recipe = replace(STEADY, max_steps=30, round_every=30, evaluate_every=10)
    with probing(StepProbe(seconds=0)) as probe:
        CoOp(length=2, recipe=recipe).fit(*data, tiny_clip)
    # 100 for the first, 11 of which are its own kind's; 27 plain ones and 3 with a look.
    assert probe.steps_s == Span(100 - 11 + 27 + 33, 100 - 11 + 27 + 33)


def test_rounds_beyond_the_last_cost_nothing(data, tiny_clip, monkeypatch):
    from ldpf.methods.ldpf_losses import LDPFLearner

    clock, original = [0.0], LDPFLearner.start_round
    monkeypatch.setattr("ldpf.training.probe.time.perf_counter", lambda: clock[0])

    def start_round(self):
        clock[0] += 5 * (self.rounds_left > 0)
        return original(self)

    monkeypatch.setattr(LDPFLearner, "start_round", start_round)
    recipe = replace(STEADY, max_steps=40, round_every=1, evaluate_every=40)
    method = make_method("ldpf-paper", recipe, n_domains=2)
    method = with_settings(method, {"discovery.rounds": 8, "specific_length": 1})
    with probing(StepProbe(seconds=0)) as probe:
        method.fit(*data, tiny_clip)
    assert isinstance(method, LDPF)
    assert probe.steps_s.high == 8 * 5


def test_later_trainings_add_up_and_nothing_stays_active(data, tiny_clip):
    method = CoOp(length=2, recipe=replace(STEADY, max_steps=20))
    with probing(StepProbe(seconds=0)) as probe:
        record = RunRecord()
        method.fit(*data, tiny_clip, record=record)
        method.fit(*data, tiny_clip, record=record)
    assert probe.text_passes == Span(42, 42)
    assert record.text_passes == 42
    assert active_probe() is None


def test_very_many_steps_are_not_counted_one_by_one(data, tiny_clip, monkeypatch):
    few = replace(STEADY, max_steps=2_000, evaluate_every=7)
    with probing(StepProbe(seconds=0)) as counted:
        small("ldpf", few).fit(*data, tiny_clip)
    monkeypatch.setattr(probe_module, "COUNTED", 700)
    with probing(StepProbe(seconds=0)) as extended:
        told = small("ldpf", few).fit(*data, tiny_clip).training
    assert told["steps"] == pytest.approx(2_000, abs=10)
    assert extended.text_passes.high == pytest.approx(counted.text_passes.high, abs=10)
    with probing(StepProbe(seconds=0)) as endless:
        small("ldpf", replace(few, max_steps=10**15)).fit(*data, tiny_clip)
    assert endless.text_passes.high == pytest.approx(10**15, rel=0.01)
