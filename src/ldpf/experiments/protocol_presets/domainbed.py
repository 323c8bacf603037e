"""The preset of DomainBed."""

from __future__ import annotations

from ldpf.experiments.protocol_presets.base import PROTOCOL_PRESETS, ProtocolPreset, by_steps

STEPS = 5000
BATCH = 96
CHECKPOINT_EVERY = 300


@PROTOCOL_PRESETS.register("domainbed")
def domainbed() -> ProtocolPreset:
    """DomainBed: an 80/20 split for each seed, 80% of the target, 5,000 steps.

    DomainBed takes 32 images of each training domain in a step, which are 96 of three, and looks at
    validation every 300 steps. On DomainNet it takes 15,000 (`--set recipe.max_steps=15000`). Its
    optimizer is for whole networks; that of prompts is the recipe `paper`'s.
    """
    return ProtocolPreset(
        protocol="domainbed",
        selection="training-domain-validation",
        recipe=by_steps("domainbed", batch=BATCH, steps=STEPS, look_every=CHECKPOINT_EVERY),
        source="Gulrajani and Lopez-Paz, arXiv 2007.01434, and domainbed/scripts/train.py",
    )
