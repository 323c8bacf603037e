"""Models and images made so that one sign of `ldpf.doctor` shows, and a healthy one.

A feature is the direction of its class, plus that of its domain, plus noise, at length one. A model
has one prompt for each latent domain: the class means of that latent domain, as if text features
fitted them perfectly. So a case takes a part of a second, and everything in it is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F

from ldpf.doctor import Case
from ldpf.doctor.case import clusters
from ldpf.domains import FittedDomains
from ldpf.domains.diagnostics import measure_latent
from ldpf.domains.disentangle.leace import Leace
from ldpf.domains.disentangle.none import NoDisentangler
from ldpf.features.feature_set import FeatureSet
from ldpf.models.prompt_classifier import PromptClassifier
from ldpf.models.temperature import fit_temperature
from ldpf.text.contexts import similarity_between

DIM, CLASSES, DOMAINS = 32, ("cat", "dog", "horse", "house"), ("art", "photo", "sketch")
SCALE = 20.0


def draw(
    seed: int,
    each: int = 40,
    *,
    class_strength: float = 1.0,
    domain_strength: float = 0.6,
    noise: float = 0.2,
    n_domains: int = len(DOMAINS),
    home: float = 0.0,
    new: bool = False,
    elsewhere: float = 0.0,
    between: float = 0.0,
) -> FeatureSet:
    """Images of every class and domain.

    Args:
        seed: of the noise; directions are always the same.
        each: images of each class in each domain.
        class_strength, domain_strength: lengths of the directions.
        noise: standard deviation of each number.
        n_domains: how many domains.
        home: share of a class that moves to a domain of its own.
        new: whether all are of one domain that was not there, between the others.
        elsewhere: length of a direction that no other image has.
        between: share of the images that lie halfway between their class and another one.
    """
    world, draws = torch.Generator().manual_seed(7), torch.Generator().manual_seed(seed)
    directions = torch.linalg.qr(torch.randn(DIM, DIM, generator=world)).Q
    k, d = len(CLASSES), n_domains
    labels = torch.arange(k).repeat(d * each)
    domains = torch.arange(d).repeat_interleave(k * each)
    at_home = torch.rand(len(labels), generator=draws) < home
    domains = torch.where(at_home, labels % d, domains)
    styles = directions[k : k + d]
    style = styles.mean(dim=0).expand(len(labels), -1) if new else styles[domains]
    halfway = torch.rand(len(labels), 1, generator=draws) < between
    side = 2 * torch.randint(2, (len(labels),), generator=draws) - 1
    both = (directions[labels] + directions[(labels + side) % k]) / 2
    content = torch.where(halfway, both, directions[labels])
    features = class_strength * content + domain_strength * style
    features = features + elsewhere * directions[-1]
    features = features + noise * torch.randn(features.shape, generator=draws)
    known = not new
    return FeatureSet(
        features=F.normalize(features, dim=1),
        labels=labels,
        domains=domains if known else None,
        class_names=CLASSES,
        domain_names=DOMAINS[:d] if known else (),
        paths=tuple(f"{i:04d}.png" for i in range(len(labels))),
    )


def cell_means(images: FeatureSet, latent: FittedDomains) -> torch.Tensor:
    """Text features [S, K, D]: the means of each latent domain and class, of length one."""
    assigned = latent.assign(images.features)
    overall = images.features.mean(dim=0)
    rows = []
    for s in range(latent.n_domains):
        style = images.features[assigned == s].mean(dim=0) - overall
        for k in range(len(images.class_names)):
            of_class = images.labels == k
            own = of_class & (assigned == s)
            # A class that a latent domain lacks is the mean class in the style of the others.
            guess = images.features[of_class].mean(dim=0) + style
            rows.append(images.features[own].mean(dim=0) if own.any() else guess)
    means = torch.stack(rows).reshape(latent.n_domains, len(images.class_names), -1)
    return F.normalize(means, dim=2)


def model(
    latent: FittedDomains, text: torch.Tensor, train: FeatureSet, held_out: FeatureSet
) -> PromptClassifier:
    """A calibrated model with these prompts [S, K, D]."""
    made = PromptClassifier(
        method="ldpf",
        class_names=train.class_names,
        text_features=text,
        logit_scale=SCALE,
        latent=latent,
        training={"prompt_similarity": similarity_between(text).tolist()},
    )
    return calibrated(made, held_out)


def calibrated(made: PromptClassifier, held_out: FeatureSet) -> PromptClassifier:
    """The model with probabilities that fit how often it is right on held-out images."""
    temperature = fit_temperature(made.logits(held_out.features), held_out.labels)
    return replace(made, logit_scale=made.logit_scale / temperature)


def case(
    latent: FittedDomains | None = None,
    text: Callable[[torch.Tensor], torch.Tensor] = lambda means: means,
    photos: FeatureSet | None = None,
    *,
    seed: int,
    **settings: Any,
) -> Case:
    """A case of images drawn with `settings`, of a model whose prompts `text` makes of means."""
    train, held_out = draw(3 * seed, **settings), draw(3 * seed + 1, each=15, **settings)
    latent = clusters(train, len(DOMAINS), Leace(), seed=0) if latent is None else latent
    classifier = model(latent, text(cell_means(train, latent)), train, held_out)
    return Case(
        classifier=classifier,
        train=train,
        held_out=held_out,
        photos=draw(3 * seed + 2, each=10, new=True) if photos is None else photos,
        labeled=True,
        recorded=measure_latent(latent, train, held_out),
        control=classifier,
    )


def healthy(seed: int = 0) -> Case:
    """Nothing is wrong; the new site lies between the known ones."""
    return case(seed=seed)


def healthy_unknown(seed: int = 0) -> Case:
    """The same with domains unknown."""
    made = case(seed=seed)
    assert made.train is not None and made.held_out is not None
    return replace(made, train=_unknown(made.train), held_out=_unknown(made.held_out))


def hard_classes(seed: int = 0) -> Case:
    """Many images are between two classes, with right labels: accuracy is low, nothing is wrong."""
    settings: dict[str, Any] = {"class_strength": 1.2, "domain_strength": 0.5, "between": 0.3}
    return case(seed=seed, photos=draw(3 * seed + 2, each=20, new=True, **settings), **settings)


def correlated(seed: int = 0) -> Case:
    """Nearly every image of a class is of the domain of that class; domains are known."""
    settings: dict[str, Any] = {"class_strength": 0.6, "domain_strength": 0.9, "noise": 0.25}
    return case(
        seed=seed, home=0.92, photos=draw(3 * seed + 2, each=30, new=True, **settings), **settings
    )


def correlated_unknown(seed: int = 0) -> Case:
    """The same with domains unknown."""
    made = correlated(seed)
    assert made.train is not None and made.held_out is not None
    return replace(made, train=_unknown(made.train), held_out=_unknown(made.held_out))


def one_class(seed: int = 0) -> Case:
    """Latent domains found in features that keep the class, which is the larger part of them."""
    settings: dict[str, Any] = {"class_strength": 2.0, "domain_strength": 0.8, "noise": 0.3}
    train = draw(3 * seed, **settings)
    latent = clusters(train, len(DOMAINS), NoDisentangler(), seed=0)
    return case(
        latent, seed=seed, photos=draw(3 * seed + 2, each=10, new=True, **settings), **settings
    )


def twins(seed: int = 0) -> Case:
    """Prompts of two latent domains that are the same."""
    return case(seed=seed, text=lambda means: torch.stack([means[0], means[0], means[2]]))


def too_many(seed: int = 0) -> Case:
    """Five latent domains where there are three."""
    return case(clusters(draw(3 * seed), 5, Leace(), seed=0), seed=seed)


def outside(seed: int = 0) -> Case:
    """A new site with something that no training image has."""
    return case(seed=seed, photos=draw(3 * seed + 2, each=10, new=True, elsewhere=1.5))


def overconfident(seed: int = 0) -> Case:
    """A model that is ten times as sure as it should be, of images that are hard to tell apart."""
    made = hard_classes(seed)
    assert isinstance(made.classifier, PromptClassifier)
    sure = replace(made.classifier, logit_scale=10 * made.classifier.logit_scale)
    return replace(made, classifier=sure, control=sure)


def site_first(seed: int = 0) -> Case:
    """A backbone whose features tell the site before the class."""
    settings: dict[str, Any] = {"class_strength": 0.6, "domain_strength": 1.2}
    return case(seed=seed, photos=draw(3 * seed + 2, each=10, **settings), **settings)


def copies(seed: int = 0) -> Case:
    """A tenth of the held-out images are training images."""
    made = case(seed=seed)
    assert made.train is not None and made.held_out is not None
    some = made.train.subset(list(range(len(made.held_out) // 10)))
    names = tuple(f"copy of {path}" for path in some.paths)
    return replace(made, held_out=made.held_out.joined(replace(some, paths=names)))


def wrong_labels(seed: int = 0) -> Case:
    """One label in twenty is another class."""
    made = case(seed=seed)
    assert made.train is not None and made.held_out is not None
    return replace(
        made,
        train=_mislabeled(made.train, 2 * seed),
        held_out=_mislabeled(made.held_out, 2 * seed + 1),
    )


def wrong_fusion(seed: int = 0) -> Case:
    """One prompt knows the classes and two take them for others; each weighs a third."""

    def two_wrong(means: torch.Tensor) -> torch.Tensor:
        return torch.stack([means[0], means[1].roll(1, dims=0), means[2].roll(2, dims=0)])

    return replace(case(seed=seed, text=two_wrong), control=case(seed=seed).classifier)


def failing_cell(seed: int = 0) -> Case:
    """One class is answered wrongly in one latent domain alone."""

    def swapped(means: torch.Tensor) -> torch.Tensor:
        broken = means.clone()
        broken[0, 1] = 0.0 * means[0, 1]
        return broken

    made = case(seed=seed, text=swapped)
    assert isinstance(made.classifier, PromptClassifier)
    assert made.held_out is not None
    nearest = calibrated(made.classifier.with_fusion("nearest"), made.held_out)
    return replace(made, classifier=nearest, control=nearest, photos=None, labeled=False)


TOGETHER = {"class-by-domain", "erasure", "too-many-domains"}
"""With a domain for each class, clusters without the class are noise; and among known domains no
neighbor can share the class alone."""

CASES: dict[str, tuple[Callable[[int], Case], set[str]]] = {
    "healthy": (healthy, set()),
    "healthy, domains unknown": (healthy_unknown, set()),
    "hard classes": (hard_classes, set()),
    "class and domain go together": (correlated, {*TOGETHER, "robustness-index"}),
    "the same, domains unknown": (correlated_unknown, TOGETHER),
    "latent domains are classes": (one_class, {"one-class-domains", "discovery"}),
    "two equal prompts": (twins, {"twin-domains"}),
    "five latent domains of three": (too_many, {"too-many-domains"}),
    "new site elsewhere": (outside, {"outside"}),
    "overconfident": (overconfident, {"calibration"}),
    "site before class": (site_first, {"robustness-index"}),
    "held-out images seen": (copies, {"near-duplicates"}),
    "one label in twenty wrong": (wrong_labels, {"label-errors"}),
    "prompts weighed wrongly": (wrong_fusion, {"oracle-gap"}),
    "one class fails in one place": (failing_cell, {"worst-cells"}),
}
"""By name: the case, and the signs that should show in it."""


def _unknown(images: FeatureSet) -> FeatureSet:
    return replace(images, domains=None, domain_names=())


def _mislabeled(images: FeatureSet, seed: int, share: float = 0.05) -> FeatureSet:
    draws = torch.Generator().manual_seed(seed)
    hit = torch.rand(len(images), generator=draws) < share
    other = torch.randint(1, len(CLASSES), (len(images),), generator=draws)
    labels = torch.where(hit, (images.labels + other) % len(CLASSES), images.labels)
    return replace(images, labels=labels)
