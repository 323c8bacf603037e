from __future__ import annotations

import csv
from dataclasses import replace

import pytest
import torch
from PIL import Image

from ldpf.studies import Bench
from ldpf.studies.latent_vs_manual import (
    LatentVsManualStudy,
    disagreements,
    gains,
    matched_domains,
)
from ldpf.training.recipe import FAST

pytestmark = pytest.mark.slow

SHORT = replace(FAST, max_steps=4, cooldown=0, evaluate_every=1, round_every=1)


@pytest.fixture(scope="module")
def study(make_features, tiny_clip, tmp_path_factory):
    """The study on small features whose domains are hard to find, and its folder."""
    folder = tmp_path_factory.mktemp("study")
    data = make_features(8, domain_strength=0.3, noise=0.3)
    for path in data.paths:
        Image.new("RGB", (8, 8), (200, 20, 20)).save(folder / path)
    out = folder / "out"
    out.mkdir()
    bench = Bench(data, "drawn", tiny_clip, SHORT, ["art"], 1, out, folder / "runs", root=folder)
    return LatentVsManualStudy().run(bench), out, data


def test_four_ways_are_compared(study):
    assert study[0].variants == ["latent", "manual", "random", "single prompt"]
    assert [line["target"] for line in study[0].lines] == ["art"] * 4


def test_every_image_is_in_the_contingency_table_once(study):
    result, _, data = study
    rows = result.measured
    assert [row["latent"] for row in rows] == [0, 1]
    for d, name in enumerate(data.domain_names):
        expected = 0 if name == "art" else int((data.domains == d).sum())
        assert sum(row[f"in {name}"] for row in rows) == expected


def test_images_that_disagree_are_listed_and_drawn(study):
    result, out, data = study
    with (out / "disagree-art.csv").open(encoding="utf-8") as file:
        listed = list(csv.DictReader(file))
    agree = sum(row["agree"] * row["images"] for row in result.measured)
    assert len(listed) == round(sum(row["images"] for row in result.measured) - agree) > 0
    assert all(row["manual"] != row["matched"] for row in listed)
    sources = data.subset(data.domains != data.domain_names.index("art"))
    assert all(sources.paths[int(row["image"])] == row["path"] for row in listed)
    with Image.open(out / "sheet-art.png") as sheet:
        assert sheet.width > 100


def test_domains_are_matched_one_to_one():
    latent = torch.tensor([0, 0, 0, 1, 1, 1])
    manual = torch.tensor([2, 2, 2, 2, 2, 0])
    # Both latent domains have most images of domain 2, which only one can have.
    assert matched_domains(latent, manual, 2, 3).tolist() == [2, 0]


def test_a_latent_domain_left_over_has_its_most_frequent_manual_domain():
    latent = torch.tensor([0, 0, 1, 1, 2])
    manual = torch.tensor([0, 0, 1, 1, 1])
    assert matched_domains(latent, manual, 3, 2).tolist() == [0, 1, 1]


def test_agreeing_domains_leave_no_list(make_features):
    data = make_features(2)
    assert disagreements(data, data.domains, torch.arange(3)) == []


def test_gains_name_the_best_target_first():
    lines = [
        {"method": method, "target": target, "accuracy": accuracy}
        for method, target, accuracy in [
            ("latent", "x", 0.5),
            ("manual", "x", 0.6),
            ("latent", "y", 0.7),
            ("manual", "y", 0.65),
        ]
    ]
    assert gains(lines, ["x", "y"]).endswith("y +5.0, x -10.0.")
