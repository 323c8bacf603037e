"""Training images as images of a site nobody has seen: their own latent domain's prompt left out.

A prompt of another latent domain has not been trained on an image, so leaving out an image's own
prompt gives a fold of leave-one-latent-domain-out (LOLDO) for free, with all prompts frozen.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from ldpf.fusion.base import FusionExamples, FusionRule
from ldpf.fusion.fuse import chunks, mixed


def own_prompt(domains: torch.Tensor, n_domains: int) -> torch.Tensor:
    """A mask [N, S] of each image's own latent domain; nothing is own where there is only one."""
    if n_domains == 1:
        return torch.zeros(len(domains), 1, dtype=torch.bool)
    return F.one_hot(domains, n_domains).bool()


def without_own(weights: torch.Tensor, domains: torch.Tensor) -> torch.Tensor:
    """Weights [N, S] or [N, S, K] with those of own prompts 0 and the others summing to one.

    Where all weight was on the own prompt the others get equal weights. A single latent domain
    keeps its weight.
    """
    n_domains = weights.shape[1]
    own = own_prompt(domains, n_domains)
    own = own if weights.dim() == 2 else own[:, :, None]
    others = weights.masked_fill(own, 0.0)
    total = others.sum(dim=1, keepdim=True)
    equal = (~own).to(weights.dtype) / max(n_domains - 1, 1)
    tiny = torch.finfo(weights.dtype).tiny
    return torch.where(total > tiny, others / total.clamp_min(tiny), equal)


def answers_for_labels(examples: FusionExamples) -> torch.Tensor:
    """log p_s(y|x) of each image's label under each prompt alone, [N, S] float64."""
    parts = []
    for images in chunks(examples.inputs):
        part = examples.select(images)
        answers = part.inputs.prompt_logits.double().log_softmax(dim=2)
        labels = part.labels[:, None, None].expand(-1, answers.shape[1], 1)
        parts.append(answers.gather(2, labels)[:, :, 0])
    return torch.cat(parts)


def episode_logits(rule: FusionRule, examples: FusionExamples) -> torch.Tensor:
    """Class logits [N, K] of images by a fitted rule, own prompts left out."""
    parts = []
    for images in chunks(examples.inputs):
        part = examples.select(images)
        weights = without_own(rule.weights(part.inputs), part.domains)
        parts.append(mixed(rule, part.inputs, weights))
    return torch.cat(parts)


def judged_logits(
    rule: FusionRule, train: FusionExamples, validation: FusionExamples, *, seed: int = 0
) -> torch.Tensor:
    """The same [N, K] by LOLDO: what judges an image was not fitted to its latent domain either.

    A rule that learns is fitted once per latent domain, to the images of all others; one that
    learns nothing is the same in every fold. With the images of one latent domain only there is no
    fold, and the rule is judged on the images that it was fitted to.
    """
    if not rule.needs_fit:
        return episode_logits(rule, train)
    present = train.domains.unique().tolist()
    if len(present) == 1:
        return episode_logits(rule.fit(train, validation, seed=seed), train)
    result = torch.empty(len(train.labels), train.inputs.text_features.shape[1])
    for domain in present:
        left_out = train.domains == domain
        judged = train.select(left_out)
        others = without_groups_of(train.select(~left_out), judged)
        held_out = without_groups_of(validation.select(validation.domains != domain), judged)
        if not len(others.labels):
            others = train  # every image belongs together with one that is judged
        fitted = rule.fit(others, held_out if len(held_out.labels) else others, seed=seed)
        result[left_out] = episode_logits(fitted, judged)
    return result


def without_groups_of(examples: FusionExamples, judged: FusionExamples) -> FusionExamples:
    """The examples of which no image is in one group, such as a burst, with one that is judged."""
    if examples.groups is None or judged.groups is None:
        return examples
    together = torch.isin(examples.groups, judged.groups) & (examples.groups >= 0)
    return examples.select(~together)


def balanced_mean(values: torch.Tensor, domains: torch.Tensor) -> tuple[float, float]:
    """Mean over latent domains of their means of values [N], and its standard error.

    The error is that of drawing other images of the same latent domains.
    """
    groups = [values[domains == domain] for domain in domains.unique()]
    means = [float(group.mean()) for group in groups]
    variances = [float(group.var()) / len(group) if len(group) > 1 else 0.0 for group in groups]
    return sum(means) / len(groups), math.sqrt(sum(variances)) / len(groups)


def balanced_shares(domains: torch.Tensor) -> torch.Tensor:
    """Shares [N] float64 of images in a mean over latent domains; they sum to one."""
    _, group, sizes = domains.unique(return_inverse=True, return_counts=True)
    return 1.0 / (len(sizes) * sizes[group].double())
