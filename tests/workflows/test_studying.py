"""`study` from Python."""

from __future__ import annotations

import json

import pytest

from ldpf import workflows
from ldpf.errors import SettingsError


@pytest.mark.slow
def test_it_returns_and_writes_table_and_measurements(
    images, tiny_clip_folder, session_settings, tmp_path
):
    result = workflows.study(
        "temperature",
        images,
        tmp_path,
        values=["0.1", "0.5"],
        backbone=tiny_clip_folder,
        seeds=1,
        targets=["art"],
        jobs=1,
        command="ldpf study ...",
    )
    assert result.table is not None
    assert [row.method for row in result.table.rows] == ["tau 0.1", "tau 0.5"]
    assert all(file.is_file() and file.is_relative_to(tmp_path) for file in result.files)
    assert {file.name for file in result.files} >= {"accuracy.csv", "table.md"}
    configs = [json.loads(file.read_text()) for file in tmp_path.glob("runs/*/config.json")]
    assert [config["command"] for config in configs] == ["ldpf study ..."] * 2


def test_an_unknown_study_is_refused_before_anything_is_made(images, tmp_path):
    with pytest.raises(SettingsError, match="'fusoin'"):
        workflows.study("fusoin", images, tmp_path / "out")
    assert not (tmp_path / "out").exists()
