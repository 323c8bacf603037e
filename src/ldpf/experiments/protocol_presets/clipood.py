"""The preset of CLIPood."""

from __future__ import annotations

from ldpf.experiments.protocol_presets.base import PROTOCOL_PRESETS, ProtocolPreset, by_steps

EPOCHS = 20
STEPS_PER_EPOCH = 500
BATCH = 108


@PROTOCOL_PRESETS.register("clipood")
def clipood() -> ProtocolPreset:
    """CLIPood, GuiDG: one 80/20 split for all seeds, 20% of the target, 20 x 500 steps.

    CLIPood takes 36 images of each training domain in a step, which are 108 of three, looks at
    validation after each of 20 epochs of 500 steps, and lowers the learning rate on a cosine. Its
    optimizer is for whole networks; that of prompts is the recipe `paper`'s.
    """
    return ProtocolPreset(
        protocol="clipood",
        selection="training-domain-validation",
        recipe=by_steps(
            "clipood",
            batch=BATCH,
            steps=EPOCHS * STEPS_PER_EPOCH,
            look_every=STEPS_PER_EPOCH,
        ),
        source="Shu et al., CLIPood, ICML 2023, arXiv 2302.00864, and its main.py",
    )
