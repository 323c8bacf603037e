"""Findings made by hand: two targets, two seeds, three latent domains, names that are traps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from ldpf.evaluation.per_prompt import PromptAnswers
from ldpf.inspection.latent_summary import LatentImages
from ldpf.report.findings import Findings, Run, Training
from ldpf.report.tables.benchmark_table import BenchmarkTable
from ldpf.utils.seed import generator

CLASSES = ("<script>alert(1)</script>", "Häuser & Höfe", "猫")
TARGETS = ("art", 'sk"etch')
N, S = 30, 3


def draw_run(seed: int, right_share: float = 0.5) -> Run:
    draws = np.random.default_rng(seed)
    labels = draws.integers(0, 3, N)
    wrong = (labels + 1) % 3
    answers = np.where(draws.random(N) < right_share, labels, wrong)
    weights = torch.softmax(torch.randn(N, S, generator=generator(seed, "w")), dim=1)
    votes = torch.from_numpy(np.stack([answers, labels, wrong], axis=1))
    return Run(
        labels,
        {"zero-shot": wrong, "coop": answers[::-1].copy(), "ldpf": answers, "ldpf-oracle": labels},
        {"zero-shot": np.full(N, 0.9), "ldpf": draws.uniform(0.4, 1.0, N)},
        tuple(f"{i}.png" for i in range(N)),
        PromptAnswers(weights, votes, torch.full((N, S), 0.7), torch.full((N,), 0.5)),
    )


def draw_latent() -> LatentImages:
    draws = generator(0, "latent")
    return LatentImages(
        paths=tuple(f"{i}.png" for i in range(N)),
        labels=torch.arange(N) % 3,
        known=torch.arange(N) % 2,
        known_names=("photo", "<b>bold</b>"),
        assigned=torch.arange(N) % S,
        distances=torch.rand(N, generator=draws),
        cosines=torch.full((N,), 0.5),
        directions=F.normalize(torch.randn(S, 16, generator=draws), dim=1),
        map_rows=torch.arange(N),
        points=torch.randn(N, 2, generator=draws),
        other_points=torch.randn(5, 2, generator=draws),
    )


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(N - 1):  # the last one is missing
        Image.new("RGB", (40, 20), (8 * i, 90, 120)).save(folder / f"{i}.png")
    return folder


@pytest.fixture
def make_findings() -> Callable[..., Findings]:
    def make(**changes: object) -> Findings:
        runs = {(t, s): draw_run(10 * p + s) for p, t in enumerate(TARGETS) for s in (0, 1)}
        lines = [
            {
                "method": m,
                "target": t,
                "seed": s,
                "oracle": m == "ldpf-oracle",
                "accuracy": float(run.right(m).mean()),
            }
            for (t, s), run in runs.items()
            for m in run.predictions
        ]
        measured = {
            "adversary_accuracy": 0.34,
            "probe_accuracy": 0.36,
            "chance": 0.34,
            "explained_variance": 0.4,
            "class_nmi": 0.01,
            "sizes": [10, 10, 10],
        }
        words = [[("a sketch", 0.5), ("a print", 0.2)], [("a toy", 0.05)], []]
        settings = {
            "kind": "benchmark",
            "title": "ldpf on <i>shapes</i>",
            "main": "ldpf",
            "class_names": CLASSES,
            "targets": TARGETS,
            "seeds": (0, 1),
            "oracles": frozenset({"ldpf-oracle"}),
            "runs": runs,
            "table": BenchmarkTable.from_results(
                lines, ["zero-shot", "coop", "ldpf", "ldpf-oracle"], TARGETS, ("Accuracy in %.",)
            ),
            "trainings": tuple(
                Training(f"without {t}", (t,), measured, [], draw_latent(), words) for t in TARGETS
            ),
            "facts": (("Data", "shapes"),),
            "trained_on": (("art", "photo", "10", "5", "30"),),
            "commands": ("ldpf benchmark --data 'my shapes'",),
            "versions": {"ldpf": "0"},
            "backbone": ("tiny", "0" * 64),
            "no_pictures": "There are no pictures here.",
            "no_answers": "There are no answers here.",
            "no_latent": "There is no model here.",
        }
        return Findings(**{**settings, **changes})

    return make
