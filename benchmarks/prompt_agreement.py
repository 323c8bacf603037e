"""How alike do two prompts answer, where their latent domains are real or random?

    python benchmarks/prompt_agreement.py --data pacs --backbone FOLDER --targets sketch

The share of equal answers, on those held-out images of the training domains that one of the two
answers wrongly; no image of the target is looked at. Prompts of a random split (`ldpf-random`)
differ by chance only: latent domains whose prompts agree as often are one, and `n_domains=auto`
merges them (`alike`).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import combinations
from typing import cast

from ldpf.backbones import load_backbone
from ldpf.data import load_dataset
from ldpf.experiments.protocols import get_protocol
from ldpf.features.extract import extract_features
from ldpf.methods import make_method
from ldpf.methods.alike import agreement
from ldpf.models.prompt_classifier import PromptClassifier
from ldpf.training.recipe import get_recipe


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row for each target, seed and method."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="demo")
    parser.add_argument("--backbone", default="nano")
    parser.add_argument("--targets", help="every domain by default")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--n-domains", type=int, default=3)
    parser.add_argument("--methods", default="ldpf,ldpf-random")
    parser.add_argument("--recipe", default="steady")
    options = parser.parse_args(arguments)
    backbone = load_backbone(options.backbone, "cpu")
    data = extract_features(load_dataset(options.data), backbone, progress=False)
    targets = options.targets.split(",") if options.targets else data.domain_names
    print("| without | seed | method | agreement of every two prompts |")
    print("|---|---:|---|---|")
    for target in targets:
        for seed in range(options.seeds):
            episode = get_protocol().episode(data, target, seed)
            for name in options.methods.split(","):
                method = make_method(name, get_recipe(options.recipe), options.n_domains)
                fitted = method.fit(episode.train, episode.validation, backbone, seed=seed)
                held_out = episode.validation if len(episode.validation) else episode.train
                shares = agreement(cast(PromptClassifier, fitted), held_out)
                pairs = combinations(range(len(shares)), 2)
                cells = ", ".join(f"{float(shares[a, b]):.0%}" for a, b in pairs)
                print(f"| {target} | {seed} | {name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
