"""The benchmarks of leaks and groups run as scripts and print what they promise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def printed(tmp_path: Path, script: str, *arguments: object) -> list[str]:
    done = subprocess.run(
        [sys.executable, f"benchmarks/{script}.py", *map(str, arguments)],
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
    return done.stdout.splitlines()


def test_a_share_of_copies_found_for_each_kind(images, tiny_clip_folder, tmp_path):
    lines = printed(
        tmp_path,
        "leak_threshold",
        *("--data", images, "--backbone", tiny_clip_folder, "--images", 10),
    )
    shares = {line[:28].strip(): float(line[28:]) for line in lines[1:]}
    assert len(shares) == 13 and all(0 <= share <= 100 for share in shares.values())
    assert shares["twice the size"] > shares["cropped to 80 %"]


def test_held_out_and_new_accuracy_with_and_without_groups(images, tiny_clip_folder, tmp_path):
    lines = printed(
        tmp_path,
        "groups",
        *("--data", images, "--backbone", tiny_clip_folder, "--taken", 3, "--seeds", 1),
    )
    assert [line[:18].strip() for line in lines[1:]] == ["divided at random", "with groups"]
    for line in lines[1:]:
        held_out, new, gap = map(float, line[18:].split())
        assert abs(held_out - new - gap) < 0.11
