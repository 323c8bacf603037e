"""`--estimate`: what a job will take is printed, and the job is not done."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ldpf.cli.console import say, say_json
from ldpf.cli.grouping import RUN_PANEL

if TYPE_CHECKING:
    from ldpf.workflows.estimates import Estimate

EstimateOption = Annotated[
    bool,
    typer.Option(
        "--estimate",
        help="Only print the time, memory and disk space that this needs on this machine, "
        "estimated by trying a few images and steps now. Nothing is stored.",
        rich_help_panel=RUN_PANEL,
    ),
]


def print_estimate(
    estimated: Callable[..., Estimate], *given: Any, as_json: bool = False, **options: Any
) -> None:
    """Print an estimate as lines, or as one JSON document.

    Args:
        estimated: of `ldpf.workflows`; what it needs is imported when this is called.
        given, options: its arguments.
        as_json: one document.
    """
    import psutil

    from ldpf.cli import streams

    age = time.time() - psutil.Process().create_time()
    start = age if streams.one_command else 0.0  # others do more than this one command
    estimate = estimated(*given, **options).with_start(max(start, 0.0))
    if as_json:
        say_json(estimate.to_json())
        return
    say(f"ldpf {estimate.job} would take, on this machine as busy as it is now:", style="bold")
    rows = estimate.rows()
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        say(f"  {name:<{width}}  {value}")
    for note in estimate.notes:
        say(note)
    say("Nothing was done; without --estimate it is.")
