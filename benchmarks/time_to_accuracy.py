#!/usr/bin/env python
"""Time and text passes to the same validation accuracy: CoOp's own way against the recipe `fast`.

    python benchmarks/time_to_accuracy.py --data photos --backbone openai/clip-vit-base-patch16
    python benchmarks/time_to_accuracy.py --data demo --backbone nano --epochs 2 --json

Both train CoOp's one prompt on the same cached image features, the same split and the same machine,
one after the other in one process:

- `coop`: as the released code does it. Sentences of all positions of the text tower (77 for CLIP),
  SGD at 2e-3 with momentum and a cosine, batches of 32, the text encoded for every batch.
- `fast`: the shared-prefix encoder, Adam, steps on up to 8,192 images.

The accuracy to reach is the best that `coop` reaches on validation within --epochs. `seconds` and
`text_passes` of each are those until it is first reached, looked at every 20 steps of `coop` and
every 5 of `fast`; `time_ratio` and `pass_ratio` are those of `coop` over those of `fast`, None
where `fast` never reaches it. One line for each seed, which draws split, start and batches.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import dataclass, replace

import torch

from ldpf.backbones import Backbone
from ldpf.experiments.protocols import DEFAULT_PROTOCOL, get_protocol
from ldpf.features.feature_set import FeatureSet
from ldpf.methods.coop import CoOp
from ldpf.text import PromptedTextEncoder
from ldpf.training.callbacks import RunRecord
from ldpf.training.loop import PromptTraining
from ldpf.training.recipe import FAST, PAPER, Recipe
from ldpf.utils.seed import generator
from ldpf.workflows.inputs import list_images


@dataclass(frozen=True)
class Look:
    """One look at validation: seconds and text passes until then, and the accuracy."""

    seconds: float
    text_passes: int
    accuracy: float


class TimedTraining(PromptTraining):
    """A training that notes every look at validation."""

    looks: list[Look]
    began: float

    def run(self) -> dict:
        """See `PromptTraining.run`."""
        self.looks, self.began = [], time.perf_counter()
        return super().run()

    def _judge(self, text_features: torch.Tensor, *, last: bool = False) -> None:
        super()._judge(text_features, last=last)
        seconds = time.perf_counter() - self.began
        self.looks.append(Look(seconds, self.record.text_passes, self.last_accuracy))


def looks_of(
    recipe: Recipe,
    path: str,
    train: FeatureSet,
    validation: FeatureSet,
    backbone: Backbone,
    seed: int,
) -> list[Look]:
    """Train CoOp's prompt by a recipe, with the text encoder's way `path`."""
    method = CoOp(recipe=recipe)
    encoder = PromptedTextEncoder(backbone.text, train.class_names, path=path)
    learner = method._learner(train, validation, backbone, seed)
    training = TimedTraining(learner, encoder, recipe, generator(seed, "batches"), RunRecord())
    training.run()
    return training.looks


def first_at(looks: list[Look], accuracy: float) -> Look | None:
    """The first look with at least this accuracy."""
    return next((look for look in looks if look.accuracy >= accuracy), None)


def compare(data: FeatureSet, target: str, backbone: Backbone, seed: int, epochs: int) -> dict:
    """One line: what each way took to the accuracy that `coop` reaches."""
    episode = get_protocol(DEFAULT_PROTOCOL).episode(data, target, seed, 0.8)
    sets = (episode.train, episode.validation)
    own = replace(PAPER, max_epochs=epochs, evaluate_every=20)
    coop = looks_of(own, "reference", *sets, backbone, seed)
    fast = looks_of(FAST, "auto", *sets, backbone, seed)
    accuracy = max(look.accuracy for look in coop)
    slow, quick = first_at(coop, accuracy), first_at(fast, accuracy)
    assert slow is not None, "the best of the looks is one of them"
    line = {
        "target": target,
        "seed": seed,
        "train_images": len(episode.train),
        "epochs": epochs,
        "accuracy": accuracy,
        "start_accuracy": coop[0].accuracy,
        "fast_best_accuracy": max(look.accuracy for look in fast),
        "coop_seconds": slow.seconds,
        "coop_text_passes": slow.text_passes,
        "fast_seconds": None,
        "fast_text_passes": None,
        "time_ratio": None,
        "pass_ratio": None,
        "threads": torch.get_num_threads(),
    }
    if quick is not None:
        line |= {
            "fast_seconds": quick.seconds,
            "fast_text_passes": quick.text_passes,
            "time_ratio": slow.seconds / quick.seconds,
            "pass_ratio": slow.text_passes / quick.text_passes,
        }
    return line


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", default="demo", help="as for ldpf train; domains must be known")
    add("--backbone", default="nano", help="name or folder")
    add("--device", default="auto")
    add("--target", help="domain left out; the first one by default")
    add("--seeds", type=int, default=3)
    add("--epochs", type=int, default=20, help="of CoOp's own way")
    add("--json", action="store_true", help="one JSON object for each seed")
    options = parser.parse_args()
    images = list_images(options.data)
    backbone = images.open_backbone(options.backbone, options.device)
    data = images.encode(backbone).features
    target = options.target or data.domain_names[0]
    lines = []
    for seed in range(options.seeds):
        line = compare(data, target, backbone, seed, options.epochs)
        lines.append(line)
        line = {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in line.items()}
        shown = json.dumps(line) if options.json else "  ".join(f"{k} {v}" for k, v in line.items())
        print(shown, flush=True)
    if options.json:
        return
    for ratio in ("time_ratio", "pass_ratio"):
        known = [line[ratio] for line in lines if line[ratio] is not None]
        middle = f"{statistics.median(known):.1f}" if known else "never reached"
        print(f"{ratio}: median {middle} over {len(known)} of {len(lines)} seeds")


if __name__ == "__main__":
    main()
