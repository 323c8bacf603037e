"""Sentences around a class name for zero-shot classification."""

SINGLE_TEMPLATE = "a photo of a {}."
"""The one template of the zero-shot baseline."""

ENSEMBLE_TEMPLATES = (
    "a photo of a {}.",
    "a photo of the {}.",
    "a picture of a {}.",
    "a close view of a {}.",
    "a blurry photo of a {}.",
    "a dark photo of a {}.",
    "a painting of a {}.",
    "a drawing of a {}.",
    "a sketch of a {}.",
    "a cartoon {}.",
    "an illustration of a {}.",
    "a {}.",
)
"""Templates over several styles, whose text features are averaged (zero-shot-ensemble)."""
