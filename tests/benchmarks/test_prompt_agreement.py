"""The benchmark of prompts that answer alike runs as a script."""

from __future__ import annotations

import re
from pathlib import Path


def test_a_row_for_each_method_with_every_pair(images: Path, tiny_clip_folder: Path, printed_by):
    arguments = ["--data", images, "--backbone", tiny_clip_folder, "--targets", "art"]
    out, _ = printed_by("prompt_agreement", *arguments, "--recipe", "fast")
    rows = [line.strip("| ").split(" | ") for line in out.splitlines()[2:]]
    assert [row[:3] for row in rows] == [["art", "0", "ldpf"], ["art", "0", "ldpf-random"]]
    for row in rows:
        shares = [int(cell) for cell in re.findall(r"(\d+)%", row[3])]
        # So few images may fill two latent domains only.
        assert len(shares) in (1, 3) and all(0 <= share <= 100 for share in shares)
