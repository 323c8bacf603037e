"""Extreme numbers as settings and options."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from fuzz.base import Attack, Fell
from fuzz.commands import run
from fuzz.folders import check_row
from fuzz.world import BACKBONE, SHORT

EXTREME = (
    *("0", "-1", "1", "2", "0.5", "1e-7", "1e-38", "1e-45", "1e-300", "1e30", "1e300", "1e400"),
    *("nan", "inf", "-inf", "-0.0", "x", "null", "true", "[]", "1,2", "0x10", "1_000", "١"),
)
SETTINGS = (
    *("tau", "weight", "agnostic_length", "specific_length", "turn", "sample_weights", "shares"),
    *("discovery.n_domains", "discovery.rounds", "discovery.images_per_cell"),
    *("recipe.learning_rate", "recipe.image_batch", "recipe.patience", "recipe.cooldown"),
    *("recipe.warmup_rate", "recipe.round_every", "recipe.evaluate_every", "recipe.average"),
    *("recipe.sharpness", "recipe.keep", "fusion", "head", "discovery.disentangle"),
)
TRAINING = ("--tau", "--n-domains", "--train-fraction", "--seed", "--batch-size")
ANSWERING = ("--top-k", "--sets", "--abstain-below", "--batch-size")
FUSIONS = ("similarity", "entropy", "gaussian", "von-mises-fisher", "trust", "nearest", "uniform")


class Numbers(Attack):
    """A setting is refused, or the model made with it gives probabilities that can be."""

    name = "numbers"
    title = "extreme settings and options"
    count = 500
    limit_s = 60.0
    limit_mb = 1_000.0

    def attempt(self, seed: int, place: Path) -> str:
        """Train with an extreme setting, or answer with an extreme option."""
        draws = np.random.default_rng([5, seed])
        value = EXTREME[int(draws.integers(len(EXTREME)))]
        model = self.world.models["ldpf"]
        options: list[str] = []
        if draws.random() < 0.7:
            model = place / "model"
            words = self._training(value, draws)
            base = ("--out", model, "--backbone", BACKBONE, "--no-advice", "--quiet")
            if run("train", self.world.images, *base, *SHORT, *words).code == 2:
                return "refused"
        else:
            option = ANSWERING[int(draws.integers(len(ANSWERING)))]
            options = [f"{option}={value}"]
        whole = [] if any("--top-k" in option for option in options) else ["--top-k", "3"]
        words = ["--format", "jsonl", *whole, *options]
        ran = run("predict", model, self.world.features, *words)
        if ran.code == 2:
            if not options:
                raise Fell(f"a model that was trained cannot be used: {ran.err[-500:]}")
            return "refused"
        rows = [json.loads(line) for line in ran.out.splitlines()]
        if len(rows) != 32:
            raise Fell(f"{len(rows)} rows of 32 images")
        for row in rows:
            if whole and "--abstain-below" not in " ".join(options):
                check_row(row)
        if not options and ran.code == 1:
            raise Fell(f"{words}: a model was trained whose probabilities are not finite")
        return "answered"

    def _training(self, value: str, draws: np.random.Generator) -> list[str]:
        if draws.random() < 0.3:
            return [f"{TRAINING[int(draws.integers(len(TRAINING)))]}={value}"]
        name = SETTINGS[int(draws.integers(len(SETTINGS)))]
        words = ["--set", f"{name}={value}"]
        if name == "tau":
            words += ["--set", f"fusion={FUSIONS[int(draws.integers(len(FUSIONS)))]}"]
        return words
