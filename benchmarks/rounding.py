"""How far rounding alone moves the accuracy at a domain left out.

    python benchmarks/rounding.py --data demo --backbone nano --methods coop,ldpf --targets sketch
    python benchmarks/rounding.py --data pacs --backbone FOLDER --recipe fast --preset paper

Every training repeats with the same seed on features that differ by a relative 1e-6, which is what
another processor's rounding makes of them. The standard deviation of the target's accuracy says how
much of a difference between two results means nothing.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import replace

import torch

from ldpf.backbones import Backbone, load_backbone
from ldpf.data import load_dataset
from ldpf.data.splits import make_split
from ldpf.features.extract import extract_features
from ldpf.features.feature_set import FeatureSet
from ldpf.methods import Method, make_method
from ldpf.methods.presets import get_preset
from ldpf.training.recipe import get_recipe
from ldpf.utils.seed import generator

RELATIVE = 1e-6


def perturbed(features: FeatureSet, repetition: int) -> FeatureSet:
    """The features, off by a relative 1e-6 (standard deviation); repetition 0 is exact."""
    if repetition == 0:
        return features
    x = features.features
    noise = torch.randn(x.shape, generator=generator(repetition, "rounding"))
    return replace(features, features=x * (1 + RELATIVE * noise))


def accuracies(
    features: FeatureSet, target: str, method: Method, backbone: Backbone, repeats: int
) -> list[float]:
    """Accuracy at the target, in percent, of every repetition."""
    assert features.domains is not None
    out = features.domains == features.domain_names.index(target)
    sources, test = features.subset(~out), features.subset(out)
    assert sources.domains is not None
    split = make_split(None, sources.labels.numpy(), sources.domains.numpy(), seed=0)
    at_target = []
    for repetition in range(repeats):
        data = perturbed(sources, repetition)
        learn, validation = data.subset(split.train), data.subset(split.validation)
        classifier = method.fit(learn, validation, backbone, seed=0)
        at_target.append(100 * classifier.accuracy(test.features, test.labels))
    return at_target


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="demo")
    parser.add_argument("--backbone", default="nano")
    parser.add_argument("--methods", default="coop,ldpf")
    parser.add_argument("--targets", help="every domain by default")
    parser.add_argument("--recipe", help="the preset's by default")
    parser.add_argument("--preset", default="default")
    parser.add_argument("--steps", type=int, help="instead of the recipe's")
    parser.add_argument("--repeats", type=int, default=10)
    options = parser.parse_args()
    backbone = load_backbone(options.backbone, "cpu")
    features = extract_features(load_dataset(options.data), backbone)
    preset = get_preset(options.preset)
    recipe = get_recipe(options.recipe or preset.recipe)
    if options.steps is not None:
        recipe = replace(recipe, max_steps=options.steps)
    print("| method | target | accuracy | lowest | highest | standard deviation |")
    print("|---|---|---:|---:|---:|---:|")
    for name in options.methods.split(","):
        method = make_method(name, recipe, preset=preset)
        for target in options.targets.split(",") if options.targets else features.domain_names:
            results = accuracies(features, target, method, backbone, options.repeats)
            spread = statistics.stdev(results) if len(results) > 1 else 0.0
            print(
                f"| {name} | {target} | {statistics.mean(results):.1f} | {min(results):.1f} "
                f"| {max(results):.1f} | {spread:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
