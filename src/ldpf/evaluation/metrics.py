"""Numbers that say how good predictions are, and the oracle that says how good they could be."""

from __future__ import annotations

import torch
from sklearn.metrics import confusion_matrix

from ldpf.models.prompt_classifier import PromptClassifier


def accuracy(predictions: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of images [N] whose predicted class is right, from 0 to 1."""
    return float((predictions == labels).double().mean())


def per_class_accuracy(
    predictions: torch.Tensor, labels: torch.Tensor, n_classes: int
) -> list[float | None]:
    """Accuracy on the images of each class; None for a class without images."""
    right = torch.bincount(labels[predictions == labels], minlength=n_classes)
    total = torch.bincount(labels, minlength=n_classes)
    return [
        float(r) / int(t) if t else None
        for r, t in zip(right.tolist(), total.tolist(), strict=True)
    ]


def confusion_counts(
    predictions: torch.Tensor, labels: torch.Tensor, n_classes: int
) -> list[list[int]]:
    """Images by true class (row) and predicted class (column)."""
    return confusion_matrix(labels, predictions, labels=range(n_classes)).tolist()


def oracle_predictions(
    classifier: PromptClassifier, features: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Predictions of U_sel, which picks the right prompt for each image whenever there is one.

    An image counts as right if any one of its S prompts is right (arXiv 2511.00067, table 3). This
    needs the true labels, so it is a bound for fusion rules and no method; it grows with S even for
    prompts that differ by chance only.

    Args:
        features: [N, D].
        labels: [N].

    Returns:
        [N]: the label where some prompt finds it, else the prediction of the first prompt.
    """
    predictions = []
    for start in range(0, len(features), 4096):
        rows = slice(start, start + 4096)
        votes = classifier.prompt_logits(features[rows]).argmax(dim=2)  # [n, S]
        found = (votes == labels[rows, None]).any(dim=1)
        predictions.append(torch.where(found, labels[rows], votes[:, 0]))
    return torch.cat(predictions)
