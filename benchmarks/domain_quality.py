"""How well and how stably latent domains are found: each disentangler with each geometry.

    python benchmarks/domain_quality.py --data demo --backbone nano
    python benchmarks/domain_quality.py --data pacs --backbone FOLDER --accuracy

Every domain is left out in turn, and latent domains, as many as there are training domains, are
discovered with several seeds. NMI is the normalized mutual information with the true domains and
with the class. Stability is the adjusted Rand index of the latent domains of two seeds on the same
images, over all pairs. `agree` is the share of training images whose latent domain is also the one
of the largest fusion weight. With `--accuracy`, LDPF is trained on each (minutes for each row).
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass, replace
from itertools import combinations

import torch

from ldpf.backbones import Backbone, load_backbone
from ldpf.data import load_dataset
from ldpf.domains import CLUSTERERS, DISENTANGLERS, DiscoverySettings, DomainDiscovery
from ldpf.domains.diagnostics import ari, nmi
from ldpf.experiments.protocols import get_protocol
from ldpf.features.extract import extract_features
from ldpf.features.feature_set import FeatureSet
from ldpf.methods.ldpf import LDPF

PAPER = ("adversarial", "kmeans")
KINDS = [
    PAPER,
    *(
        (disentangle, clusterer)
        for disentangle in ("leace", "class-centered", "none")
        for clusterer in ("kmeans", "spherical-kmeans")
    ),
]
"""Disentangler and clusterer; the paper's first."""


@dataclass(frozen=True)
class Quality:
    """Means over targets and seeds; see the top of this file."""

    domain_nmi: float
    class_nmi: float
    stability: float
    agree: float
    accuracy: float | None


def measure(
    data: FeatureSet,
    targets: tuple[str, ...],
    settings: DiscoverySettings,
    seeds: int,
    backbone: Backbone | None = None,
    steps: int | None = None,
) -> Quality:
    """Quality of the latent domains found with `settings`.

    Args:
        data: features with known domains.
        targets: domains left out in turn.
        settings: how latent domains are found; their number is that of the training domains.
        seeds: number of discoveries for each target; all on the same training images.
        backbone: that made the features, to train LDPF on them (with the first seed only).
        steps: of the training, instead of the recipe's.
    """
    domain, of_class, stable, agree, accuracy = [], [], [], [], []
    for target in targets:
        episode = get_protocol().episode(data, target, 0)
        train = episode.train
        assert train.domains is not None
        fixed = replace(settings, n_domains=len(train.domains.unique()))
        found: list[torch.Tensor] = []
        for seed in range(seeds):
            discovery = DomainDiscovery(train, episode.validation, fixed, seed)
            latent = discovery.run()
            found.append(discovery.assignments)
            domain.append(nmi(found[-1], train.domains))
            of_class.append(nmi(found[-1], train.labels))
            largest = latent.similarities(train.features).argmax(dim=1)
            agree.append(float((largest == found[-1]).double().mean()))
        stable += [ari(first, second) for first, second in combinations(found, 2)]
        if backbone is not None:
            method = LDPF(discovery=fixed)
            if steps is not None:
                method = replace(method, recipe=replace(method.recipe, max_steps=steps))
            classifier = method.fit(train, episode.validation, backbone, seed=0)
            test = episode.test
            accuracy.append(classifier.accuracy(test.features, test.labels))
    return Quality(
        statistics.mean(domain),
        statistics.mean(of_class),
        statistics.mean(stable) if stable else 1.0,
        statistics.mean(agree),
        statistics.mean(accuracy) if accuracy else None,
    )


def main() -> None:
    """Print a row for each disentangler and clusterer."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="demo")
    parser.add_argument("--backbone", default="nano")
    parser.add_argument("--targets", help="every domain by default")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--style", action="store_true", help="also cluster style statistics")
    parser.add_argument("--accuracy", action="store_true", help="also train LDPF, once a target")
    parser.add_argument("--steps", type=int, help="of that training, instead of the recipe's")
    options = parser.parse_args()
    backbone = load_backbone(options.backbone, "cpu")
    data = extract_features(
        load_dataset(options.data), backbone, progress=False, style=options.style
    )
    targets = tuple(options.targets.split(",")) if options.targets else data.domain_names
    print(
        "| features | disentangle | clusterer | NMI, true domains | NMI, class | stability | agree "
        "| LDPF |"
    )
    print("|---|---|---|---:|---:|---:|---:|---:|")
    kinds = [("image", *kind) for kind in KINDS]
    if options.style:
        kinds += [("style", *kind) for kind in KINDS if kind != PAPER]
    for features, disentangle, clusterer in kinds:
        settings = DiscoverySettings(
            features=features,
            disentangle=DISENTANGLERS.make(disentangle),
            clusterer=CLUSTERERS.make(clusterer),
        )
        quality = measure(
            data,
            targets,
            settings,
            options.seeds,
            backbone if options.accuracy else None,
            options.steps,
        )
        accuracy = "" if quality.accuracy is None else f"{100 * quality.accuracy:.1f}"
        print(
            f"| {features} | {disentangle} | {clusterer} | {quality.domain_nmi:.2f} "
            f"| {quality.class_nmi:.2f} | {quality.stability:.2f} | {100 * quality.agree:.0f}% "
            f"| {accuracy} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
