"""The benchmark of the number of latent domains runs as a script, with a row for each target."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_row_for_each_target(images: Path, tiny_clip_folder: Path, tmp_path: Path) -> None:
    arguments = ["--data", images, "--backbone", tiny_clip_folder, "--seeds", 1]
    done = subprocess.run(
        [sys.executable, "benchmarks/number_of_domains.py", *map(str, arguments)],
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
    domains = sorted(folder.name for folder in images.iterdir() if folder.is_dir())
    assert [row[0].strip() for row in rows] == domains
    for row in rows:
        accuracies = [float(cell) for cell in row[1:9]]
        assert float(row[9]) in accuracies  # auto is one of the fixed numbers, the data's split too
        assert 1 <= int(row[10]) <= 8
