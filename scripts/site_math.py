"""Equations of the documentation site: MkDocs calls this for every page.

The pages have TeX between `$$`, which the repository's host shows as equations. The site loads
nothing from other servers, so the equations become MathML here, which every browser can show.
"""

from __future__ import annotations

import re
from typing import Any

from latex2mathml.converter import convert

EQUATION = re.compile(r"^\$\$(.+?)\$\$$", re.MULTILINE | re.DOTALL)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page with MathML in place of TeX; wide equations scroll on small screens."""
    return EQUATION.sub(_math, markdown)


def _math(match: re.Match[str]) -> str:
    equation = convert(" ".join(match[1].split()), display="block")
    return f'<div style="overflow-x: auto">{equation}</div>'
