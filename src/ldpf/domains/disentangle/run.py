"""A disentangler at work on the training images of one discovery."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import torch
from torch import nn

from ldpf.domains.disentangle.maps import DomainMap
from ldpf.utils.trees import Tree

Map = TypeVar("Map", bound=DomainMap)

FITTED = 50_000
"""Images, at most, that the map of `explained_variance` is fitted to."""


class DisentanglerRun(Generic[Map]):
    """A disentangler at work on the training images of one discovery.

    Attributes:
        features, labels, n_classes: f [N, D] and class ids [N] of the training images, and K.
        extractor: G as it is now.
        changes: whether further rounds change G.
        noted: what the disentangler measured before it started, for the log.
    """

    extractor: Map
    changes: bool = False

    def __init__(self, features: torch.Tensor, labels: torch.Tensor, n_classes: int) -> None:
        self.features, self.labels, self.n_classes = features, labels, n_classes
        self.noted: dict[str, Any] = {}

    def epoch(self, progress: float) -> None:
        """One round of learning at `progress` in [0, 1]; nothing where G is computed at once."""

    def modules(self) -> dict[str, nn.Module]:
        """The trained parts by name, for checkpoints."""
        return {"extractor": self.extractor}

    def state(self) -> Tree:
        """Everything needed to continue."""
        return {"modules": {name: dict(m.state_dict()) for name, m in self.modules().items()}}

    def load_state(self, tree: Tree) -> None:
        """Put back what `state` returned."""
        for name, module in self.modules().items():
            module.load_state_dict(tree["modules"][name])

    def measure(self, features: torch.Tensor, labels: torch.Tensor) -> dict[str, Any]:
        """What this disentangler alone can say of images [N, D] with class ids [N]."""
        return {"adversary_accuracy": None}

    def explained_variance(self, features: torch.Tensor, labels: torch.Tensor) -> float:
        """Share of the within-class variance of f that a linear map of z explains.

        The map is the best one on the training images (on every n-th of them where there are more
        than `FITTED`), found in closed form. A collapsed z gives 0;
        on images other than the training ones a z without information falls a little below.
        """
        with torch.no_grad():
            known = self.features, self.labels
            if len(self.features) > FITTED:
                step = -(-len(self.features) // FITTED)
                known = self.features[::step], self.labels[::step]
            train_z, train_x = self._within_class(known, *known)
            gram = train_z.T @ train_z
            ridge = 1e-6 * gram.diagonal().mean().clamp_min(1e-12)
            identity = torch.eye(len(gram), dtype=gram.dtype)
            linear_map = torch.linalg.solve(gram + ridge * identity, train_z.T @ train_x)
            z, x = self._within_class(known, features, labels)
            residual = (x - z @ linear_map).square().sum()
            return float(1.0 - residual / x.square().sum().clamp_min(1e-12))

    def _within_class(
        self,
        known: tuple[torch.Tensor, torch.Tensor],
        features: torch.Tensor,
        labels: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """z [N, Z] and standardized f [N, D], less the mean of the image's class in `known`."""
        known_features, known_labels = known
        counts = torch.bincount(known_labels, minlength=self.n_classes).clamp_min(1)[:, None]
        centered = []
        for function in (self.extractor, self.extractor.standardize):
            train = function(known_features).double()
            sums = train.new_zeros(self.n_classes, train.shape[1])
            means = sums.index_add_(0, known_labels, train) / counts
            centered.append(function(features).double() - means[labels])
        return centered[0], centered[1]
