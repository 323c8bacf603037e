"""The preset of Soft Prompt Generation and DPSPG."""

from __future__ import annotations

from ldpf.experiments.protocol_presets.base import PROTOCOL_PRESETS, ProtocolPreset


@PROTOCOL_PRESETS.register("spg")
def spg() -> ProtocolPreset:
    """Soft Prompt Generation, DPSPG: one 70/30 list for all seeds, whole target, 20 epochs."""
    from ldpf.training.recipe import PAPER

    return ProtocolPreset(
        protocol="spg",
        selection="training-domain-validation",
        recipe=PAPER,
        source="Bai et al., Soft Prompt Generation, ECCV 2024, arXiv 2404.19286, and its code",
    )
