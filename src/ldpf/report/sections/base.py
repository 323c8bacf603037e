"""Sections of a report by name: one file each, which registers itself. Imports nothing heavy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ldpf.utils.registry import Registry

if TYPE_CHECKING:
    from ldpf.report.blocks import Block

USUAL_ORDER = 500
"""Place of a section that names none."""

SECTIONS: Registry[list[Block]] = Registry(
    "report section", "ldpf.report.sections", variable="SECTIONS"
)
"""Functions from `Findings` to the blocks of a section; its name is the place to jump to.

    @SECTIONS.register("calibration", title="Calibration", order=80)
    def calibration_section(found: Findings) -> list[Block]: ...

- `title`: of the section; left out, it is the name.
- `order`: sections come by growing order, from 0; "How to reproduce" has 1000.
- `needs_latent`: whether it is left out where the method has no latent domains.
"""


def ordered_sections() -> list[str]:
    """The names of all sections in the order in which they come."""
    return sorted(SECTIONS, key=lambda name: SECTIONS.facts(name).get("order", USUAL_ORDER))


def section_title(name: str) -> str:
    """The title of a section."""
    return SECTIONS.facts(name).get("title", name.replace("-", " ").capitalize())
