"""What each prompt of a model with latent domains says about images on its own."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ldpf.models.prompt_classifier import PromptClassifier

_CHUNK = 4096


@dataclass(frozen=True)
class PromptAnswers:
    """What each of S prompts alone says about N images.

    Attributes:
        weights: [N, S] fusion weights, how much say each has.
        votes: [N, S] the class it answers.
        sure: [N, S] its probability of that class.
        cosines: [N] largest cosine of the image's z to a centroid.
    """

    weights: torch.Tensor
    votes: torch.Tensor
    sure: torch.Tensor
    cosines: torch.Tensor


def prompt_answers(classifier: PromptClassifier, features: torch.Tensor) -> PromptAnswers:
    """What each prompt of a classifier with latent domains says about features [N, D]."""
    assert classifier.latent is not None
    votes, sure = [], []
    for rows in features.split(_CHUNK):
        best = torch.softmax(classifier.prompt_logits(rows), dim=2).max(dim=2)  # [n, S]
        votes.append(best.indices)
        sure.append(best.values)
    return PromptAnswers(
        classifier.domain_weights(features),
        torch.cat(votes),
        torch.cat(sure),
        classifier.latent.similarities(features).max(dim=1).values,
    )
