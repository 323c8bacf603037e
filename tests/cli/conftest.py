"""What the tests of the command line share: ways to call it."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
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


@pytest.fixture(scope="session")
def read_rows() -> Callable[[str], list[dict[str, str]]]:
    """A function from the text of a CSV to its rows."""
    return lambda text: list(csv.DictReader(io.StringIO(text)))


@pytest.fixture(scope="session")
def read_tensors() -> Callable[[Path], dict[str, torch.Tensor]]:
    """A function from a model folder to its values."""
    return lambda model: load_file(model / "model.safetensors")
