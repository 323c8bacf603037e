"""Which latent domain each training image belongs to: found by clustering, or given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from ldpf.domains.disentangle.adversarial import ExtractorSettings
from ldpf.errors import DataError, SettingsError
from ldpf.utils.seed import generator

if TYPE_CHECKING:
    from ldpf.features.feature_set import FeatureSet

GIVEN = ("manual", "random")
"""Where domains come from that are not discovered."""


@dataclass(frozen=True)
class DiscoverySettings:
    """How latent domains are found.

    Attributes:
        n_domains: S (N_s in the paper, which uses 3).
        rounds: epochs of the extractor, each followed by k-means and matching [ours: every epoch,
            as in MMLD].
        extractor: see `ExtractorSettings`.
        source: where an image's domain comes from; `clusters` of z here (see `GivenDomains`).
    """

    n_domains: int = 3
    rounds: int = 20
    extractor: ExtractorSettings = field(default_factory=ExtractorSettings)
    source = "clusters"

    def __post_init__(self) -> None:
        if self.n_domains < 1:
            raise SettingsError(f"n_domains={self.n_domains} should be at least 1.")
        if self.rounds < 1:
            raise SettingsError(f"rounds={self.rounds} should be at least 1.")


@dataclass(frozen=True)
class GivenDomains(DiscoverySettings):
    """Controls of the discovery: the domains are given, and only z and its centroids are learnt.

    G trains as ever, since the fusion needs z; the centroid of a domain is the mean of z over its
    images. That is where k-means would put it.

    Attributes:
        source: `manual` takes the true domains of the training images, in the order of their ids,
            and as many as there are, whatever `n_domains` says; `random` splits the images into
            `n_domains` parts of (nearly) equal size by chance, whatever they show.
    """

    source: str = "manual"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.source not in GIVEN:
            raise SettingsError(f"source is {self.source!r}; choose from {', '.join(GIVEN)}.")


def given_domains(train: FeatureSet, settings: DiscoverySettings, seed: int) -> torch.Tensor | None:
    """Domains [N] of the training images that need no discovery; None where they do.

    Raises:
        DataError: the true domains were asked for, but are unknown.
    """
    if settings.source == "clusters":
        return None
    if settings.source == "random":
        order = torch.randperm(len(train), generator=generator(seed, "random domains"))
        return order % settings.n_domains
    if train.domains is None:
        raise DataError(
            "source='manual' takes the true domains of the training images, but they are unknown: "
            "arrange the images as domain/class/image, give a manifest with a 'domain' column, or "
            "take source='clusters', which finds domains by itself."
        )
    return torch.unique(train.domains, return_inverse=True)[1]
