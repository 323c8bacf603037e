"""`python -m ldpf`."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ldpf import __version__


@pytest.mark.slow
@pytest.mark.parametrize(
    ("word", "code", "said"),
    [("--version", 0, f"ldpf {__version__}"), ("no-such-command", 2, "no-such-command")],
    ids=["an option", "refused"],
)
def test_python_m_ldpf_is_the_command(word, code, said):
    ran = subprocess.run([sys.executable, "-m", "ldpf", word], capture_output=True, text=True)
    assert (ran.returncode, said in ran.stdout + ran.stderr) == (code, True)
