"""What the tests of the command line share: ways to call it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner, Result


@pytest.fixture(scope="session")
def run(session_settings: pytest.MonkeyPatch) -> Callable[..., Result]:
    """A function that runs `ldpf` with arguments in this process."""
    from ldpf.cli import app

    def run_here(*arguments: object, **options: Any) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], **options)

    return run_here


@pytest.fixture
def start(session_settings: pytest.MonkeyPatch) -> Callable[..., subprocess.Popen[bytes]]:
    """A function that starts `ldpf` as a process of its own, with pipes."""

    def begin(*arguments: object) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "ldpf.cli", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    return begin
