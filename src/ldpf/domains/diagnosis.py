"""What measurements of latent domains mean, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ldpf.utils.ways import named

NOTED = ("erased", "overlap_class_nmi", "overlap_removed", "style_explained", "style_followed")
"""What disentanglers note while they work, and no later measurement can tell."""

_PERCENT_POINTS = 0.10
_FAR = 0.05  # quantile of the training images' cosines below which an image counts as far
_LARGE_GAP = 0.10

ALIKE = 0.99
"""Prompts whose text features have a larger mean cosine say nearly the same."""


@dataclass(frozen=True)
class Judgment:
    """A sentence about a measurement, and whether it speaks for the latent domains."""

    text: str
    good: bool


def discovery_words(measured: Mapping[str, Any]) -> list[str]:
    """The sentences of `judge_discovery` alone."""
    return [one.text for one in judge_discovery(measured)]


def judge_discovery(measured: Mapping[str, Any]) -> list[Judgment]:
    """Sentences about latent domains from `DomainDiscovery.measure()`, or a part of its entries.

    An entry that is missing or None gives no sentence.

    Args:
        measured: `probe_accuracy`, `chance`, `raw_probe_accuracy`, `explained_variance`,
            `class_nmi`, `domain_nmi`, `domain_ari`, `moved`, `sizes`, `erased`,
            `overlap_class_nmi`, `overlap_removed`, `style_followed`.
    """
    return [
        *_erasure_words(measured),
        *_style_words(measured),
        *_class_words(measured),
        *_collapse_words(measured),
        *_cluster_words(measured),
        *_size_words(measured.get("sizes") or []),
    ]


def _erasure_words(measured: Mapping[str, Any]) -> list[Judgment]:
    shared, removed = measured.get("overlap_class_nmi"), measured.get("overlap_removed")
    if measured.get("erased") is not False or shared is None or removed is None:
        return []
    text = (
        "Class and latent domain go together in these images (mutual information (NMI) "
        f"{shared:.2f}): erasing the class would remove {removed:.0%} of what tells domains apart, "
        "so it was not erased. Look at the table of classes by latent domain; images of each "
        "class from several sites would help."
    )
    return [Judgment(text, False)]


def _style_words(measured: Mapping[str, Any]) -> list[Judgment]:
    followed = measured.get("style_followed")
    if followed is None:
        return []
    text = (
        "Latent domains are clusters of style statistics; for new images only image features are "
        f"there, and these alone put {followed:.0%} of the training images into their own."
    )
    return [Judgment(text, followed >= 0.8)]


def _class_words(measured: Mapping[str, Any]) -> list[Judgment]:
    probe, chance = measured.get("probe_accuracy"), measured.get("chance")
    if probe is None or chance is None:
        return []
    raw = measured.get("raw_probe_accuracy")
    before = "" if raw is None else f"; before, from the image features: {raw:.0%}"
    numbers = f"a linear probe finds it for {probe:.0%} of the images, chance is {chance:.0%}"
    if chance >= 1:
        text = "All images are of one class, so there is no class to keep out of the domains."
        return [Judgment(text, True)]
    if probe > chance + _PERCENT_POINTS:
        text = (
            f"The class can still be read off the domain features: {numbers}{before}. Latent "
            "domains may follow classes instead of styles; look at the table of classes."
        )
        return [Judgment(text, False)]
    text = f"The domain features hold next to nothing of the class: {numbers}{before}."
    return [Judgment(text, True)]


def _collapse_words(measured: Mapping[str, Any]) -> list[Judgment]:
    explained = measured.get("explained_variance")
    if explained is None:
        return []
    # With one latent domain nothing is trained, and there is nothing to collapse.
    if len(measured.get("sizes") or [0, 0]) == 1:
        return []
    if explained < 0.05:
        text = (
            f"The domain features explain {max(explained, 0):.0%} of how held-out images of one "
            "class differ: they have collapsed, or there are too few images to tell. These latent "
            "domains may mean nothing."
        )
        return [Judgment(text, False)]
    text = (
        f"They have not collapsed: they explain {explained:.0%} of how held-out images of one "
        "class differ."
    )
    return [Judgment(text, True)]


def _cluster_words(measured: Mapping[str, Any]) -> list[Judgment]:
    words = []
    if (value := measured.get("class_nmi")) is not None:
        apart = value < 0.1
        verdict = "independent of classes" if apart else "partly along classes"
        text = (
            f"Latent domains are {verdict}: mutual information with classes (NMI) {value:.2f}, "
            "where 0 is independent and 1 the same."
        )
        words.append(Judgment(text, apart))
    if (value := measured.get("domain_nmi")) is not None:
        rand = measured.get("domain_ari")
        second = "" if rand is None else f", adjusted Rand index {rand:.2f}"
        text = (
            f"Agreement with the known domains, which were not used: NMI {value:.2f}{second} "
            "(0 none, 1 the same)."
        )
        # Other domains than the known ones may serve as well: no agreement is no fault.
        words.append(Judgment(text, True))
    moved = measured.get("moved")
    if moved is not None and moved > 0.05 and len(measured.get("sizes") or [0, 0]) > 1:
        text = (
            f"They had not settled: {moved:.0%} of the images changed latent domain in the last "
            "round."
        )
        words.append(Judgment(text, False))
    return words


def _size_words(sizes: Sequence[int]) -> list[Judgment]:
    total = sum(sizes)
    return [
        Judgment(
            f"Latent domain {s} is very small: {size:,} of {total:,} images. Fewer latent domains "
            f"may do better ({named('n_domains')}).",
            False,
        )
        for s, size in enumerate(sizes)
        if len(sizes) > 1 and size < 0.02 * total
    ]


def judge_distance(
    target: str, cosines: Sequence[float], training_cosines: Sequence[float]
) -> Judgment | None:
    """Whether a target's images lie where the training images do, as far as z can tell.

    An image is far from every latent domain if its largest cosine to a centroid is below that of
    all but a twentieth of the training images.

    Args:
        target: its name.
        cosines: of the target's images.
        training_cosines: of those trained on.
    """
    if not len(cosines) or not len(training_cosines):
        return None
    ordered = sorted(training_cosines)
    border = ordered[int(_FAR * len(ordered))]
    far = sum(cosine < border for cosine in cosines) / len(cosines)
    numbers = (
        f"{far:.0%} of them lie farther from every latent domain than all but {_FAR:.0%} of "
        "the training images"
    )
    if far > 0.5:
        text = (
            f"Images of {target} are unlike everything trained on: {numbers}. Weights by "
            "similarity mean little there; compare with equal weights (ldpf-uniform)."
        )
        return Judgment(text, False)
    text = f"Images of {target} are within reach of the latent domains: {numbers}."
    return Judgment(text, True)


def judge_gap(target: str, accuracy: float, bound: float) -> Judgment:
    """Whether the fusion makes of the prompts what is in them: accuracy against U_sel."""
    numbers = f"{accuracy:.1%} right, and {bound:.1%} if the best prompt were always chosen"
    if bound - accuracy > _LARGE_GAP:
        text = (
            f"On {target} the prompts know more than the fusion makes of them: {numbers}. Another "
            "way to weigh them may do better."
        )
        return Judgment(text, False)
    return Judgment(f"On {target} the fusion comes near what the prompts know: {numbers}.", True)


def judge_similarity(similarity: Sequence[Sequence[float]]) -> list[Judgment]:
    """Sentences about how alike the prompts of latent domains are: [S, S] mean cosines."""
    words = similarity_words(similarity)
    return [Judgment(text, place == 0) for place, text in enumerate(words)]


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
        if value > ALIKE
    ]
    return words
