"""What several sections say in the same words."""

from __future__ import annotations

from ldpf.inspection.style_names import FAINT
from ldpf.report.blocks import Text
from ldpf.report.findings import Findings, Training


def no_latent(found: Findings) -> Text | None:
    """Why there are no images in latent domains to show, or None where there are."""
    if any(one.latent is not None for one in found.trainings):
        return None
    return Text(found.no_latent, "note")


def domain_label(training: Training | None, s: int) -> str:
    """A latent domain by its number and, where a word stands out, what it may be."""
    words = training.words[s] if training is not None and training.words else []
    if not words or words[0][1] < FAINT:
        return f"latent {s}"
    return f"latent {s}, {words[0][0]}?"


def first_seed(found: Findings) -> str:
    """A sentence where the pictures show one of several seeds."""
    return f" Seed {found.seeds[0]} of {len(found.seeds)}." if len(found.seeds) > 1 else ""


def percent(value: float) -> str:
    """A share as a percentage with one decimal."""
    return f"{100 * value:.1f}"
