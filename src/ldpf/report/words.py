"""What measurements of latent domains mean, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_PERCENT_POINTS = 0.10


def discovery_words(measured: Mapping[str, Any]) -> list[str]:
    """Sentences about latent domains from `DomainDiscovery.measure()`, or a part of its entries.

    An entry that is missing or None gives no sentence.

    Args:
        measured: `probe_accuracy`, `chance`, `raw_probe_accuracy`, `explained_variance`,
            `class_nmi`, `domain_nmi`, `domain_ari`, `moved`, `sizes`.
    """
    return [
        *_class_words(measured),
        *_collapse_words(measured),
        *_cluster_words(measured),
        *_size_words(measured.get("sizes") or []),
    ]


def _class_words(measured: Mapping[str, Any]) -> list[str]:
    probe, chance = measured.get("probe_accuracy"), measured.get("chance")
    if probe is None or chance is None:
        return []
    raw = measured.get("raw_probe_accuracy")
    before = "" if raw is None else f"; before, from the image features: {raw:.0%}"
    numbers = f"a linear probe finds it for {probe:.0%} of the images, chance is {chance:.0%}"
    if chance >= 1:
        return ["All images are of one class, so there is no class to keep out of the domains."]
    if probe > chance + _PERCENT_POINTS:
        return [
            f"The class can still be read off the domain features: {numbers}{before}. Latent "
            "domains may follow classes instead of styles; look at the table of classes."
        ]
    return [f"The domain features hold next to nothing of the class: {numbers}{before}."]


def _collapse_words(measured: Mapping[str, Any]) -> list[str]:
    explained = measured.get("explained_variance")
    if explained is None:
        return []
    # With one latent domain nothing is trained, and there is nothing to collapse.
    if len(measured.get("sizes") or [0, 0]) == 1:
        return []
    if explained < 0.05:
        return [
            f"The domain features explain {max(explained, 0):.0%} of how held-out images of one "
            "class differ: they have collapsed, or there are too few images to tell. These latent "
            "domains may mean nothing."
        ]
    return [
        f"They have not collapsed: they explain {explained:.0%} of how held-out images of one "
        "class differ."
    ]


def _cluster_words(measured: Mapping[str, Any]) -> list[str]:
    words = []
    if (value := measured.get("class_nmi")) is not None:
        verdict = "independent of classes" if value < 0.1 else "partly along classes"
        words.append(
            f"Latent domains are {verdict}: mutual information with classes (NMI) {value:.2f}, "
            "where 0 is independent and 1 the same."
        )
    if (value := measured.get("domain_nmi")) is not None:
        rand = measured.get("domain_ari")
        second = "" if rand is None else f", adjusted Rand index {rand:.2f}"
        words.append(
            f"Agreement with the known domains, which were not used: NMI {value:.2f}{second} "
            "(0 none, 1 the same)."
        )
    moved = measured.get("moved")
    if moved is not None and moved > 0.05 and len(measured.get("sizes") or [0, 0]) > 1:
        words.append(
            f"They had not settled: {moved:.0%} of the images changed latent domain in the last "
            "round."
        )
    return words


def _size_words(sizes: Sequence[int]) -> list[str]:
    total = sum(sizes)
    return [
        f"Latent domain {s} is very small: {size:,} of {total:,} images. Fewer latent domains may "
        "do better (--n-domains)."
        for s, size in enumerate(sizes)
        if len(sizes) > 1 and size < 0.02 * total
    ]


def similarity_words(similarity: Sequence[Sequence[float]]) -> list[str]:
    """Sentences about how alike the prompts of latent domains are: [S, S] mean cosines."""
    pairs = [
        (value, s, r) for s, row in enumerate(similarity) for r, value in enumerate(row) if r > s
    ]
    if not pairs:
        return []
    mean = sum(value for value, _, _ in pairs) / len(pairs)
    words = [f"Prompts of different latent domains are alike to {mean:.2f} (1.00: the same)."]
    words += [
        f"The prompts of latent domains {s} and {r} say nearly the same ({value:.3f}); fewer "
        "latent domains may do."
        for value, s, r in pairs
        if value > 0.99
    ]
    return words
