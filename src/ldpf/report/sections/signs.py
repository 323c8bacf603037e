"""What the signs of `ldpf.doctor` say of the model."""

from __future__ import annotations

from ldpf.report.blocks import Best, Block, Table, Text
from ldpf.report.findings import Findings
from ldpf.report.sections.base import SECTIONS


@SECTIONS.register("signs", title="What the doctor says", order=105)
def signs_section(found: Findings) -> list[Block]:
    """Every sign with its figure, threshold and meaning, and the command to type next."""
    if not found.signs:
        return [
            Text(
                "No sign was measured. 'ldpf diagnose MODEL' measures them for a model, and so "
                "does its report with labeled images.",
                "note",
            )
        ]
    shown = [sign for sign in found.signs if sign.shows]
    rows = [
        (
            Best(sign.title) if sign.shows else sign.title,
            f"! {sign.status.value}" if sign.shows else sign.status.value,
            sign.shown_threshold,
            sign.words,
            sign.meaning,
            sign.next_step,
        )
        for sign in found.signs
    ]
    headings = ("sign", "verdict", "shows", "what was measured", "what it means", "next")
    verdict = (
        Text(f"Warning: {len(shown)} of {len(found.signs)} signs show.", "warning")
        if shown
        else Text("Good: no sign that was measured shows.", "good")
    )
    return [verdict, Table("Signs that something is wrong", headings, rows, wordy=True)]
