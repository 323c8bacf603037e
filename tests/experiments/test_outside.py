"""A package outside adds a protocol and a selection rule through its entry points."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ldpf

PACKAGE = '''
from dataclasses import replace

from ldpf.experiments.protocols.leave_one_domain_out import LeaveOneDomainOut
from ldpf.experiments.selection import SELECTION_RULES, SelectionRule
from ldpf.experiments.episode import Fold


class Backwards(LeaveOneDomainOut):
    """Leave one domain out, with the last domain first."""

    def cases(self, domains):
        return list(reversed(domains))


@SELECTION_RULES.register("by-training")
class ByTraining(SelectionRule):
    """The training images themselves choose."""

    words = "the training images"
    judged_on = "on the training images"

    def prepare(self, episode, train_fraction=0.8):
        return replace(episode, validation=episode.train)

    def folds(self, episode):
        yield Fold("", episode.train, episode.validation, episode.validation)
'''
ENTRY_POINTS = """
[ldpf.experiments.protocols]
backwards = ideas:Backwards

[ldpf.experiments.selection]
by-training = ideas:ByTraining
"""
SCRIPT = """
import json, sys
from pathlib import Path

import torch

from ldpf.backbones import load_backbone
from ldpf.experiments.plan import BenchmarkPlan
from ldpf.experiments.runner import run_benchmark
from ldpf.experiments.protocols import PROTOCOLS
from ldpf.experiments.selection import SELECTION_RULES
from ldpf.features.feature_set import FeatureSet
from ldpf.training.recipe import FAST

backbone = load_backbone(sys.argv[1])
features = torch.nn.functional.normalize(torch.randn(90, backbone.embed_dim), dim=1)
data = FeatureSet(
    features, torch.arange(90) % 3, torch.arange(90) // 30, ("cat", "dog", "cow"),
    ("photo", "art", "sketch"), tuple(map(str, range(90))),
)
plan = BenchmarkPlan(
    ("linear-probe",), FAST, seeds=1, protocol="backwards", selection="by-training"
)
lines, failures = run_benchmark(data, "demo", backbone, plan, Path(sys.argv[2]))
print(json.dumps({
    "failures": failures,
    "names": [*PROTOCOLS, *SELECTION_RULES],
    "summary": PROTOCOLS.summary("backwards"),
    "lines": [(r["protocol"], r["selection"], r["target"], r["n_validation"]) for r in lines],
}))
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with a package `ideas`, as pip leaves one behind."""
    site = tmp_path / "site"
    (site / "ideas-1.0.dist-info").mkdir(parents=True)
    (site / "ideas.py").write_text(PACKAGE)
    (site / "ideas-1.0.dist-info" / "METADATA").write_text("Name: ideas\nVersion: 1.0\n")
    (site / "ideas-1.0.dist-info" / "entry_points.txt").write_text(ENTRY_POINTS)
    return site


@pytest.mark.slow
def test_both_are_listed_and_run(installed: Path, tiny_clip_folder: Path, tmp_path: Path) -> None:
    paths = (str(installed), str(Path(ldpf.__file__).parents[1]))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tiny_clip_folder), str(tmp_path / "out")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["failures"] == []
    assert {"backwards", "by-training", "single-source", "target-oracle"} <= set(said["names"])
    assert said["summary"] == "Leave one domain out, with the last domain first."
    assert said["lines"] == [
        ["backwards", "by-training", target, 48] for target in ("sketch", "art", "photo")
    ]
