"""The benchmark of latent domains runs as a script, with a row for each way to find them."""

from __future__ import annotations

from pathlib import Path


def test_a_row_for_each_way(images: Path, tiny_clip_folder: Path, printed_by) -> None:
    target = min(folder.name for folder in images.iterdir() if folder.is_dir())
    arguments = ["--data", images, "--backbone", tiny_clip_folder, "--targets", target]
    arguments += ["--seeds", 2, "--style", "--accuracy", "--steps", 2]
    out, _ = printed_by("domain_quality", *arguments)
    rows = [line.split("|")[1:-1] for line in out.splitlines()[2:]]
    assert [row[0].strip() for row in rows] == ["image"] * 7 + ["style"] * 6
    for row in rows:
        assert all(0 <= float(cell) <= 1 for cell in row[3:5])
        assert -1 <= float(row[5]) <= 1
        assert 0 <= float(row[7]) <= 100
    # The geometry of the weights is that of the clusters.
    spherical = [row for row in rows if "spherical" in row[2] and "image" in row[0]]
    assert {row[6].strip() for row in spherical} == {"100%"}
