"""The benchmark of advice and missing classes runs as a script and prints a row for each target."""

from __future__ import annotations

from pathlib import Path


def test_each_target_has_a_row(
    images: Path, tiny_clip_folder: Path, tmp_path: Path, printed_by
) -> None:
    arguments = [
        *("--data", images, "--backbone", tiny_clip_folder, "--method", "linear-probe-balanced"),
        *("--targets", "art,photo", "--cache-dir", tmp_path / "cache"),
    ]
    out, _ = printed_by("site_advice", *arguments)
    rows = [line.strip("| ").split(" | ") for line in out.splitlines()[4:]]
    assert [row[0] for row in rows] == ["art", "photo"]
    for row in rows:
        own, taken, best = map(float, row[1:4])
        assert best >= max(own, taken)
        assert row[4] in ("linear-probe-balanced", "linear-probe", "gda", "coop")
        assert row[5].endswith(" of 3")
