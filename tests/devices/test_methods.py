"""Every method learns on a GPU as on the CPU, and its steps do not wait for the GPU."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from functools import cache

import pytest
import torch

from ldpf.methods import METHODS, make_method
from ldpf.training.loop import PromptTraining
from ldpf.training.recipe import FAST, PAPER

SHORT = replace(
    FAST, max_steps=10, cooldown=2, patience=6, round_every=4, evaluate_every=3, learning_rate=0.03
)
SHORT_PAPER = replace(PAPER, image_batch=8, max_epochs=2, learning_rate=0.05)


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(4, seed=0), make_features(2, seed=1)


@pytest.fixture
def watched_steps(stand_in, monkeypatch):
    """Steps that neither look at validation nor discover domains; they must not wait."""
    original, watched = PromptTraining.one_step, []

    def one_step(self):
        looks = self.evaluation_due_at(self.step) or self.round_due_at(self.step)
        with contextlib.nullcontext() if looks else stand_in.no_waiting():
            original(self)
        watched.append(not looks)

    monkeypatch.setattr(PromptTraining, "one_step", one_step)
    return watched


ONCE = {name for name in METHODS if name == "auto" or not make_method(name).prompts}
"""Methods that no recipe changes, and the one that trains others by their recipes."""
CASES = [
    *(("cuda", name, SHORT) for name in METHODS),
    *(("cuda", name, SHORT_PAPER) for name in METHODS if name not in ONCE),
    *(("mps", name, SHORT) for name in METHODS if name != "auto"),
]


@pytest.fixture(scope="module")
def here(data, tiny_clip):
    """A function that trains a method on the CPU, once for both devices."""

    @cache
    def answers(name, recipe):
        model = make_method(name, recipe).fit(*data, tiny_clip, seed=1)
        return model.logits(data[1].features)

    return answers


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stand_in", "name", "recipe"),
    CASES,
    indirect=["stand_in"],
    ids=["-".join([kind, name, recipe.name]) for kind, name, recipe in CASES],
)
def test_it_learns_there_what_it_learns_on_the_cpu(
    name, recipe, data, here, distant_clip, watched_steps, stand_in
):
    method = make_method(name, recipe)
    there = method.fit(*data, distant_clip, seed=1)
    answers = there.logits(data[1].features)
    steps = list(watched_steps)
    assert answers.device == torch.device("cpu") and not stand_in.holds(answers)
    # Attention is computed by another kernel there, and training makes roundings grow.
    assert torch.allclose(answers, here(name, recipe), atol=0.02)
    if method.prompts:
        assert sum(steps) >= 3
