"""Real methods: the same numbers again, and after an interruption."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ldpf.training.loop
from ldpf.domains import DiscoverySettings
from ldpf.methods import LDPF, CoOp
from ldpf.methods.coop import _CoOpLearner
from ldpf.methods.ldpf_losses import LDPFLearner
from ldpf.training.callbacks import RunRecord
from ldpf.training.recipe import FAST, PAPER
from ldpf.utils.trees import save_tree

SHORT_FAST = replace(
    FAST, max_steps=14, cooldown=4, patience=6, round_every=3, evaluate_every=2, learning_rate=0.03
)


SHORTEST = replace(SHORT_FAST, max_steps=5, cooldown=0)


SHORT_PAPER = replace(PAPER, image_batch=16, max_epochs=3, learning_rate=0.05)


SHORT_AVERAGED = replace(SHORT_FAST, patience=None, cooldown=0, average=0.9, keep="last")


SHORT = {"fast": SHORT_FAST, "paper": SHORT_PAPER, "averaged": SHORT_AVERAGED}


class Interrupted(Exception):
    """Stands for whatever stops a run."""


LEARNERS = {"coop": _CoOpLearner, "ldpf": LDPFLearner}


def method(name, recipe):
    if name == "coop":
        return CoOp(length=6, recipe=recipe)
    settings = DiscoverySettings(rounds=4)
    return LDPF(discovery=settings, agnostic_length=2, specific_length=2, turn=2, recipe=recipe)


def outcome(classifier, record):
    return {
        "contexts": classifier.contexts,
        "text_features": classifier.text_features,
        **({} if classifier.latent is None else classifier.latent.tensors()),
    }, (classifier.training, record.text_passes, record.history)


def assert_same(first, second):
    tensors, rest = first
    for name, tensor in second[0].items():
        assert torch.equal(tensor, tensors[name]), name
    assert rest == second[1]


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(6, seed=0), make_features(3, seed=1)


@pytest.fixture(scope="module")
def uninterrupted(data, tiny_clip):
    """Reference runs, each made once."""
    done = {}

    def run(name, recipe):
        if (name, recipe) not in done:
            record = RunRecord()
            fitted = method(name, recipe).fit(*data, tiny_clip, seed=3, record=record)
            done[name, recipe] = outcome(fitted, record)
        return done[name, recipe]

    return run


def interrupt_at(monkeypatch, name, call):
    original, calls = LEARNERS[name].loss, count()

    def loss(self, *arguments):
        if next(calls) == call:
            raise Interrupted
        return original(self, *arguments)

    monkeypatch.setattr(LEARNERS[name], "loss", loss)


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe", [SHORT_FAST, SHORT_PAPER, SHORT_AVERAGED], ids=["fast", "paper", "averaged"]
)
@pytest.mark.parametrize("name", LEARNERS)
def test_the_same_seed_gives_the_same_bits(name, recipe, data, tiny_clip, uninterrupted):
    record = RunRecord()
    fitted = method(name, recipe).fit(*data, tiny_clip, seed=3, record=record)
    assert_same(outcome(fitted, record), uninterrupted(name, recipe))


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNERS)
def test_another_seed_gives_another_classifier(name, data, tiny_clip, uninterrupted):
    fitted = method(name, SHORT_FAST).fit(*data, tiny_clip, seed=4)
    assert not torch.equal(fitted.contexts, uninterrupted(name, SHORT_FAST)[0]["contexts"])


@pytest.mark.slow
@pytest.mark.parametrize("call", [1, 2, 7, 11])
@pytest.mark.parametrize(
    "recipe", [SHORT_FAST, SHORT_PAPER, SHORT_AVERAGED], ids=["fast", "paper", "averaged"]
)
@pytest.mark.parametrize("name", LEARNERS)
def test_an_interrupted_run_goes_on_to_the_same_bits(
    name, recipe, call, data, tiny_clip, uninterrupted, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        interrupt_at(patch, name, call)
        with pytest.raises(Interrupted):
            method(name, recipe).fit(
                *data, tiny_clip, seed=3, record=RunRecord(tmp_path, checkpoint_every_s=0)
            )
    record = RunRecord(tmp_path, checkpoint_every_s=0)
    fitted = method(name, recipe).fit(*data, tiny_clip, seed=3, record=record)
    assert_same(outcome(fitted, record), uninterrupted(name, recipe))
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == record.history
    assert record.seconds_before > 0 or call == 1


@pytest.mark.slow
@settings(max_examples=4, deadline=None)
@given(calls=st.lists(st.integers(0, 7), max_size=2), name=st.sampled_from(sorted(LEARNERS)))
def test_a_run_cut_off_at_any_steps_ends_with_the_same_bits(
    calls, name, data, tiny_clip, uninterrupted
):
    with tempfile.TemporaryDirectory() as folder:
        for call in calls:  # counted from where it resumes; beyond the end nothing is cut off
            with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Interrupted):
                interrupt_at(patch, name, call)
                record = RunRecord(Path(folder), checkpoint_every_s=0)
                method(name, SHORTEST).fit(*data, tiny_clip, seed=3, record=record)
        record = RunRecord(Path(folder), checkpoint_every_s=0)
        fitted = method(name, SHORTEST).fit(*data, tiny_clip, seed=3, record=record)
    assert_same(outcome(fitted, record), uninterrupted(name, SHORTEST))


@pytest.mark.slow
def test_a_run_interrupted_twice_and_long_after_its_checkpoint_loses_nothing(
    data, tiny_clip, uninterrupted, tmp_path, monkeypatch
):
    # A clock that ticks once a look: a checkpoint every fourth step, steps behind it are redone.
    ticks = count()
    monkeypatch.setattr(ldpf.training.loop.time, "monotonic", lambda: float(next(ticks)))
    ldpf_method = method("ldpf", SHORT_FAST)
    for call in (8, 5):
        with monkeypatch.context() as patch:
            interrupt_at(patch, "ldpf", call)
            with pytest.raises(Interrupted):
                record = RunRecord(tmp_path, checkpoint_every_s=4.5)
                ldpf_method.fit(*data, tiny_clip, seed=3, record=record)
    record = RunRecord(tmp_path, checkpoint_every_s=4.5)
    fitted = ldpf_method.fit(*data, tiny_clip, seed=3, record=record)
    assert_same(outcome(fitted, record), uninterrupted("ldpf", SHORT_FAST))
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == record.history  # no line of a redone step twice


@pytest.mark.slow
def test_sequential_stages_go_on_in_the_stage_they_were_in(data, tiny_clip, tmp_path, monkeypatch):
    sequential = replace(method("ldpf", replace(SHORT_FAST, max_steps=6)), stages="sequential")
    straight = RunRecord()
    expected = outcome(sequential.fit(*data, tiny_clip, seed=3, record=straight), straight)
    with monkeypatch.context() as patch:
        interrupt_at(patch, "ldpf", 9)
        with pytest.raises(Interrupted):
            record = RunRecord(tmp_path, checkpoint_every_s=0)
            sequential.fit(*data, tiny_clip, seed=3, record=record)
    record = RunRecord(tmp_path, checkpoint_every_s=0)
    assert_same(outcome(sequential.fit(*data, tiny_clip, seed=3, record=record), record), expected)


@pytest.mark.slow
def test_a_killed_process_is_continued_to_the_same_bits(
    data, tiny_clip, tiny_clip_folder, uninterrupted, tmp_path
):
    for name, features in zip(("train", "validation"), data, strict=True):
        tree = {"features": features.features, "labels": features.labels}
        save_tree(tmp_path / f"{name}.safetensors", tree | {"domains": features.domains})
    script = f"""
        import time, torch
        from pathlib import Path
        from dataclasses import replace
        torch.set_num_threads({torch.get_num_threads()})
        from ldpf.backbones import load_backbone
        from ldpf.utils.trees import load_tree
        from ldpf.domains import DiscoverySettings
        from ldpf.features.feature_set import FeatureSet
        from ldpf.methods import LDPF
        from ldpf.methods.ldpf_losses import LDPFLearner
        from ldpf.training.recipe import FAST, Recipe
        from ldpf.training.callbacks import RunRecord
        folder, loss = Path({str(tmp_path)!r}), LDPFLearner.loss
        def slow_loss(*arguments):
            time.sleep(0.05)
            return loss(*arguments)
        LDPFLearner.loss = slow_loss
        def features(name):
            names = {{"class_names": {data[0].class_names!r}, "domain_names": ("a", "b", "c")}}
            tree = load_tree(folder / f"{{name}}.safetensors")
            return FeatureSet(**tree, **names, paths=tuple("x" * len(tree["labels"])))
        method = LDPF(
            discovery=DiscoverySettings(rounds=4), agnostic_length=2, specific_length=2, turn=2,
            recipe={SHORT_FAST!r},
        )
        (folder / "run").mkdir()
        record = RunRecord(folder / "run", checkpoint_every_s=0)
        method.fit(
            features("train"), features("validation"), load_backbone({str(tiny_clip_folder)!r}),
            seed=3, record=record,
        )
        """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)])
    metrics = tmp_path / "run" / "metrics.jsonl"
    deadline = time.monotonic() + 900  # a hung child; a busy machine takes a minute
    while not (metrics.exists() and len(metrics.read_text().splitlines()) >= 4):
        assert child.poll() is None and time.monotonic() < deadline, "the child ended too early"
        time.sleep(0.005)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    record = RunRecord(tmp_path / "run", checkpoint_every_s=0)
    fitted = method("ldpf", SHORT_FAST).fit(*data, tiny_clip, seed=3, record=record)
    assert record.seconds_before > 0
    assert_same(outcome(fitted, record), uninterrupted("ldpf", SHORT_FAST))
