"""The benchmark of the doctor runs as a script and prints its tables."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_row_for_each_made_case_and_each_sign(image_tree, tiny_clip_folder: Path, tmp_path: Path):
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
    done = subprocess.run(
        [sys.executable, "benchmarks/doctor.py", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made, measured = done.stdout.split("\n| sign |")
    assert "Everything came out as it was made." in made
    assert "\n| healthy | · |" in made
    names = [line.split("|")[1].strip() for line in measured.splitlines()[2:]]
    assert names[:2] == ["oracle-gap", "discovery"] and len(names) == 13
