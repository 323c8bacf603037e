"""The benchmark of time to accuracy runs as a script and prints what it promises."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_a_line_for_each_seed(images: Path, tiny_clip_folder: Path, tmp_path: Path) -> None:
    arguments = ["--data", str(images), "--backbone", str(tiny_clip_folder), "--device=cpu"]
    arguments += ["--seeds=2", "--epochs=2", "--target=art", "--json"]
    done = subprocess.run(
        [sys.executable, "benchmarks/time_to_accuracy.py", *arguments],
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
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["seed"] for line in lines] == [0, 1]
    for line in lines:
        assert line["accuracy"] >= line["start_accuracy"] and line["coop_text_passes"] > 0
        reached = line["fast_best_accuracy"] >= line["accuracy"]
        assert (line["time_ratio"] is not None) == reached
        if reached:
            ratio = line["coop_seconds"] / line["fast_seconds"]
            assert line["time_ratio"] == pytest.approx(ratio, rel=0.01)


def test_the_first_look_at_an_accuracy_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from time_to_accuracy import Look, first_at

    looks = [Look(1.0, 1, 0.5), Look(2.0, 6, 0.7), Look(3.0, 11, 0.6), Look(4.0, 16, 0.8)]
    assert first_at(looks, 0.6) == looks[1]
    assert first_at(looks, 0.9) is None
