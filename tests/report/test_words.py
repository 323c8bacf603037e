"""All that a report says of a benchmark made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ldpf.report.sections.base import SECTIONS, ordered_sections, section_title


@pytest.mark.slow
def test_all_that_is_said_in_one_view(make_findings, golden):
    full, bare = make_findings(), make_findings()
    bare = replace(bare, runs={}, table=None, trainings=(), targets=(), seeds=())
    sentences = []
    for found in (full, bare):
        for name in ordered_sections():
            blocks = SECTIONS.get(name)(found)
            words = [
                getattr(block, field)
                for block in blocks
                for field in ("text", "caption", "alt")
                if getattr(block, field, "")
            ]
            sentences += [f"# {section_title(name)}", *words]
    golden(sentences, numbers=False)
