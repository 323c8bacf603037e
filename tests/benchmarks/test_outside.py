"""The benchmark of the check for images from outside runs as a script and prints its table."""

from __future__ import annotations

from pathlib import Path


def test_a_row_for_each_kind_of_image(
    image_tree, tiny_clip_folder: Path, tmp_path: Path, printed_by
) -> None:
    folders = [f"{d}/{c}" for d in ("art", "photo") for c in ("cat", "dog", "horse", "house")]
    images = image_tree(dict.fromkeys(folders, 12))
    arguments = [
        "--data",
        images,
        "--backbone",
        tiny_clip_folder,
        "--cache-dir",
        tmp_path / "cache",
    ]
    out, _ = printed_by("outside", *arguments)
    rows = [line.split("|")[1].strip() for line in out.splitlines() if "%" in line]
    assert rows[0] == "ordinary"
    assert rows[-3:] == ["noise", "color", "gradient"]
