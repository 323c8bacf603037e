"""A recipe of a few steps, for tests of what surrounds training."""

from __future__ import annotations

from ldpf.training.recipe import Recipe

QUICK = Recipe(
    name="quick",
    optimizer="adam",
    learning_rate=0.03,
    image_batch=8192,
    max_steps=30,
    patience=30,
    cooldown=5,
    round_every=5,
    evaluate_every=5,
)
