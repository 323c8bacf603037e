"""Which measurement tells that erasing the class would erase the latent domains.

    python benchmarks/erasure_criterion.py
    python benchmarks/erasure_criterion.py --data pacs --backbone FOLDER

Class and domain are made to go together in features that are drawn (class and domain effects of
different strengths and noise, three to forty classes) and, with --data, in those of images. Each
set is clustered with the class erased (leace) and as it is. What decides whether erasing helps is
mutual information of clusters and true domains within classes, I(cluster; domain | class) relative
to H(domain | class): what clusters tell of the domain beyond the class. (Plain mutual information
calls clusters that are classes a success where classes come from domains of their own.) Sets in
which erasing changes it by less than 0.05 either way are left out.

The thresholds of single criteria are set on the first draw, by the largest mean of the two shares
of right answers; those of `disentangle=auto` are its defaults. Every criterion uses class labels
only.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.metrics import mutual_info_score, roc_auc_score

from ldpf.backbones import load_backbone
from ldpf.data import load_dataset
from ldpf.domains.clustering.spherical import SphericalKMeans
from ldpf.domains.diagnostics import linear_probe_accuracy
from ldpf.domains.disentangle.auto import Auto
from ldpf.domains.disentangle.leace import Leace
from ldpf.domains.disentangle.none import NoDisentangler
from ldpf.domains.disentangle.overlap import Overlap, measure_overlap
from ldpf.features.extract import extract_features
from ldpf.features.feature_set import FeatureSet
from ldpf.studies.correlation import correlated
from ldpf.utils.seed import generator

CORRELATIONS = (0.0, 0.25, 0.5, 0.75, 0.9)
NEUTRAL = 0.05
CLUSTERER = SphericalKMeans(restarts=4)


@dataclass(frozen=True)
class Case:
    """One training set, and what erasing does to the latent domains found in it.

    Attributes:
        name: of the set.
        correlation: of class and domain.
        erased, plain: I(cluster; domain | class) / H(domain | class), with and without erasing.
        overlap: see `measure_overlap`.
        probe_loss: how much worse a linear probe tells the plain clusters apart after erasing.
    """

    name: str
    correlation: float
    erased: float
    plain: float
    overlap: Overlap
    probe_loss: float


CRITERIA: dict[str, Callable[[Case], float]] = {
    "difference of the clusters within classes": lambda case: case.overlap.within,
    "mutual information of class and clusters": lambda case: case.overlap.class_nmi,
    "loss of a probe for the clusters": lambda case: case.probe_loss,
    "share of the clusters' difference removed": lambda case: case.overlap.removed,
}


def drawn(draw: int, n_classes: int, domain: float, spread: float, n_domains: int) -> FeatureSet:
    """4,000 features of 64 dimensions with class effects of about length 5.

    Args:
        draw: number of the draw.
        n_classes: K.
        domain: strength of the domain effect relative to that of the class.
        spread: how unequal the noise is in different directions; 0 is the same in all.
        n_domains: one more than training sets have, since one is left out.
    """
    draws = generator(draw, "erasure criterion")
    size, count = 64, 4000
    of_class = 0.6 * torch.randn(n_classes, size, generator=draws)
    of_domain = 0.6 * domain * torch.randn(n_domains, size, generator=draws)
    of_both = 0.15 * torch.randn(n_classes, n_domains, size, generator=draws)
    labels = torch.randint(n_classes, (count,), generator=draws)
    domains = torch.randint(n_domains, (count,), generator=draws)
    scale = torch.arange(1, size + 1) ** -spread
    turn = torch.linalg.qr(torch.randn(size, size, generator=draws))[0]
    noise = (
        torch.randn(count, size, generator=draws) * scale / scale.square().mean().sqrt()
    ) @ turn
    x = of_class[labels] + of_domain[domains] + of_both[labels, domains] + noise
    x = torch.nn.functional.normalize(x + 3 * torch.randn(size, generator=draws), dim=1)
    return FeatureSet(
        features=x,
        labels=labels,
        domains=domains,
        class_names=tuple(f"class {k}" for k in range(n_classes)),
        domain_names=tuple(f"domain {s}" for s in range(n_domains)),
        paths=tuple(map(str, range(count))),
    )


def cases_of(data: FeatureSet, name: str, targets: Sequence[str]) -> Iterator[Case]:
    """Training sets of growing correlation, each of `targets` left out in turn."""
    for target in targets:
        for correlation in CORRELATIONS:
            mixed = correlated(data, target, correlation, highest=max(CORRELATIONS))
            assert mixed.domains is not None
            yield case(
                mixed.subset(mixed.domains != mixed.domain_names.index(target)),
                f"{name} without {target}",
                correlation,
            )


def case(train: FeatureSet, name: str, correlation: float) -> Case:
    """What erasing does to the latent domains of one training set."""
    assert train.domains is not None
    x, labels, n_classes = train.features, train.labels, len(train.class_names)
    n_domains = len(train.domains.unique())
    erased = Leace().fit(x, labels, n_classes)(x)
    plain = NoDisentangler().fit(x, labels, n_classes)(x)
    with_erasing = CLUSTERER.fit(erased, n_domains, 0).assignments
    without = CLUSTERER.fit(plain, n_domains, 0).assignments
    before, after = (linear_probe_accuracy(z, without, z, without) for z in (plain, erased))
    return Case(
        name,
        correlation,
        within_classes(with_erasing, train.domains, labels),
        within_classes(without, train.domains, labels),
        measure_overlap(x, labels, n_classes, CLUSTERER, n_domains),
        before - after,
    )


def within_classes(clusters: torch.Tensor, domains: torch.Tensor, labels: torch.Tensor) -> float:
    """I(cluster; domain | class) / H(domain | class) of labelings [N], from 0 to 1."""
    shared = total = 0.0
    for k in labels.unique():
        own = labels == k
        shared += float(own.sum()) * float(mutual_info_score(clusters[own], domains[own]))
        total += float(own.sum()) * float(mutual_info_score(domains[own], domains[own]))
    return shared / max(total, 1e-12)


def hurts(cases: Sequence[Case]) -> np.ndarray:
    """Whether erasing makes latent domains worse, [N] bool."""
    return np.array([one.erased < one.plain for one in cases])


def best_threshold(values: np.ndarray, wanted: np.ndarray) -> float:
    """The threshold for values [N] with the largest mean of both shares of right answers."""
    ordered = np.unique(values)
    middles = (ordered[1:] + ordered[:-1]) / 2

    def balanced(threshold: float) -> float:
        above = values >= threshold
        return above[wanted].mean() + (~above)[~wanted].mean()

    return float(max(middles, key=balanced))


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="images to check the thresholds on")
    parser.add_argument("--backbone", default="nano")
    parser.add_argument("--kinds", type=int, help="of drawn features; all by default")
    options = parser.parse_args()
    everything: dict[str, list[Case]] = {"drawn": [], "drawn again": []}
    kinds = [
        (n_classes, domain, spread, n_domains)
        for n_classes in (3, 7, 40)
        for domain in (0.5, 1.0, 2.0)
        for spread in (0.0, 0.4)
        for n_domains in (3, 4)
    ]
    for draw, kind in enumerate(everything):
        for number, settings in enumerate(kinds[: options.kinds]):
            data = drawn(draw * len(kinds) + number, *settings)
            everything[kind] += cases_of(data, f"{kind} {number}", data.domain_names[-1:])
    if options.data is not None:
        features = extract_features(
            load_dataset(options.data), load_backbone(options.backbone, "cpu")
        )
        everything["images"] = list(cases_of(features, "images", features.domain_names))
        print(
            "| images | correlation | erased | plain | class NMI | removed | within | auto erases |"
        )
        print("|---|---:|---:|---:|---:|---:|---:|---|")
        for one in everything["images"]:
            print(
                f"| {one.name} | {one.correlation:g} | {one.erased:.2f} | {one.plain:.2f} "
                f"| {one.overlap.class_nmi:.2f} | {one.overlap.removed:.2f} "
                f"| {one.overlap.within:.2f} "
                f"| {'no' if Auto().go_together(one.overlap) else 'yes'} |"
            )
        print()
    print_criteria(everything)


def print_criteria(everything: dict[str, list[Case]]) -> None:
    """How well each criterion tells where erasing hurts."""
    clear = {
        kind: [one for one in cases if abs(one.erased - one.plain) > NEUTRAL]
        for kind, cases in everything.items()
    }
    for kind, cases in clear.items():
        wanted = hurts(cases)
        print(
            f"{kind}: {len(everything[kind])} sets; erasing hurts in {wanted.sum()}, helps in "
            f"{(~wanted).sum()}"
        )
    heading = "| criterion | threshold |"
    for kind in clear:
        heading += f" AUC, {kind} | told where it hurts | told where it helps |"
    print(f"\n{heading}\n|---|---:|{'---:|' * 3 * len(clear)}")
    learn = clear["drawn"]
    for name, criterion in CRITERIA.items():
        values = np.array([criterion(one) for one in learn])
        threshold = best_threshold(values, hurts(learn))
        row = f"| {name} | {threshold:.2f} |"
        for cases in clear.values():
            values = np.array([criterion(one) for one in cases])
            row += _right(values >= threshold, hurts(cases), values)
        print(row)
    row = "| `disentangle=auto` | |"
    for cases in clear.values():
        row += _right(
            np.array([Auto().go_together(one.overlap) for one in cases]), hurts(cases), None
        )
    print(row)


def _right(off: np.ndarray, wanted: np.ndarray, values: np.ndarray | None) -> str:
    both = wanted.any() and not wanted.all()
    area = f"{roc_auc_score(wanted, values):.2f}" if both and values is not None else ""
    told = [
        f"{100 * part.mean():.0f}%" if len(part) else "" for part in (off[wanted], (~off)[~wanted])
    ]
    return f" {area} | {told[0]} | {told[1]} |"


if __name__ == "__main__":
    main()
