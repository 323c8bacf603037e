"""Style statistics from the command's settings to a model that answers new images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ldpf import LDPFClassifier
from ldpf.data import load_dataset
from ldpf.experiments.experiment import Experiment
from ldpf.experiments.plan import BenchmarkPlan
from ldpf.experiments.pool import Work
from ldpf.experiments.protocols import get_protocol
from ldpf.experiments.selection import get_selection
from ldpf.training.recipe import FAST
from ldpf.workflows import inputs
from ldpf.workflows.training import train

SETTINGS = {"discovery.features": "style"}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LDPF_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.slow
def test_a_model_is_trained_and_answers(images, tiny_clip_folder, cache, monkeypatch):
    asked = []
    encode = inputs.encode_dataset
    monkeypatch.setattr(
        inputs,
        "encode_dataset",
        lambda *given, **more: asked.append(more["style"]) or encode(*given, **more),
    )
    settings = {**SETTINGS, "recipe.max_steps": 2}
    trained = train(
        images,
        cache / "model",
        method="ldpf",
        backbone=tiny_clip_folder,
        settings=settings,
        n_domains=2,
    )
    assert asked == [True]
    assert trained.latent_domains["style_followed"] is not None


def test_an_estimator_reads_style_of_images_and_predicts(images, tiny_clip, cache):
    data = load_dataset(images)
    paths = [str(data.file(i)) for i in range(len(data))]
    labels = [data.class_names[k] for k in data.labels]
    model = LDPFClassifier(
        backbone=tiny_clip, n_domains=2, settings={**SETTINGS, "recipe.max_steps": 2}
    ).fit(paths, labels)
    assert model.predict(paths[:2]).shape == (2,)


@pytest.mark.parametrize(("settings", "needed"), [({}, False), (SETTINGS, True)])
def test_a_benchmark_asks_for_style_only_where_it_is_used(settings, needed):
    plan = BenchmarkPlan(methods=["zero-shot", "ldpf"], recipe=FAST, settings=settings)
    assert plan.needs_style is needed


def test_runs_in_other_processes_have_the_style(make_features, tiny_clip, tmp_path):
    data = make_features(2)
    data = replace(data, style=torch.rand(len(data), 4))
    bench = Experiment(
        data, "drawn", "", tiny_clip, get_protocol(), get_selection(), None, 0.8, tmp_path
    )
    work = Work.of(bench, threads=1)
    assert work.arrays["style"] is not None
    assert np.array_equal(work.arrays["style"], data.style.numpy())
