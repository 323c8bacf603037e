"""Measurements that show whether z holds domains rather than classes, and is not constant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.linalg import solve
from scipy.sparse import csr_matrix
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from ldpf.domains.fitted import FittedDomains
    from ldpf.features.feature_set import FeatureSet

_BLOCK = 16_384
"""Images whose sums are added up at once."""

_ENTRIES = 2**22
"""Scores of images by classes that are held at once."""


def nmi(first: torch.Tensor, second: torch.Tensor) -> float:
    """Normalized mutual information of two labelings [N]: 0 independent, 1 the same partition."""
    return float(normalized_mutual_info_score(first.numpy(), second.numpy()))


def ari(first: torch.Tensor, second: torch.Tensor) -> float:
    """Adjusted Rand index of two labelings [N]: 0 as by chance, 1 the same partition."""
    return float(adjusted_rand_score(first.numpy(), second.numpy()))


def linear_probe_accuracy(
    train_z: torch.Tensor,
    train_labels: torch.Tensor,
    test_z: torch.Tensor,
    test_labels: torch.Tensor,
    ridge: float = 1e-3,
) -> float:
    """How well a fresh linear classifier (ridge regression) reads the class off z.

    The adversary C is only one opponent and may have been outrun; this is a second, trained after
    the fact on z as it ended, and so the honest measure of what class information is left.

    Args:
        train_z, test_z: [N, Z].
        train_labels, test_labels: [N].
        ridge: relative to the mean squared length of z per dimension.

    Returns:
        Accuracy on the test part, from 0 to 1.
    """
    if len(train_labels.unique()) == 1:  # nothing to fit: this class is always answered
        return float((test_labels == train_labels[0]).double().mean())
    with threadpool_limits(limits=1):  # sums in a fixed order
        answers = _ridge_answers(train_z, train_labels, test_z, ridge)
    return float((answers == test_labels).double().mean())


def _ridge_answers(
    train_z: torch.Tensor, train_labels: torch.Tensor, test_z: torch.Tensor, ridge: float
) -> torch.Tensor:
    """What ridge regression on one-hot classes answers for each of `test_z`: class ids [N].

    scikit-learn's RidgeClassifier from the sums of the classes: that one holds several matrices of
    images by classes, and this one none, which counts with thousands of classes.
    """
    mean = train_z.mean(dim=0, dtype=torch.double)
    n_classes, dim = int(train_labels.max()) + 1, len(mean)
    gram, sums = np.zeros((dim, dim)), np.zeros((n_classes, dim))
    for rows, ids in zip(train_z.split(_BLOCK), train_labels.split(_BLOCK), strict=True):
        x = (rows - mean).numpy()
        gram += x.T @ x
        ones, places = np.ones(len(x)), (ids.numpy(), np.arange(len(x)))
        sums += csr_matrix((ones, places), shape=(n_classes, len(x))) @ x
    penalty = ridge * max(float(np.trace(gram)) / dim, 1e-12)
    shares = np.bincount(train_labels.numpy(), minlength=n_classes) / len(train_z)
    slopes = solve(gram + penalty * np.eye(dim), sums.T, assume_a="pos")  # [Z, K]
    answers = [
        torch.from_numpy(((rows - mean).numpy() @ slopes + shares).argmax(axis=1))
        for rows in test_z.split(max(1, _ENTRIES // n_classes))
    ]
    return torch.cat(answers)


def chance(labels: torch.Tensor) -> float:
    """Accuracy of always answering the most frequent class of `labels` [N]."""
    return float(torch.bincount(labels).max()) / len(labels)


def cross_table(
    rows: torch.Tensor, columns: torch.Tensor, n_rows: int, n_columns: int
) -> np.ndarray:
    """Counts [n_rows, n_columns] of two labelings [N], e.g. latent domain by class."""
    table = torch.bincount(rows * n_columns + columns, minlength=n_rows * n_columns)
    return table.reshape(n_rows, n_columns).numpy()


def measure_latent(
    latent: FittedDomains,
    features: FeatureSet,
    held_out: FeatureSet,
    assigned: torch.Tensor | None = None,
) -> dict[str, Any]:
    """Sizes, and what the latent domains share with classes and with known domains.

    Args:
        latent: extractor and centroids.
        features: images to put into latent domains; the probe learns from them.
        held_out: other images of the same classes, which the probe is measured on.
        assigned: latent domains [N] of `features` where they are not those that `latent` assigns.

    Returns:
        `sizes`, `probe_accuracy`, `raw_probe_accuracy`, `chance`, `class_nmi`, `domain_nmi` and
        `domain_ari` (None where domains are unknown).
    """
    if assigned is None:
        assigned = latent.assign(features.features)

    def probe(train: torch.Tensor, test: torch.Tensor) -> float:
        return linear_probe_accuracy(train, features.labels, test, held_out.labels)

    known = features.domains
    return {
        "sizes": torch.bincount(assigned, minlength=latent.n_domains).tolist(),
        "probe_accuracy": probe(
            latent.domain_features(features.features), latent.domain_features(held_out.features)
        ),
        "raw_probe_accuracy": probe(features.features, held_out.features),
        "chance": chance(held_out.labels),
        "class_nmi": nmi(assigned, features.labels),
        "domain_nmi": None if known is None else nmi(assigned, known),
        "domain_ari": None if known is None else ari(assigned, known),
    }
