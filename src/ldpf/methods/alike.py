"""Latent domains whose prompts predict alike are one: they are merged once the prompts are trained.

Before training, `n_domains="auto"` leaves out numbers whose latent domains have heads that answer
alike. Heads only stand for prompts, so the prompts themselves are asked at the end.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from ldpf.domains.diagnostics import measure_latent
from ldpf.domains.fitted import FittedDomains
from ldpf.text.contexts import similarity_between

if TYPE_CHECKING:
    from ldpf.features.feature_set import FeatureSet
    from ldpf.models.prompt_classifier import PromptClassifier

log = logging.getLogger("ldpf")

PART = 2048
"""Images that are answered at once."""


def agreement(classifier: PromptClassifier, images: FeatureSet) -> torch.Tensor:
    """How alike two prompts answer, [S, S]: the share of equal answers where they are in doubt.

    Counted are the images that one of the two answers wrongly; 1 where there are none. What both
    answer rightly says nothing of the prompts: with a strong backbone that is nearly everything.
    """
    # In parts: answers under every prompt take N x S x K numbers.
    parts = [classifier.prompt_logits(part).argmax(dim=2) for part in images.features.split(PART)]
    answers = torch.cat(parts)  # [N, S]
    wrong = answers != images.labels.to(answers.device)[:, None]
    n_prompts = answers.shape[1]
    found = torch.ones(n_prompts, n_prompts, dtype=torch.float64)
    for a, b in combinations(range(n_prompts), 2):
        doubtful = wrong[:, a] | wrong[:, b]
        if doubtful.any():
            same = answers[doubtful, a] == answers[doubtful, b]
            found[a, b] = found[b, a] = same.double().mean()
    return found


def alike_groups(shares: torch.Tensor, least: float) -> list[list[int]]:
    """Groups in which every two prompts agree on a share of `least` or more (complete linkage).

    The two groups that agree most are joined first, until none agree enough.

    Args:
        shares: symmetric, [S, S].
        least: from 0 to 1.

    Returns:
        Groups of ids in ascending order, ordered by their first id.
    """
    groups = [[s] for s in range(len(shares))]
    while len(groups) > 1:
        pairs = [(a, b) for a in range(len(groups)) for b in range(a + 1, len(groups))]
        worst = [float(shares[groups[a]][:, groups[b]].min()) for a, b in pairs]
        best = max(range(len(pairs)), key=worst.__getitem__)
        if worst[best] < least:
            break
        a, b = pairs[best]
        groups[a] = sorted(groups[a] + groups.pop(b))
    return sorted(groups)


def merged(
    classifier: PromptClassifier, train: FeatureSet, held_out: FeatureSet, least: float
) -> PromptClassifier:
    """The classifier with one prompt for latent domains whose prompts predict alike.

    The prompt of the domain with the most training images stands for the group: the others say
    nearly the same, and a mean of tokens would be a prompt that nobody has trained. The centroid is
    the mean of the group's, by training images.

    Args:
        classifier: with a prompt for each latent domain; its rule must not have been fitted.
        train: images it was trained on.
        held_out: other images, that the prompts are compared on.
        least: how alike two prompts must answer, see `agreement`.

    Returns:
        The classifier itself where nothing is merged. Else one whose `training` has `merged`, the
        former ids of each latent domain, and measurements of the latent domains that it has.
    """
    latent, contexts = classifier.latent, classifier.contexts
    if latent is None or contexts is None or classifier.n_domains < 2:
        return classifier
    groups = alike_groups(agreement(classifier, held_out), least)
    if len(groups) == classifier.n_domains:
        return classifier
    sizes = torch.bincount(latent.assign(train.features), minlength=classifier.n_domains)
    kept = [max(group, key=lambda s: int(sizes[s])) for group in groups]
    fewer = FittedDomains(
        latent.extractor,
        torch.stack([_center(latent, group, sizes) for group in groups]),
        spherical=latent.spherical,
    )
    log.info(
        "%d latent domains instead of %d: prompts are merged that give the same answer to %.0f%% "
        "or more of the held-out images that one of them answers wrongly",
        len(groups),
        classifier.n_domains,
        100 * least,
    )
    text_features = classifier.text_features[kept]
    report = _report(classifier.training, groups, text_features)
    report["domains"] = {**report["domains"], **measure_latent(fewer, train, held_out)}
    return replace(
        classifier,
        text_features=text_features,
        contexts=contexts[kept],
        latent=fewer,
        training=report,
    )


def _center(latent: FittedDomains, group: Sequence[int], sizes: torch.Tensor) -> torch.Tensor:
    """The centroid [Z] of all images of a group."""
    share = sizes[group].to(latent.centroids) / sizes[group].sum().clamp_min(1)
    center = share @ latent.centroids[group]
    return F.normalize(center, dim=0) if latent.spherical else center


def _report(
    training: Mapping[str, Any], groups: Sequence[Sequence[int]], text_features: torch.Tensor
) -> dict[str, Any]:
    """Metadata of a training, with tables that have a row for each group."""
    by_class = torch.tensor(training["class_by_domain"])
    return {
        **training,
        "class_by_domain": [by_class[group].sum(dim=0).tolist() for group in groups],
        "prompt_similarity": similarity_between(text_features).tolist(),
        "merged": [list(group) for group in groups],
    }
