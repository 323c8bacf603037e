from __future__ import annotations

import re
import subprocess
import sys

import pytest

import ldpf

COMMANDS = ("benchmark", "train", "evaluate", "predict", "domains", "features", "info")


def test_version(run):
    result = run("--version")
    assert result.exit_code == 0
    assert result.stdout == f"ldpf {ldpf.__version__}\n"


def test_help_names_every_command_and_every_exit_code(run):
    text = re.sub(r"\s+", " ", run("--help").stdout)
    for name in COMMANDS:
        assert name in text
    for code in ("0 everything is done", "1 finished, but something failed", "2 the input"):
        assert code in text
    for code in ("130 stopped with Ctrl-C", "141 the program that read the output closed it"):
        assert code in text


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_each_command_has_an_example_to_type(run, name: str):
    result = run(name, "--help")
    assert result.exit_code == 0
    assert re.search(rf"Examples?:\s+.*ldpf {name} ", result.stdout, re.DOTALL)


def test_a_misspelled_command_is_a_usage_error_with_a_hint(run):
    result = run("trian")
    assert result.exit_code == 2
    assert "Did you mean 'train'?" in result.stderr


def test_help_does_not_wait_for_heavy_libraries():
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from ldpf.cli import app\n"
        "for name in ['--help'], ['benchmark', '--help'], ['predict', '--help']:\n"
        "    assert CliRunner().invoke(app, name).exit_code == 0\n"
        "heavy = {'torch', 'transformers', 'sklearn', 'scipy', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr
