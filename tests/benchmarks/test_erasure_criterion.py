"""The benchmark of erasure criteria runs as a script and judges every criterion."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_criterion_has_a_row() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/erasure_criterion.py", "--kinds", "5"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "drawn: 25 sets" in done.stdout
    rows = [line.split("|")[1:] for line in done.stdout.splitlines() if line.startswith("|")][2:]
    assert len(rows) == 5
    assert rows[-1][0].strip() == "`disentangle=auto`"
    # What it is for: erasing stays where it helps.
    assert rows[-1][4].strip() == "100%"
