"""The benchmark of shared passes runs as a script and prints what it promises."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_line_for_each_number_of_prompts(tiny_clip_folder: Path) -> None:
    arguments = ["--backbone", str(tiny_clip_folder), "--classes=3", "--repeats=1", "--json"]
    done = subprocess.run(
        [sys.executable, "benchmarks/shared_passes.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["prompts"] for line in lines] == [1, 3, 6, 12, 24, 48]
    assert lines[0]["coop_ratio"] == 1.0
    assert lines[0]["ldpf_ratio"] is None
    assert all(line["milliseconds"] > 0 for line in lines)
