"""A few hundred real photographs, paintings, cartoons and sketches through the whole library.

Needs PACS (`pacs/DOMAIN/CLASS/IMAGE`) and a small real backbone (`lab-clip/`) in the folder that
LDPF_TEST_DATA names, or in `shared` beside the checkout or in it; skipped where they are not.
"""

from __future__ import annotations

import csv
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ldpf.backbones import load_backbone
from ldpf.data import load_dataset
from ldpf.experiments.plan import BenchmarkPlan
from ldpf.experiments.runner import run_benchmark
from ldpf.features.extract import extract_features
from ldpf.training.recipe import FAST

ROOT = Path(__file__).parents[1]
PLACES = [os.environ.get("LDPF_TEST_DATA"), ROOT.parent / "shared", ROOT / "shared"]
FOLDER = next((Path(p) for p in PLACES if p and (Path(p) / "pacs" / "photo").is_dir()), None)
PER_CLASS = 12
TARGET = "art_painting"

pytestmark = pytest.mark.skipif(
    FOLDER is None or not (FOLDER / "lab-clip").is_dir(),
    reason="PACS and lab-clip are not here; name the folder that holds both in LDPF_TEST_DATA",
)


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    """The first images of every class and domain: 4 x 7 x 12."""
    folder = tmp_path_factory.mktemp("pacs")
    with (folder / "some.csv").open("w", newline="", encoding="utf-8") as handle:
        rows = csv.writer(handle)
        rows.writerow(["path", "label", "domain"])
        for classes in sorted((FOLDER / "pacs").glob("*/*")):
            for image in sorted(classes.iterdir())[:PER_CLASS]:
                rows.writerow([image.resolve(), classes.name, classes.parent.name])
    backbone = load_backbone(FOLDER / "lab-clip", "cpu")
    dataset = load_dataset(folder / "some.csv")
    return extract_features(dataset, backbone, cache_dir=folder), backbone


@pytest.fixture(scope="module")
def lines(features, tmp_path_factory):
    """One target, long enough to learn and short enough for a test."""
    methods = ("zero-shot", "coop", "ldpf", "ldpf-uniform", "ldpf-oracle")
    recipe = replace(FAST, max_steps=200, cooldown=50)
    plan = BenchmarkPlan(methods, recipe, targets=[TARGET], seeds=1)
    out = tmp_path_factory.mktemp("results")
    found, failures = run_benchmark(features[0], "pacs", features[1], plan, out)
    assert failures == []
    return {line["method"]: line for line in found}


def test_every_image_is_encoded(features):
    data = features[0]
    assert data.features.shape == (4 * 7 * PER_CLASS, features[1].embed_dim)
    assert torch.bincount(data.domains).tolist() == [7 * PER_CLASS] * 4


def test_the_ready_made_model_knows_the_classes(lines):
    assert lines["zero-shot"]["accuracy"] > 2 / 7
    assert lines["zero-shot"]["n_test"] == 7 * PER_CLASS


@pytest.mark.parametrize("method", ["coop", "ldpf"])
def test_learning_helps_on_a_domain_never_seen(method, lines):
    assert lines[method]["accuracy"] > lines["zero-shot"]["accuracy"] + 0.05


def test_latent_domains_are_found_and_are_no_classes(lines):
    measured = lines["ldpf"]["training"]["domains"]
    assert measured["explained_variance"] > 0.2
    assert measured["domain_nmi"] > 0.25
    assert measured["class_nmi"] < 0.1
    assert measured["probe_accuracy"] < measured["raw_probe_accuracy"] - 0.3


def test_the_oracle_bounds_the_fusions(lines):
    bound = lines["ldpf-oracle"]["accuracy"]
    assert bound >= max(lines[name]["accuracy"] for name in ("ldpf", "ldpf-uniform"))
