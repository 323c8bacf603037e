"""Numbers that say how good predictions are, and the oracle that says how good they could be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from sklearn.metrics import confusion_matrix

if TYPE_CHECKING:
    from ldpf.models.base import Classifier

_CHUNK = 4096
"""Images at a time where each prompt answers all of them."""


def accuracy(predictions: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of right answers, from 0 to 1.

    Args:
        predictions: [N] class ids.
        labels: [N] true class ids.
    """
    return float((predictions == labels).double().mean())


def per_class_accuracy(
    predictions: torch.Tensor, labels: torch.Tensor, n_classes: int
) -> list[float | None]:
    """Accuracy on the images of each of K classes; None for a class without images.

    Args:
        predictions: [N] class ids.
        labels: [N] true class ids.
        n_classes: K.
    """
    counts = confusion_counts(predictions, labels, n_classes)
    return [row[k] / sum(row) if any(row) else None for k, row in enumerate(counts)]


def confusion_counts(
    predictions: torch.Tensor, labels: torch.Tensor, n_classes: int
) -> list[list[int]]:
    """Images [K][K] by true class (row) and predicted class (column).

    Args:
        predictions: [N] class ids.
        labels: [N] true class ids.
        n_classes: K.
    """
    return confusion_matrix(labels, predictions, labels=range(n_classes)).tolist()


def oracle_predictions(
    classifier: Classifier, features: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Predictions of U_sel, which picks the right prompt for each image whenever there is one.

    An image counts as right if any one of its S prompts is right (arXiv 2511.00067, table 3). This
    needs the true labels, so it is a bound for fusion rules and no method; it grows with S even for
    prompts that differ by chance only.

    Args:
        classifier: one with prompts that are the same for all images.
        features: [N, D] image features of length one.
        labels: [N] true class ids.

    Returns:
        [N]: the label where some prompt answers it, else the answer of the first prompt.

    Raises:
        ModelError: the classifier has no such prompts.
    """
    return oracle_logits(classifier, features, labels).argmax(dim=1)


def oracle_logits(
    classifier: Classifier, features: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """The logits [N, K] of the prompt that U_sel picks: the first that is right, else the first.

    Arguments and errors are those of `oracle_predictions`.
    """
    picked = []
    for start in range(0, len(features), _CHUNK):
        rows = slice(start, start + _CHUNK)
        logits = classifier.prompt_logits(features[rows])  # [n, S, K]
        right = logits.argmax(dim=2) == labels[rows, None]  # [n, S]
        prompt = right.int().argmax(dim=1)  # the first of the largest
        picked.append(logits[torch.arange(len(logits), device=logits.device), prompt])
    return torch.cat(picked)
