"""What are prompts worth for a class that they were not trained with?

    python benchmarks/added_class.py --data pacs --backbone FOLDER --targets art_painting,sketch

Each case leaves out one domain as the target and one class. The method is trained on the other
classes of the other domains, the class is added by its name (as by `ldpf classes --add`), and all
images of the target are answered. Beside it: the ready-made model, and training with the class.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import mean

import torch
from torch import Tensor

from ldpf.backbones import Backbone, load_backbone
from ldpf.data import load_dataset
from ldpf.features.extract import extract_features
from ldpf.features.feature_set import FeatureSet
from ldpf.methods import make_method
from ldpf.models.base import Classifier
from ldpf.text.templates import ENSEMBLE_TEMPLATES
from ldpf.text.zero_shot import zero_shot_features

HELD_OUT = 0.2
"""Share of the source images that the training chooses by."""


@dataclass(frozen=True)
class Case:
    """Right answers in the target, of the class left out and of all images.

    Attributes:
        target, left_out: names of the domain and of the class.
        shares: (images of the class, all images) for `zero-shot`, `added` and `trained`.
    """

    target: str
    left_out: str
    shares: dict[str, tuple[float, float]]


def fitted(method: str, images: FeatureSet, backbone: Backbone, seed: int) -> Classifier:
    """The method trained on a random part of the images."""
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    cut = round(len(images) * (1 - HELD_OUT))
    train, held_out = images.subset(order[:cut]), images.subset(order[cut:])
    return make_method(method).fit(train, held_out, backbone, seed=seed)


def cases(
    data: FeatureSet, backbone: Backbone, method: str, targets: Sequence[str], seed: int = 0
) -> Iterator[Case]:
    """One case for each target and class."""
    assert data.domains is not None
    names = data.class_names
    zero_shot = zero_shot_features(names, ENSEMBLE_TEMPLATES, backbone)
    for target in targets:
        inside = data.domains == data.domain_names.index(target)
        test, sources = data.subset(inside), data.subset(~inside)
        answers = {
            "zero-shot": (test.features @ zero_shot.T).argmax(dim=1),
            "trained": _answers(fitted(method, sources, backbone, seed), test),
        }
        for index, name in enumerate(names):
            others = sources.subset(sources.labels != index)
            others = others.with_classes_of([other for other in names if other != name])
            added = fitted(method, others, backbone, seed).for_classes(names, backbone)
            answers["added"] = _answers(added, test)
            shares = {who: _shares(said, test.labels, index) for who, said in answers.items()}
            yield Case(target, name, shares)


def _answers(classifier: Classifier, test: FeatureSet) -> Tensor:
    return classifier.logits(test.features).argmax(dim=1)


def _shares(answers: Tensor, labels: Tensor, index: int) -> tuple[float, float]:
    right = (answers == labels).double()
    return float(right[labels == index].mean()), float(right.mean())


def main() -> None:
    """Print a line for each case, and the means."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", default="demo")
    parser.add_argument("--backbone", default="nano")
    parser.add_argument("--method", default="ldpf")
    parser.add_argument("--targets", help="domains, with commas; default all")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    backbone = load_backbone(options.backbone)
    data = extract_features(load_dataset(options.data), backbone)
    targets = options.targets.split(",") if options.targets else list(data.domain_names)
    found = []
    for case in cases(data, backbone, options.method, targets, options.seed):
        found.append(case)
        words = (f"{who} {own:.1%} / {all_:.1%}" for who, (own, all_) in case.shares.items())
        print(f"{case.target}, {case.left_out}: {', '.join(words)}", flush=True)
    print("means (images of the class / all images):")
    for who in ("zero-shot", "added", "trained"):
        own, every = (mean(case.shares[who][i] for case in found) for i in (0, 1))
        print(f"{who:10} {own:.1%} / {every:.1%}")


if __name__ == "__main__":
    main()
