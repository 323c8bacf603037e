"""The benchmark of latent domains runs as a script, with a row for each way to find them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_row_for_each_way(images: Path, tiny_clip_folder: Path, tmp_path: Path) -> None:
    target = min(folder.name for folder in images.iterdir() if folder.is_dir())
    arguments = ["--data", images, "--backbone", tiny_clip_folder, "--targets", target]
    arguments += ["--seeds", 2, "--style", "--accuracy", "--steps", 2]
    done = subprocess.run(
        [sys.executable, "benchmarks/domain_quality.py", *map(str, arguments)],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT / "src"),
            "OMP_NUM_THREADS": "1",
            "LDPF_CACHE": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split("|")[1:-1] for line in done.stdout.splitlines()[2:]]
    assert [row[0].strip() for row in rows] == ["image"] * 7 + ["style"] * 6
    for row in rows:
        assert all(0 <= float(cell) <= 1 for cell in row[3:5])
        assert -1 <= float(row[5]) <= 1
        assert 0 <= float(row[7]) <= 100
    # The geometry of the weights is that of the clusters.
    spherical = [row for row in rows if "spherical" in row[2] and "image" in row[0]]
    assert {row[6].strip() for row in spherical} == {"100%"}
