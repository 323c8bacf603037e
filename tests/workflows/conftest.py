"""What the tests of workflows share: the JSON document of a command, to compare results with."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner


@pytest.fixture
def run_json(session_settings: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A function that runs a command with --json and returns its document."""
    from ldpf.cli import app

    def run(*arguments: object) -> Any:
        result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return run
