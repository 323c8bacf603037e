"""The example with Ray Data, run as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from ldpf import workflows

ROOT = Path(__file__).parents[2]

pytest.importorskip("ray.data", reason="ray, or what Ray Data needs, is not installed")


@pytest.mark.slow
def test_answers_are_those_of_one_process(model, draw, tmp_path):
    images = draw(tmp_path / "new", ("art", "sketch"), flat=True)
    (images / "cat/broken.png").write_bytes(b"no image")
    script = [sys.executable, "examples/ray_data_scoring.py", str(model), str(images)]
    done = subprocess.run(
        [*script, str(tmp_path / "answers"), "--batch", "10"],
        cwd=ROOT,
        env={
            **{name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"},
            "PYTHONPATH": str(ROOT / "src"),
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == f"37 images; answers in {tmp_path / 'answers'}"
    answers = pd.read_parquet(tmp_path / "answers").set_index("path")
    alone = {row.path: row for row in workflows.predict(model, images)}
    assert set(answers.index) == set(alone) and len(answers) == 37
    for path, row in alone.items():
        if row.error is not None:
            assert answers.loc[path, "error"] == row.error and answers.loc[path, "label"] == ""
            continue
        ((label, probability),) = row.top
        assert answers.loc[path, "label"] == label
        assert answers.loc[path, "probability"] == pytest.approx(probability, abs=1e-5)
    assert (answers["error"] != "").sum() == 1
