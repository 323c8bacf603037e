"""The benchmark of the doctor runs as a script and prints its tables."""

from __future__ import annotations

from pathlib import Path


def test_a_row_for_each_made_case_and_each_sign(
    image_tree, tiny_clip_folder: Path, tmp_path: Path, printed_by
):
    folders = [f"{d}/{c}" for d in ("art", "photo", "sketch") for c in ("cat", "dog", "house")]
    arguments = [
        "--draws",
        "1",
        "--data",
        image_tree(dict.fromkeys(folders, 8)),
        "--backbone",
        tiny_clip_folder,
        "--targets",
        "sketch",
        "--cache-dir",
        tmp_path / "cache",
    ]
    out, _ = printed_by("doctor", *arguments)
    made, measured = out.split("\n| sign |")
    assert "Everything came out as it was made." in made
    assert "\n| healthy | · |" in made
    names = [line.split("|")[1].strip() for line in measured.splitlines()[2:]]
    assert names[:2] == ["oracle-gap", "discovery"] and len(names) == 13
