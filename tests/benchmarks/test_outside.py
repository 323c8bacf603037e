"""The benchmark of the check for images from outside runs as a script and prints its table."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_row_for_each_kind_of_image(image_tree, tiny_clip_folder: Path, tmp_path: Path) -> None:
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
    done = subprocess.run(
        [sys.executable, "benchmarks/outside.py", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split("|")[1].strip() for line in done.stdout.splitlines() if "%" in line]
    assert rows[0] == "ordinary"
    assert rows[-3:] == ["noise", "color", "gradient"]
