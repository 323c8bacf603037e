"""`ldpf study`: table, figures, files."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from ldpf.fusion import FUSION_RULES

pytestmark = pytest.mark.slow


def study(run, images, folder, out, name, *more):
    return run(
        "study", name, "--data", images, "--backbone", folder, "--seeds", "1", "--targets", "art",
        "--out", out, *more,
    )  # fmt: skip


def test_domains_come_with_map_sheet_and_numbers(run, images, tiny_clip_folder, tmp_path):
    result = study(run, images, tiny_clip_folder, tmp_path, "domains")
    assert result.exit_code == 0, result.output
    assert "Latent and true domains" in result.stdout
    for name in ("map-art.png", "sheet-art.png"):
        assert Image.open(tmp_path / "domains" / name).width > 300
    assert (tmp_path / "domains/measured.csv").read_text().startswith("target,seed,n_domains,")


def test_accuracies_are_in_the_document_and_in_files(run, images, tiny_clip_folder, tmp_path):
    result = study(run, images, tiny_clip_folder, tmp_path, "fusion", "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    rows = [row["method"] for row in document["table"]["rows"]]
    assert rows[0] == "similarity" and set(rows) == {*FUSION_RULES, "U_sel"}
    assert document["table"]["rows"][-1]["oracle"]
    lines = (tmp_path / "fusion/accuracy.csv").read_text().splitlines()
    assert len(lines) == 1 + len(rows)
    assert Image.open(tmp_path / "fusion/fusion.png").width > 300


def test_an_unknown_study_is_one_sentence(run, images, tiny_clip_folder, tmp_path):
    result = study(run, images, tiny_clip_folder, tmp_path, "color")
    assert result.exit_code == 2
    assert "'color'" in result.stderr
    assert "domains, fusion," in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_results_hold_every_variant_and_make_a_table(run, images, tiny_clip_folder, tmp_path):
    result = study(
        run, images, tiny_clip_folder, tmp_path, "temperature", "--values", "0.1,0.5", "--quiet"
    )
    assert result.exit_code == 0, result.output
    lines = [
        json.loads(line) for line in (tmp_path / "temperature/results.jsonl").open(encoding="utf-8")
    ]
    assert [line["method"] for line in lines] == ["tau 0.1", "tau 0.5"]
    assert {line["method_name"] for line in lines} == {"ldpf"}
    table = run("table", tmp_path / "temperature")
    assert table.exit_code == 0, table.output
    assert "tau 0.1" in table.stdout and "tau 0.5" in table.stdout
