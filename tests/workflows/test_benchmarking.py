"""`benchmark` from Python."""

from __future__ import annotations

import json

import pytest

from ldpf import workflows
from ldpf.errors import DataError, SettingsError
from ldpf.experiments.results import read_results
from ldpf.workflows import benchmarking, inputs


@pytest.fixture(scope="module")
def finished(images, tiny_clip_folder, session_settings, tmp_path_factory):
    """Two methods on one target, and the call that made them."""
    out = tmp_path_factory.mktemp("benchmark") / "results"

    def call():
        return workflows.benchmark(
            images,
            out,
            methods=["zero-shot", "coop"],
            backbone=tiny_clip_folder,
            settings={"length": 2},
            seeds=1,
            targets=["art"],
            jobs=1,
            command="ldpf benchmark ...",
        )

    return call(), call


def test_there_is_a_line_for_each_method_and_target(finished):
    result, _ = finished
    assert [(line["method"], line["target"]) for line in result.lines] == [
        ("zero-shot", "art"),
        ("coop", "art"),
    ]
    assert [row.method for row in result.table.rows] == ["zero-shot", "coop"]
    assert result.failures == ()


def test_lines_and_table_are_in_the_folder(finished):
    result, _ = finished
    written = read_results(result.out / "results.jsonl")
    assert written == json.loads(json.dumps(result.lines))
    assert (result.out / "table.md").read_text() == result.table.to_markdown()


def test_the_same_call_repeats_nothing(finished):
    result, call = finished
    before = {file: file.stat().st_mtime_ns for file in result.out.glob("runs/*/done")}
    assert call().lines == result.lines
    assert {file: file.stat().st_mtime_ns for file in before} == before


def test_runs_keep_settings_and_command(finished):
    result, _ = finished
    configs = [json.loads(file.read_text()) for file in result.out.glob("runs/*/config.json")]
    assert {config["command"] for config in configs} == {"ldpf benchmark ..."}
    assert [c["method"]["length"] for c in configs if c["method_name"] == "coop"] == [2]


def test_what_cannot_be_is_refused_before_anything_is_made(images, tmp_path):
    with pytest.raises(SettingsError, match="'copo'"):
        workflows.benchmark(images, tmp_path / "out", methods=["copo"])
    with pytest.raises(DataError, match="'mars'"):
        workflows.benchmark(images, tmp_path / "out", targets=["mars"])
    assert not (tmp_path / "out").exists()


def test_unknown_domains_are_refused(flat_images, tmp_path):
    with pytest.raises(DataError, match="known domains"):
        workflows.benchmark(flat_images, tmp_path / "out")


def test_runs_side_by_side_are_chosen_for_the_device_that_is_used(
    images, tiny_clip_folder, session_settings, tmp_path, monkeypatch
):
    asked, original = [], inputs.load_backbone
    monkeypatch.setattr(
        benchmarking, "choose_jobs", lambda n, device: asked.append(device) or (1, "a test")
    )
    # A device that does not agree with the CPU: the backbone is there, whatever was asked for.
    monkeypatch.setattr(inputs, "load_backbone", lambda name, device: original(name, "cpu"))
    workflows.benchmark(
        images,
        tmp_path / "out",
        methods=["zero-shot"],
        backbone=tiny_clip_folder,
        seeds=1,
        targets=["art"],
        device="mps",
    )
    assert [str(device) for device in asked] == ["cpu"]
