"""`ldpf data check`."""

from __future__ import annotations

import json
import shutil


def test_it_prints_counts_and_findings_and_draws_them(images, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(images, "photos")
    (tmp_path / "photos/art/cat/broken.png").write_bytes(b"")
    shutil.copy("photos/art/cat/0.png", "photos/art/dog/copy.png")
    result = run("data", "check", "photos", "--quick")
    assert result.exit_code == 1
    assert "Cannot be read: 1 picture" in result.stdout
    assert "  art/cat/broken.png: an empty file (0 bytes)" in result.stdout
    assert "art/cat/0.png, art/dog/copy.png (under several classes)" in result.stdout
    assert "Look at data-check.png" in result.stdout and (tmp_path / "data-check.png").is_file()


def test_json_is_one_document(images, tiny_clip_folder, run, tmp_path):
    out = tmp_path / "sheet.png"
    result = run(
        "data", "check", images, "--backbone", tiny_clip_folder, "--out", out, "--json", "--quiet"
    )
    found = json.loads(result.stdout)
    assert result.exit_code == int(found["serious"])
    assert found["images"] == 54 and sum(found["formats"].values()) == 54
    assert found["features"]["backbone"] and found["unreadable"] == []


def test_a_path_is_needed(run):
    result = run("data", "check")
    assert result.exit_code == 2 and "Which images?" in result.stderr
