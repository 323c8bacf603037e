"""The benchmark of shared passes runs as a script and prints what it promises."""

from __future__ import annotations

import json
from pathlib import Path


def test_a_line_for_each_number_of_prompts(tiny_clip_folder: Path, printed_by) -> None:
    arguments = ["--backbone", str(tiny_clip_folder), "--classes=3", "--repeats=1", "--json"]
    out, _ = printed_by("shared_passes", *arguments)
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["prompts"] for line in lines] == [1, 3, 6, 12, 24, 48]
    assert lines[0]["coop_ratio"] == 1.0
    assert lines[0]["ldpf_ratio"] is None
    assert all(line["milliseconds"] > 0 for line in lines)
