"""How to get the same results again."""

from __future__ import annotations

from ldpf.report.blocks import Block, Code, Table, Text
from ldpf.report.findings import Findings
from ldpf.report.sections.base import SECTIONS

RUNS_SHOWN = 40


@SECTIONS.register("reproduce", title="How to reproduce", order=1000)
def reproduce_section(found: Findings) -> list[Block]:
    """The commands, versions and run folders."""
    blocks: list[Block] = [
        Text(
            "The same commands with the same images, seeds and versions give the same numbers on "
            "the same kind of machine; another processor or number of threads rounds differently."
        ),
        Code(found.commands),
        Table("Versions", ("library", "version"), tuple(found.versions.items()), wordy=True),
    ]
    if found.run_names:
        shown = found.run_names[:RUNS_SHOWN]
        caption = f"Runs of {found.main}, {len(shown)} of {len(found.run_names)}: the folder below "
        caption += "'runs' and the hash of everything the result depends on"
        blocks.append(Table(caption, ("run", "settings"), shown, wordy=True))
    return blocks
