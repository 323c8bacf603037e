"""The benchmark of advice and missing classes runs as a script and prints a row for each target."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_target_has_a_row(images: Path, tiny_clip_folder: Path, tmp_path: Path) -> None:
    arguments = [
        *("--data", images, "--backbone", tiny_clip_folder, "--method", "linear-probe-balanced"),
        *("--targets", "art,photo", "--cache-dir", tmp_path / "cache"),
    ]
    done = subprocess.run(
        [sys.executable, "benchmarks/site_advice.py", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines()[4:]]
    assert [row[0] for row in rows] == ["art", "photo"]
    for row in rows:
        own, taken, best = map(float, row[1:4])
        assert best >= max(own, taken)
        assert row[4] in ("linear-probe-balanced", "linear-probe", "gda", "coop")
        assert row[5].endswith(" of 3")
