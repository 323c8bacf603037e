"""What people read is written in standard terms and American spelling."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READ = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(
        file
        for part in ("src", "scripts", "benchmarks", "examples")
        for file in (ROOT / part).rglob("*.py")
    ),
]
"""Pages, and files with docstrings, comments, messages and help texts."""

NO_PROSE = {
    "CHANGELOG.md",  # names the old names
    "src/ldpf/data/split_names.py",  # names of folders that people have
    "src/ldpf/inspection/style_names.py",  # texts that are encoded: other words, other numbers
}

INSTEAD = {
    r"goes on\b": "resumes, continues",
    r"gone on from": "resumed",
    r"says of (itself|themselves)": "metadata",
    r"whatever a person has": "paths, images, pixels or features",
    r"how much say": "fusion weight",
    r"leaves? word of": "writes error.txt",
    r"are none to keep": "keep no prompts until",
    r"hangs? on (what|one|the)\b": "depends on",
    r"words of (our|their) own": "callers refuse",
    r"stands in (a|the|config)\b": "is in",
    r"\bnobody's": "no one's",
    r"\blearnt\b": "learned",
    r"\b(un|mis)?labell(ed|ing)\b": "labeled",
    r"colour": "color",
    r"\bcentred?\b": "center",
    r"licence": "license",
    r"judgement": "judgment",
    r"neighbour": "neighbor",
    r"behaviour": "behavior",
    r"favour": "favor",
    r"\w+(ognis|malis|nitialis|ralis|imis|mmaris)(e|ed|es|ing)\b": "-ize",
}
"""Wording that a native reader stumbles over, or British spelling, and what to write."""


def wordings(text: str) -> list[str]:
    """What is not to be written, with what to write, in the order of the text."""
    found = [
        (match.start(), f"{match[0]!r} (write: {better})")
        for worse, better in INSTEAD.items()
        for match in re.finditer(worse, text, re.IGNORECASE)
    ]
    return [words for _, words in sorted(found)]


def test_pages_and_sources_are_in_plain_american_english() -> None:
    bad = {
        file.relative_to(ROOT).as_posix(): found
        for file in READ
        if file.relative_to(ROOT).as_posix() not in NO_PROSE
        and (found := wordings(file.read_text(encoding="utf-8")))
    }
    assert bad == {}


@pytest.mark.parametrize(
    ("sentence", "seen"),
    [
        ("The same command goes on.", ["'goes on' (write: resumes, continues)"]),
        ("What was learnt\nfrom labelled images", ["'learnt'", "'labelled'"]),
        ("Normalised to the centre", ["'Normalised'", "'centre'"]),
        ("It resumes; the labels are centered and normalized.", []),
    ],
)
def test_other_wording_is_noticed(sentence: str, seen: list[str]) -> None:
    found = wordings(sentence)
    assert len(found) == len(seen)
    assert all(one.startswith(part) for one, part in zip(found, seen, strict=True))
