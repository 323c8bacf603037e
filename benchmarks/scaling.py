"""Time and memory of training as images, classes and latent domains grow.

    python benchmarks/scaling.py                                  # 10,000 to 1,000,000 images
    python benchmarks/scaling.py --images 10000 --classes 10,100,1000,10000 --steps 10
    python benchmarks/scaling.py --images 10000 --domains 1,2,4,8,16 --steps 10

Trains `ldpf` with its default settings, or another number of steps, on generated features [N, 512]
with the text tower of the embedded model. Every line is a process of its own, so that its peak of
memory is its own. Columns: seconds to find the latent domains (erasure in closed form and
k-means); seconds of one round of the adversarial disentangler with the clustering behind it;
seconds per training step; seconds in all, of `Method.fit`; and MiB at the peak, of the whole
process with the features. The last lines are exponents b of time = a * size ** b, by least squares
on logarithms: 1 is linear, and what does not depend on the size pulls it towards 0. Where other
programs run, `--clock processor` counts the seconds of the processor instead, all threads together.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ldpf.backbones import load_backbone
from ldpf.backbones.text_tower import TextTower
from ldpf.domains import DiscoverySettings, DomainDiscovery
from ldpf.domains.disentangle.base import DISENTANGLERS
from ldpf.features.feature_set import FeatureSet
from ldpf.methods import LDPF
from ldpf.utils.resources import peak_memory_mib
from ldpf.utils.seed import generator

DIM = 512
BLOCK = 16_384
CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}
COLUMNS = ("discovery_s", "round_s", "step_s", "total_s", "peak_mib")


@dataclass(frozen=True)
class TextSide:
    """What training needs of a backbone: its text tower, with features of another size.

    Attributes:
        text: The tower.
        name: Of the backbone it comes from.
        logit_scale: 1 / T.
    """

    text: TextTower
    name: str
    logit_scale: float

    @property
    def embed_dim(self) -> int:
        """D."""
        return self.text.embed_dim

    @property
    def device(self) -> torch.device:
        """Where the tower is."""
        return self.text.device


def text_side(name: str) -> TextSide:
    """The text tower of a backbone with a random projection to `DIM` numbers."""
    backbone = load_backbone(name, "cpu")
    width = backbone.text.projection.in_features
    projection = torch.nn.Linear(width, DIM, bias=False)
    draws = generator(0, "projection")
    weight = torch.randn(DIM, width, generator=draws) / width**0.5
    projection.weight = torch.nn.Parameter(weight, requires_grad=False)
    tower = replace(backbone.text, projection=projection)
    return TextSide(tower, name, backbone.logit_scale)


def generated(n_images: int, n_classes: int, n_domains: int, seed: int = 0) -> FeatureSet:
    """Features [N, 512] of length one: a class direction, a domain direction and noise."""
    draws = generator(seed, "features")
    world = generator(0, "directions")
    classes = torch.randn(n_classes, DIM, generator=world)
    domains = torch.randn(max(n_domains, 2), DIM, generator=world)
    labels = torch.arange(n_images) % n_classes
    ids = torch.randint(len(domains), (n_images,), generator=draws)
    features = torch.empty(n_images, DIM)
    for rows in torch.arange(n_images).split(BLOCK):
        block = torch.randn(len(rows), DIM, generator=draws)
        block += classes[labels[rows]] + domains[ids[rows]]
        features[rows] = torch.nn.functional.normalize(block, dim=1)
    return FeatureSet(
        features=features,
        labels=labels,
        domains=ids,
        class_names=tuple(f"thing {k}" for k in range(n_classes)),
        domain_names=tuple(f"site {d}" for d in range(len(domains))),
        paths=tuple(f"{i}.jpg" for i in range(n_images)),
    )


def measure(
    n_images: int,
    n_classes: int,
    n_domains: int,
    steps: int | None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Seconds and MiB of one training."""
    backbone: Any = text_side("nano")
    train = generated(n_images, n_classes, n_domains)
    validation = generated(max(n_images // 5, n_classes), n_classes, n_domains, seed=1)
    settings = DiscoverySettings(n_domains=n_domains, images_per_cell=0)
    method = LDPF(discovery=settings)
    if steps is not None:
        method = replace(method, recipe=replace(method.recipe, max_steps=steps))
    started = clock()
    DomainDiscovery(train, validation, settings, 0).run()
    discovery = clock() - started
    adversarial = replace(settings, disentangle=DISENTANGLERS.make("adversarial"), rounds=2)
    rounds = DomainDiscovery(train, validation, adversarial, 0)
    started = clock()
    rounds.round()
    a_round = clock() - started
    del rounds
    started = clock()
    classifier = method.fit(train, validation, backbone)
    total = clock() - started
    n_steps = classifier.training["steps"]
    return {
        "discovery_s": discovery,
        "round_s": a_round,
        "step_s": (total - discovery) / n_steps,
        "total_s": total,
        "peak_mib": peak_memory_mib(),
    }


def exponent(sizes: list[int], values: list[float]) -> float:
    """b of value = a * size ** b, by least squares on logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def main() -> None:
    """Measure every combination in a process of its own and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", default="10000,100000,1000000")
    parser.add_argument("--classes", default="10")
    parser.add_argument("--domains", default="3")
    parser.add_argument("--steps", type=int, help="of training; default: those of the recipe")
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="wall", help="what seconds are")
    parser.add_argument("--json", action="store_true", help="one combination, here, as JSON")
    options = parser.parse_args()
    sizes = {
        name: [int(n) for n in getattr(options, name).split(",")]
        for name in ("images", "classes", "domains")
    }
    if options.json:
        one = measure(
            *(values[0] for values in sizes.values()), options.steps, CLOCKS[options.clock]
        )
        print(json.dumps(one))
        return
    lines: list[tuple[tuple[int, int, int], dict[str, float]]] = []
    print(f"{'N':>9} {'K':>6} {'S':>3}", *(f"{name:>12}" for name in COLUMNS))
    for n in sizes["images"]:
        for k in sizes["classes"]:
            for s in sizes["domains"]:
                line = _in_a_process(n, k, s, options.steps, options.clock)
                lines.append(((n, k, s), line))
                print(f"{n:>9} {k:>6} {s:>3}", *(f"{line[c]:>12.4g}" for c in COLUMNS), flush=True)
    for place, name in enumerate(sizes):
        if len(sizes[name]) > 1 and len(lines) == len(sizes[name]):
            along = [size[place] for size, _ in lines]
            fits = (f"{c} {exponent(along, [line[c] for _, line in lines]):.2f}" for c in COLUMNS)
            print(f"exponent along {name}: {', '.join(fits)}")


def _in_a_process(n: int, k: int, s: int, steps: int | None, clock: str) -> dict[str, float]:
    command = [sys.executable, str(Path(__file__)), "--json", "--clock", clock]
    command += ["--images", str(n), "--classes", str(k), "--domains", str(s)]
    command += [] if steps is None else ["--steps", str(steps)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
