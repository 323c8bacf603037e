"""Latent domains from style statistics of an early layer instead of image features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ldpf.domains.disentangle.base import Disentangler
from ldpf.domains.disentangle.maps import LinearMap
from ldpf.domains.disentangle.run import DisentanglerRun
from ldpf.errors import DataError, SettingsError

if TYPE_CHECKING:
    from ldpf.features.feature_set import FeatureSet

RIDGE = 0.01
"""Of the map from image features to style, relative to their mean variance."""


class StyleRun(DisentanglerRun[LinearMap]):
    """Domain features from style statistics, and the map that finds them in image features.

    Training images are clustered by `z`: their style statistics, each scaled to variance one,
    without the class. A model is asked about image features f alone, so G is the linear map of f
    that comes nearest to `z` (ridge regression), and weights are similarities of G(f).

    Attributes:
        z: [N, E] of the training images.
    """

    def __init__(
        self, train: FeatureSet, disentangle: Disentangler, generator: torch.Generator
    ) -> None:
        """Compute both.

        Raises:
            DataError: there are no style statistics.
            SettingsError: `disentangle` learns in rounds, which only image features are for.
        """
        n_classes = len(train.class_names)
        super().__init__(train.features, train.labels, n_classes)
        if train.style is None:
            raise DataError(
                "discovery.features='style' needs style statistics of the training images, but "
                "these come with image features only (embeddings, or features computed before); "
                "give the images themselves, or take discovery.features='image'."
            )
        spread = train.style.std(dim=0, unbiased=False)
        scaled = (train.style - train.style.mean(dim=0)) / spread.clamp_min(1e-6)
        run = disentangle.start(scaled, train.labels, n_classes, generator)
        if run.changes:
            name = getattr(disentangle, "registered_name", type(disentangle).__name__)
            raise SettingsError(
                f"discovery.disentangle={name!r} should be one that is computed at once, such as "
                "'leace', with discovery.features='style'."
            )
        with torch.no_grad():
            self.z: torch.Tensor = run.extractor(scaled)
        self.extractor = nearest_map(train.features, self.z)
        residual = (self.z - self.extractor(train.features)).square().sum()
        explained = 1 - float(residual / self.z.square().sum().clamp_min(1e-12))
        self.noted: dict[str, Any] = {**run.noted, "style_explained": explained}


def nearest_map(features: torch.Tensor, z: torch.Tensor) -> LinearMap:
    """The linear map of standardized features that comes nearest to `z`, by ridge regression.

    Args:
        features: f [N, D].
        z: [N, E], centered.
    """
    result = LinearMap(features.shape[1], z.shape[1])
    result.set_input(features)
    x = result.standardize(features).double()
    gram = x.T @ x / len(x)
    ridge = RIDGE * gram.diagonal().mean().clamp_min(1e-12)
    identity = torch.eye(len(gram), dtype=gram.dtype)
    solved = torch.linalg.solve(gram + ridge * identity, x.T @ z.double() / len(x))  # [D, E]
    result.matrix.copy_(solved.T)
    return result
