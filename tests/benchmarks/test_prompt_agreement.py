"""The benchmark of prompts that answer alike runs as a script."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_row_for_each_method_with_every_pair(images: Path, tiny_clip_folder: Path, tmp_path):
    command = [sys.executable, "benchmarks/prompt_agreement.py", "--data", str(images)]
    command += ["--backbone", str(tiny_clip_folder), "--targets", "art", "--recipe", "fast"]
    done = subprocess.run(
        command,
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
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines()[2:]]
    assert [row[:3] for row in rows] == [["art", "0", "ldpf"], ["art", "0", "ldpf-random"]]
    for row in rows:
        shares = [int(cell) for cell in re.findall(r"(\d+)%", row[3])]
        # So few images may fill two latent domains only.
        assert len(shares) in (1, 3) and all(0 <= share <= 100 for share in shares)
