"""Selection rules: what checkpoints and settings are chosen by, one file each.

A number for domain generalization means little without the rule by which its model was selected
(Gulrajani & Lopez-Paz, arXiv 2007.01434, section 3).
"""

from ldpf.experiments.selection.base import (
    DEFAULT_SELECTION,
    SELECTION_RULES,
    SelectionRule,
    get_selection,
    uses_target,
)

__all__ = [
    "DEFAULT_SELECTION",
    "SELECTION_RULES",
    "SelectionRule",
    "get_selection",
    "uses_target",
]
