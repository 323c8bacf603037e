"""What the tests of the scripts share: a way to run them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from warm_process import run_script

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def printed_by(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[str, str]]:
    """A function that runs benchmarks/NAME.py with arguments; its stdout and stderr.

    The cache is empty, or the folder `cache`. Another exit code than `code` fails the test. With
    `fresh`, Python is started anew: joblib's workers do not start from a forked process.
    """

    def run(
        name: str,
        *arguments: object,
        code: int = 0,
        cache: Path | None = None,
        fresh: bool = False,
    ) -> tuple[str, str]:
        folder = tmp_path_factory.mktemp(name)
        script = ROOT / "benchmarks" / f"{name}.py"
        variables = {
            "PYTHONPATH": str(ROOT / "src"),
            "OMP_NUM_THREADS": "1",
            "LDPF_CACHE": str(folder / "cache" if cache is None else cache),
        }
        if fresh:
            done = subprocess.run(
                [sys.executable, script, *map(str, arguments)],
                cwd=ROOT,
                env={**os.environ, **variables},
                capture_output=True,
                text=True,
                check=False,
            )
        else:
            done = run_script(script, arguments, folder=ROOT, variables=variables, output=folder)
        assert done.returncode == code, done.stderr
        return done.stdout, done.stderr

    return run
