"""What decides the latent domain of each training image."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ldpf.utils.registry import Registry

if TYPE_CHECKING:
    import torch

    from ldpf.features.feature_set import FeatureSet

ASSIGNMENTS: Registry[Assignment] = Registry(
    "assignment", "ldpf.domains.assignment", variable="ASSIGNMENTS"
)
"""Assignments by the name that settings use."""


class Assignment:
    """Base of assignments: whether domains are clusters of z, or given before z is learned.

    Given domains are controls: G is trained as ever, since the fusion needs z, and the centroid of
    a domain is the mean of z over its images, where k-means would put it.

    Attributes:
        needs_domains: whether it reads the true domains of the training images.
        decides_number: whether the number of domains is not a setting but comes with the data.
    """

    needs_domains: ClassVar[bool] = False
    decides_number: ClassVar[bool] = False
    registered_name: ClassVar[str]

    def given(self, train: FeatureSet, n_domains: int, seed: int) -> torch.Tensor | None:
        """Domains [N] of the training images, ids without gaps; None to cluster z.

        Raises:
            DataError: what is to be read off the data is unknown.
        """
        raise NotImplementedError
