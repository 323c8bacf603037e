"""Shards of benchmarks, features and predictions: together everything, and nothing twice.

Whatever the number of shards, the order they run in, what is there from before, and what is added
in between.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ldpf import workflows
from ldpf.experiments.plan import BenchmarkPlan
from ldpf.experiments.runner import tasks_of
from ldpf.features.feature_set import FeatureSet
from ldpf.methods import METHODS as REGISTERED
from ldpf.models.saving import save_model
from ldpf.training.recipe import get_recipe
from ldpf.utils.shards import Shard

METHODS = ("zero-shot", "coop", "gda", "linear-probe", "ldpf", "ldpf-manual")
COUNTS = st.integers(1, 9)
FEW = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def shards(count: int) -> list[Shard]:
    return [Shard(i, count) for i in range(1, count + 1)]


@given(
    methods=st.lists(st.sampled_from(METHODS), min_size=1, unique=True),
    domains=st.lists(st.sampled_from("abcdef"), min_size=2, unique=True),
    seeds=st.integers(1, 4),
    count=COUNTS,
    random=st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_runs_of_a_benchmark(methods, domains, seeds, count, random):
    tasks = BenchmarkPlan(methods, get_recipe("fast"), seeds=seeds).tasks(domains)
    parts = [tasks_of(shard, tasks) for shard in shards(count)]
    assert Counter(task for part in parts for task in part) == Counter(tasks)
    assert len(set(tasks)) == len(tasks)
    # A plan that names the same in another order, as another machine may, has the same shards.
    random.shuffle(methods)
    random.shuffle(domains)
    again = BenchmarkPlan(methods, get_recipe("fast"), seeds=seeds).tasks(domains)
    assert [set(tasks_of(shard, again)) for shard in shards(count)] == [set(p) for p in parts]


@pytest.fixture(scope="module")
def answering(tiny_clip, tmp_path_factory) -> Path:
    """A model folder, read only."""
    classes = ("cat", "dog", "house")
    features = FeatureSet(
        features=torch.eye(3, tiny_clip.embed_dim),
        labels=torch.arange(3),
        domains=None,
        class_names=classes,
        domain_names=(),
        paths=tuple("abc"),
    )
    classifier = REGISTERED.make("zero-shot").fit(features, features, tiny_clip)
    return save_model(classifier, tiny_clip, tmp_path_factory.mktemp("model") / "m")


def drawn(folder: Path, names: list[str]) -> list[Path]:
    """Small pictures of these names, no two alike."""
    files = [folder / f"{name}.png" for name in names]
    for i, file in enumerate(files):
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (i * 37 % 256, i * 101 % 256, i // 256)).save(file)
    return files


NAMES = st.lists(st.text("ab é9", min_size=1, max_size=4).map("x{}".format), unique=True)


@given(n=st.integers(1, 40), count=COUNTS)
@FEW
def test_predictions_of_embeddings(n, count, answering, tiny_clip):
    rows = np.random.default_rng(n).normal(size=(n, tiny_clip.embed_dim)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "e.npy")
        np.save(file, rows)
        whole = list(workflows.predict(answering, file, backbone=tiny_clip))
        parts = [
            row
            for shard in shards(count)
            for row in workflows.predict(answering, file, shard=shard, backbone=tiny_clip)
        ]
    assert len(whole) == n
    assert Counter(row.path for row in parts) == Counter(row.path for row in whole)
    expected = {row.path: row for row in whole}
    for row in parts:
        assert dict(row.top) == pytest.approx(dict(expected[row.path].top), abs=1e-5)


@given(names=NAMES, later=NAMES, count=COUNTS, order=st.randoms(use_true_random=False))
@FEW
def test_predictions_of_images_while_some_are_added(
    names, later, count, order, answering, tiny_clip
):
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        before = drawn(place, ["first", *names])
        left = shards(count)
        order.shuffle(left)

        def answered(shard: Shard) -> list[str]:
            rows = workflows.predict(answering, place, shard=shard, backbone=tiny_clip)
            return [row.path for row in rows]

        paths = answered(left[0])
        after = drawn(place, [f"later {name}" for name in later])
        paths += [path for shard in left[1:] for path in answered(shard)]
    assert len(set(paths)) == len(paths), "none is answered twice"
    # Only those that the first shard would have had may be missed.
    assert set(paths) >= {str(file) for file in before}
    missed = {str(file) for file in (*before, *after)} - set(paths)
    assert missed == {str(f) for f in after if str(f) not in paths and left[0].has(str(f))}


@given(
    names=NAMES,
    count=COUNTS,
    before=st.lists(st.integers(1, 6), max_size=3, unique=True),
    order=st.randoms(use_true_random=False),
)
@FEW
def test_features_after_some_shards_of_another_number(names, count, before, order, tiny_clip):
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "images")
        files = drawn(place, ["dog/first", *(f"cat/{name}" for name in names)])
        source = workflows.DataSource(place, cache_dir=Path(folder, "cache"), layout="class")
        # As of a job array that was given up.
        old = [workflows.encode(source, tiny_clip, shard=f"{i}/6") for i in before]
        known = {path for part in old for path in part.features.paths}
        left = shards(count)
        order.shuffle(left)
        parts = [workflows.encode(source, tiny_clip, shard=shard) for shard in left]
        whole = workflows.encode(source, tiny_clip)
    paths = [path for part in parts for path in part.features.paths]
    assert len(paths) == len(files)
    assert Counter(paths) == Counter(whole.features.paths)
    assert sum(part.encoded for part in (*old, *parts)) == len(files), "each was encoded once"
    assert whole.encoded == 0
    assert sum(part.cached for part in parts) == len(known)
