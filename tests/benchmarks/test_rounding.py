"""The benchmark of rounding runs as a script and prints a row for each method and target."""

from __future__ import annotations

from pathlib import Path


def test_a_row_for_each_method_and_target(images: Path, tiny_clip_folder: Path, printed_by) -> None:
    arguments = ["--data", images, "--backbone", tiny_clip_folder, "--repeats", 2, "--steps", 3]
    out, _ = printed_by("rounding", *arguments)
    rows = [line.split("|")[1:] for line in out.splitlines()[2:]]
    domains = sorted(folder.name for folder in images.iterdir() if folder.is_dir())
    assert [(row[0].strip(), row[1].strip()) for row in rows] == [
        (method, domain) for method in ("coop", "ldpf") for domain in domains
    ]
    assert all(float(row[3]) <= float(row[2]) <= float(row[4]) for row in rows)
