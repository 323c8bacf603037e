"""The benchmark of the number of latent domains runs as a script, with a row for each target."""

from __future__ import annotations

from pathlib import Path


def test_a_row_for_each_target(images: Path, tiny_clip_folder: Path, printed_by) -> None:
    arguments = ["--data", images, "--backbone", tiny_clip_folder, "--seeds", 1]
    out, _ = printed_by("number_of_domains", *arguments)
    rows = [line.split("|")[1:-1] for line in out.splitlines()[2:]]
    domains = sorted(folder.name for folder in images.iterdir() if folder.is_dir())
    assert [row[0].strip() for row in rows] == domains
    for row in rows:
        accuracies = [float(cell) for cell in row[1:9]]
        assert float(row[9]) in accuracies  # auto is one of the fixed numbers, the data's split too
        assert 1 <= int(row[10]) <= 8
