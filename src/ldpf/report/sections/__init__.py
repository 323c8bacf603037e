"""The sections of a report, one file each: from `Findings` to blocks, never to HTML."""

from __future__ import annotations

from ldpf.report.sections.base import SECTIONS

__all__ = ["SECTIONS"]
