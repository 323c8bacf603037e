"""The preset of CLIPood."""

from __future__ import annotations

from dataclasses import replace

from ldpf.experiments.protocol_presets.base import PROTOCOL_PRESETS, ProtocolPreset

EPOCHS = 20
STEPS_PER_EPOCH = 500
BATCH = 108


@PROTOCOL_PRESETS.register("clipood")
def clipood() -> ProtocolPreset:
    """CLIPood, GuiDG: 80/20 once for all seeds, the other 20% of the target, 20 x 500 steps.

    CLIPood takes 36 images of each training domain in a step, which are 108 of three, looks at
    validation after each of 20 epochs of 500 steps, and lowers the learning rate on a cosine. Its
    optimizer is for whole networks; that of prompts is the recipe `paper`'s.
    """
    from ldpf.training.recipe import PAPER

    return ProtocolPreset(
        protocol="clipood",
        selection="training-domain-validation",
        recipe=replace(
            PAPER,
            name="clipood",
            image_batch=BATCH,
            max_epochs=None,
            max_steps=EPOCHS * STEPS_PER_EPOCH,
            warmup_epochs=0,
            evaluate_every=STEPS_PER_EPOCH,
        ),
        source="Shu et al., CLIPood, ICML 2023, arXiv 2302.00864, and its main.py",
    )
