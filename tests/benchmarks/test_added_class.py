"""The benchmark of added classes runs as a script and prints its means."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_line_for_each_class_and_the_means(images, tiny_clip_folder: Path, tmp_path: Path):
    arguments = ["--data", images, "--backbone", tiny_clip_folder, "--targets", "art"]
    done = subprocess.run(
        [
            sys.executable,
            "benchmarks/added_class.py",
            *map(str, arguments),
            "--method",
            "zero-shot",
        ],
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
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == ["art, cat", "art, dog", "art, house"]
    means = dict(re.findall(r"^([\w-]+) +([\d.]+% / [\d.]+%)$", done.stdout, re.MULTILINE))
    # Without training, adding a class is the same as having had it.
    assert means["added"] == means["trained"]
