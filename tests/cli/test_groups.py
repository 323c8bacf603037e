"""`--group-by` and a column `group`, from the command line to the report."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from ldpf.models.saving import read_config

PATTERN = r"(?P<group>[^/]+)_\d+\.png$"


@pytest.fixture(scope="module")
def bursts(tmp_path_factory):
    """DOMAIN/CLASS/sNN_M.png: bursts of three images of noise around one picture."""
    root = tmp_path_factory.mktemp("bursts") / "photos"
    for d, domain in enumerate(("north", "south")):
        for k, name in enumerate(("cat", "dog")):
            (root / domain / name).mkdir(parents=True)
            for burst in range(10):
                draws = np.random.default_rng([d, k, burst])
                picture = draws.integers(0, 256, (10, 12, 3))
                for i in range(3):
                    pixels = (picture + draws.integers(-3, 4, picture.shape)).clip(0, 255)
                    file = root / domain / name / f"{domain[0]}{name[0]}{burst:02d}_{i}.png"
                    Image.fromarray(pixels.astype(np.uint8)).save(file)
    return root


@pytest.fixture(scope="module")
def arguments(tiny_clip_folder):
    return ("--backbone", tiny_clip_folder, "--method", "zero-shot")


def test_training_says_the_shares_and_finds_no_copies_across_the_split(
    bursts, arguments, tmp_path, run
):
    plain = run("train", bursts, "--out", tmp_path / "plain", *arguments)
    assert "held-out images are also among the training images" in plain.stderr
    result = run("train", bursts, "--out", tmp_path / "m", *arguments, "--group-by", PATTERN)
    assert result.exit_code == 0, result.output
    assert "40 groups, none divided: 20.0% of the images are held out" in " ".join(
        result.stdout.split()
    )
    assert "also among" not in result.stderr


def test_bursts_without_groups_are_hinted_at_with_what_to_type(bursts, arguments, tmp_path, run):
    plain = run("train", bursts, "--out", tmp_path / "plain", *arguments)
    hint = next(line for line in plain.stderr.splitlines() if "look like bursts" in line)
    pattern = hint.partition("--group-by '")[2].partition("'")[0]
    result = run("train", bursts, "--out", tmp_path / "m", *arguments, "--group-by", pattern)
    assert "40 groups, none divided" in " ".join(result.stdout.split())
    assert "look like bursts" not in result.stderr


@pytest.mark.slow
def test_the_report_measures_the_images_that_were_held_out(bursts, arguments, tmp_path, run):
    model = tmp_path / "m"
    run("train", bursts, "--out", model, *arguments[:3], "gda", "--group-by", PATTERN)
    config = read_config(model)
    origin, accuracy = config["provenance"], config["training"]["validation_accuracy"]
    assert origin["groups"]["group_by"] == PATTERN
    for given in ((), ("--group-by", PATTERN)):
        report = tmp_path / "report.html"
        result = run("report", model, "--data", bursts, "--out", report, *given)
        assert result.exit_code == 0, result.output
        assert f"is right for {accuracy:.1%}" in report.read_text()
    other = run(
        "report", model, "--data", bursts, "--out", tmp_path / "r.html", "--group-by", "^[^/]+"
    )
    assert other.exit_code != 0 and "not with the groups" in other.stderr
    assert "Traceback" not in other.output


@pytest.mark.slow
def test_a_model_of_other_groups_is_trained_anew(bursts, arguments, tmp_path, run):
    hashes = set()
    for given in ((), ("--group-by", PATTERN), ("--group-by", r"[a-z]{2}\d")):
        result = run("train", bursts, "--out", tmp_path / "m", *arguments, *given, "--overwrite")
        assert result.exit_code == 0, result.output
        hashes.add(read_config(tmp_path / "m")["provenance"]["settings_hash"])
    assert len(hashes) == 3


def test_a_benchmark_says_the_shares_of_each_case(bursts, tiny_clip_folder, tmp_path, run):
    command = ("benchmark", bursts, "--backbone", tiny_clip_folder, "--methods", "gda")
    for given, folder in (((), "plain"), (("--group-by", PATTERN), "grouped")):
        result = run(*command, "--seeds", 1, "--jobs", 1, "--out", tmp_path / folder, *given)
        assert result.exit_code == 0, result.output
    for target in ("north", "south"):
        assert f"target {target}: 20 groups, none divided: 20.0%" in result.stderr
    names = [
        {json.loads(line)["run"] for line in (tmp_path / f / "results.jsonl").open()}
        for f in ("plain", "grouped")
    ]
    assert not names[0] & names[1]


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("(", "is no regular expression"),
        ("burst", "matches none of the 120 paths"),
        ("^", "matches none of the 120 paths"),
        ("/(cat|dog)/", "no group can be held out"),
    ],
)
def test_groups_that_cannot_be_end_with_a_sentence(
    bursts, arguments, tmp_path, run, pattern, sentence
):
    result = run("train", bursts, "--out", tmp_path / "m", *arguments, "--group-by", pattern)
    assert result.exit_code != 0 and sentence in " ".join(result.stderr.split())
    assert "Traceback" not in result.output and not (tmp_path / "m").exists()
