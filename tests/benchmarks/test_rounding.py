"""The benchmark of rounding runs as a script and prints a row for each method and target."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_row_for_each_method_and_target(images: Path, tiny_clip_folder: Path, tmp_path) -> None:
    arguments = ["--data", images, "--backbone", tiny_clip_folder, "--repeats", 2, "--steps", 3]
    done = subprocess.run(
        [sys.executable, "benchmarks/rounding.py", *map(str, arguments)],
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
    rows = [line.split("|")[1:] for line in done.stdout.splitlines()[2:]]
    domains = sorted(folder.name for folder in images.iterdir() if folder.is_dir())
    assert [(row[0].strip(), row[1].strip()) for row in rows] == [
        (method, domain) for method in ("coop", "ldpf") for domain in domains
    ]
    assert all(float(row[3]) <= float(row[2]) <= float(row[4]) for row in rows)
