"""The benchmark of image engines runs as a script and prints what it promises."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_a_line_for_each_engine(tiny_clip_folder: Path) -> None:
    arguments = ["--backbone", str(tiny_clip_folder), "--images=5", "--repeats=1", "--json"]
    done = subprocess.run(
        [sys.executable, "benchmarks/image_encoder.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0]["engine"] == "torch" and lines[0]["faster"] == 1.0
    assert lines[0]["difference"] == 0.0
    for line in lines:
        smaller = min(line["forward"], line["decode"])
        assert line["share"] == pytest.approx(line["end_to_end"] / smaller, rel=0.01)
        # bfloat16 rounds to 8 bits; the others compute in float32.
        assert line["difference"] < (1e-3 if line["engine"].endswith("bf16") else 1e-6)
