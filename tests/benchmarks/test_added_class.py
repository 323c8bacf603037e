"""The benchmark of added classes runs as a script and prints its means."""

from __future__ import annotations

import re
from pathlib import Path


def test_a_line_for_each_class_and_the_means(images, tiny_clip_folder: Path, printed_by):
    arguments = ["--data", images, "--backbone", tiny_clip_folder, "--targets", "art"]
    out, _ = printed_by("added_class", *arguments, "--method", "zero-shot")
    lines = out.splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == ["art, cat", "art, dog", "art, house"]
    means = dict(re.findall(r"^([\w-]+) +([\d.]+% / [\d.]+%)$", out, re.MULTILINE))
    # Without training, adding a class is the same as having had it.
    assert means["added"] == means["trained"]
