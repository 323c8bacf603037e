"""A finding of the doctor, as `ldpf diagnose` and `ldpf train` print it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ldpf.cli.console import say
from ldpf.utils.text import count

if TYPE_CHECKING:
    from ldpf.doctor import Finding


def print_finding(finding: Finding, *, details: bool = True) -> None:
    """The figure, its threshold, the meaning and the next command of a sign that shows."""
    say(f"{finding.status.value.capitalize()}: {finding.title}", style="bold")
    say(f"  {finding.words}. Shows {finding.shown_threshold}.")
    say(f"  {finding.meaning}")
    for line in finding.details if details else ():
        say(f"    {line}")
    say(f"  Next: {finding.next_step}")


def print_serious(findings: Sequence[Finding], model: Path) -> None:
    """The serious signs of a training alone, and the command that shows all."""
    measured = [one for one in findings if one.figure is not None]
    serious = [one for one in measured if one.status.value == "serious"]
    for finding in serious:
        print_finding(finding, details=False)
    say(
        f"Doctor: {count(len(serious), 'serious sign')} among {len(measured)} that were measured; "
        f"all of them: ldpf diagnose {shlex.quote(str(model))}"
    )
