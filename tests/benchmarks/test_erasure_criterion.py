"""The benchmark of erasure criteria runs as a script and judges every criterion."""

from __future__ import annotations


def test_every_criterion_has_a_row(printed_by) -> None:
    out, _ = printed_by("erasure_criterion", "--kinds", "5")
    assert "drawn: 25 sets" in out
    rows = [line.split("|")[1:] for line in out.splitlines() if line.startswith("|")][2:]
    assert len(rows) == 5
    assert rows[-1][0].strip() == "`disentangle=auto`"
    # What it is for: erasing stays where it helps.
    assert rows[-1][4].strip() == "100%"
