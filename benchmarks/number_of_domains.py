"""What `n_domains=auto` chooses, and what every fixed number gives at a domain left out.

    python benchmarks/number_of_domains.py --data pacs --backbone FOLDER

The method is `gda-balanced`, the balanced discriminant in closed form, so that every number is
measured in seconds. Accuracy of prompts may prefer another number.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import replace

from ldpf.backbones import Backbone, load_backbone
from ldpf.data import load_dataset
from ldpf.domains import DomainDiscovery
from ldpf.experiments.protocols import get_protocol
from ldpf.features.extract import extract_features
from ldpf.features.feature_set import FeatureSet
from ldpf.methods.balanced import BalancedHead, gda_balanced

MOST = 8


def accuracy(
    method: BalancedHead,
    backbone: Backbone,
    n_domains: int | str,
    data: FeatureSet,
    target: str,
    seed: int,
) -> tuple[float, int]:
    """Accuracy at the target in percent, and the number of latent domains that it had."""
    episode = get_protocol().episode(data, target, seed)
    settings = replace(method.discovery, n_domains=n_domains)
    number = DomainDiscovery(episode.train, episode.validation, settings, seed).n_domains
    fixed = replace(method, discovery=replace(settings, n_domains=number))
    classifier = fixed.fit(episode.train, episode.validation, backbone, seed=seed)
    return 100 * classifier.accuracy(episode.test.features, episode.test.labels), number


def main() -> None:
    """Print a row for each target, and the mean."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="demo")
    parser.add_argument("--backbone", default="nano")
    parser.add_argument("--targets", help="every domain by default")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    backbone = load_backbone(options.backbone, "cpu")
    features = extract_features(load_dataset(options.data), backbone, progress=False)
    targets = options.targets.split(",") if options.targets else features.domain_names
    method = gda_balanced()
    numbers = " | ".join(str(number) for number in range(1, MOST + 1))
    print(f"| target | {numbers} | auto | chosen | less the best fixed number |")
    print(f"|---|{'---:|' * (MOST + 3)}")
    for target in targets:
        seeds = range(options.seeds)
        fixed = [
            statistics.mean(
                accuracy(method, backbone, number, features, target, seed)[0] for seed in seeds
            )
            for number in range(1, MOST + 1)
        ]
        runs = [accuracy(method, backbone, "auto", features, target, seed) for seed in seeds]
        auto = statistics.mean(run[0] for run in runs)
        cells = " | ".join(f"{value:.1f}" for value in fixed)
        chosen = ", ".join(str(run[1]) for run in runs)
        print(
            f"| {target} | {cells} | {auto:.1f} | {chosen} | {auto - max(fixed):+.1f} |", flush=True
        )


if __name__ == "__main__":
    main()
