"""The benchmark of image engines runs as a script and prints what it promises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def test_a_line_for_each_engine(tiny_clip_folder: Path, printed_by) -> None:
    arguments = ["--backbone", str(tiny_clip_folder), "--images=5", "--repeats=1", "--json"]
    out, _ = printed_by("image_encoder", *arguments)
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines[0]["engine"] == "torch" and lines[0]["faster"] == 1.0
    assert lines[0]["difference"] == 0.0
    for line in lines:
        smaller = min(line["forward"], line["decode"])
        assert line["share"] == pytest.approx(line["end_to_end"] / smaller, rel=0.01)
        # bfloat16 rounds to 8 bits; the others compute in float32.
        assert line["difference"] < (1e-3 if line["engine"].endswith("bf16") else 1e-6)
