"""What each prompt of a model with latent domains answers by itself."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ldpf.models.base import Classifier

_CHUNK = 4096


@dataclass(frozen=True)
class PromptAnswers:
    """What each of S prompts alone answers to N images.

    Attributes:
        weights: [N, S] float32, fusion weight of each latent domain; rows sum to one.
        votes: [N, S] int64, the class that each prompt answers.
        confidence: [N, S] float32, its probability of that class.
        cosines: [N] float32, largest cosine of the image's z to a centroid.
    """

    weights: torch.Tensor
    votes: torch.Tensor
    confidence: torch.Tensor
    cosines: torch.Tensor


def prompt_answers(classifier: Classifier, features: torch.Tensor) -> PromptAnswers:
    """What each prompt of a classifier answers to image features [N, D].

    Args:
        classifier: one with latent domains.
        features: [N, D] of length one, on the CPU.
    """
    assert classifier.latent is not None
    votes, confidence = [], []
    for rows in features.split(_CHUNK):
        best = torch.softmax(classifier.prompt_logits(rows), dim=2).max(dim=2)  # [n, S]
        votes.append(best.indices)
        confidence.append(best.values)
    return PromptAnswers(
        classifier.domain_weights(features),
        torch.cat(votes),
        torch.cat(confidence),
        classifier.latent.similarities(features).max(dim=1).values,
    )
