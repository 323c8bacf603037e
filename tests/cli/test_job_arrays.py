"""Job arrays for real: processes that share a folder at once, and the scripts in examples/slurm."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from ldpf.experiments.results import read_results

EXAMPLES = Path(__file__).parents[2] / "examples" / "slurm"
METHODS = "zero-shot,gda,linear-probe,gda-balanced"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="runs shell scripts")


def benchmark(images: Path, backbone: Path, out: Path, *more: str) -> list[str]:
    command = [sys.executable, "-m", "ldpf.cli", "benchmark", str(images), "--seeds", "2"]
    command += ["--methods", METHODS, "--backbone", str(backbone), "--out", str(out)]
    return [*command, *more]


def together(commands: list[list[str]], **variables: str) -> list[tuple[int, str]]:
    """Start all at once; exit code and stderr of each."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    begun = [subprocess.Popen(c, env=env, stderr=subprocess.PIPE, text=True,
                              stdout=subprocess.DEVNULL) for c in commands]  # fmt: skip
    ends = []
    for process in begun:
        stderr = process.communicate()[1]
        ends.append((process.returncode, stderr))
    return ends


def done_now(stderr: str) -> int:
    """Runs that a process did itself."""
    lines = [line for line in stderr.splitlines() if re.search(r"  seed \d+  accuracy ", line)]
    return sum("done before" not in line for line in lines)


def accuracies(out: Path) -> dict[tuple[str, str, int], float]:
    lines = read_results(out / "results.jsonl")
    found = {(line["method"], line["target"], line["seed"]): line["accuracy"] for line in lines}
    assert len(found) == len(lines)
    return found


@pytest.fixture
def cache(images, tiny_clip_folder, session_settings) -> None:
    """The images are encoded already."""
    from ldpf import workflows

    workflows.encode(images, tiny_clip_folder)


@pytest.mark.slow
@pytest.mark.usefixtures("cache")
def test_processes_that_share_a_folder_do_every_run_once(images, tiny_clip_folder, tmp_path, run):
    shared, whole = tmp_path / "shared", tmp_path / "whole"
    # The third one overlaps with both others: no run is done twice all the same.
    options = [("--shard", part, "--jobs", "1") for part in ("1/2", "2/2", "1/1")]
    ends = together([benchmark(images, tiny_clip_folder, shared, *words) for words in options])
    assert [code for code, _ in ends] == [0, 0, 0], ends
    assert sum(done_now(stderr) for _, stderr in ends) == 24
    assert len(list(shared.glob("runs/*/done"))) == 24
    words = benchmark(images, tiny_clip_folder, whole, "--jobs", "1")[3:]
    assert run(*words).exit_code == 0
    assert accuracies(shared) == accuracies(whole)
    # Whichever ended last has written a table of all.
    assert cells(shared) == cells(whole)


def cells(out: Path) -> list[str]:
    """The rows of the table."""
    lines = (out / "table.md").read_text().splitlines()
    return [line for line in lines if line.startswith("| ")]


def script(name: str) -> list[str]:
    """The example as SLURM runs it, in a plain shell."""
    return ["bash", str(EXAMPLES / name)]


@pytest.fixture
def slurm(session_settings, tmp_path, monkeypatch) -> Callable[..., None]:
    """A function that runs all jobs of an array at once, with `ldpf` on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    ldpf = folder / "ldpf"
    ldpf.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ldpf.cli "$@"\n')
    ldpf.chmod(0o755)
    monkeypatch.chdir(tmp_path)

    def array(command: list[str], count: int, **variables: str) -> None:
        path = f"{folder}:{os.environ['PATH']}"
        env = {**os.environ, "PATH": path, "SLURM_CPUS_PER_TASK": "1", **variables}
        jobs = [
            subprocess.Popen(
                command,
                env={**env, "SLURM_ARRAY_TASK_ID": str(i), "SLURM_ARRAY_TASK_MAX": str(count)},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            for i in range(1, count + 1)
        ]
        said = [job.communicate()[0].decode() for job in jobs]
        assert [job.returncode for job in jobs] == [0] * count, said

    return array


@pytest.mark.slow
def test_the_script_for_a_comparison(images, tiny_clip_folder, tmp_path, slurm, run):
    slurm(
        [*script("benchmark.sbatch"), str(images)],
        2,
        BACKBONE=str(tiny_clip_folder),
        METHODS="zero-shot,gda",
        SEEDS="1",
        LDPF_CACHE=str(tmp_path / "cache"),
    )
    assert len(accuracies(tmp_path / "results")) == 6
    tables = json.loads(run("table", tmp_path / "results", "--json").stdout)
    assert [row["method"] for row in tables[0]["rows"]] == ["zero-shot", "gda"]


@pytest.mark.slow
def test_the_script_for_predictions(images, model, tmp_path, slurm):
    slurm([*script("predict.sbatch"), str(model), str(images)], 2)
    parts = [tmp_path / f"answers-{i}-of-2.csv" for i in (1, 2)]
    # As the script says to join them.
    joined = subprocess.run(
        ["awk", "FNR > 1 || NR == 1", *map(str, parts)], capture_output=True, check=True, text=True
    ).stdout
    rows = list(csv.DictReader(joined.splitlines()))
    assert Counter(row["path"] for row in rows) == Counter(map(str, images.rglob("*.png")))
    assert {row["label"] for row in rows} <= {"cat", "dog", "house"}
