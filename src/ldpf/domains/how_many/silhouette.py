"""As many latent domains as give the best silhouette, or one where there are none to find."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from sklearn.metrics import silhouette_score
from threadpoolctl import threadpool_limits

from ldpf.domains.clustering.base import Clusterer
from ldpf.domains.how_many.base import HOW_MANY, Chosen, HowMany
from ldpf.errors import SettingsError
from ldpf.features.feature_set import FeatureSet
from ldpf.utils.constraints import Number, Whole, check_fields, constraint
from ldpf.utils.seed import derived_seed


@HOW_MANY.register("silhouette")
@dataclass(frozen=True)
class Silhouette(HowMany):
    """The number from 2 to `most` whose clusters have the best silhouette (Rousseeuw 1987), or 1.

    The silhouette compares the distance of an image to its own latent domain with that to the next
    one: 1 is a perfect division, 0 none. By cosine for clusterers on the sphere.

    A cloud without any clusters has a silhouette above 0 too, and the more so the fewer directions
    it spreads in. So the images count as one domain unless their silhouette exceeds that of
    normally distributed points with the same covariance, divided by the same clusterer into as
    many parts.

    Attributes:
        most: the largest number tried.
        least_gain: by how much the silhouette must exceed that of the normally distributed points.
        sample: images that are looked at, at most.
    """

    most: int = field(default=8, metadata=constraint(Whole(at_least=1)))
    least_gain: float = field(default=0.01, metadata=constraint(Number(at_least=0, at_most=1)))
    sample: int = field(default=3000, metadata=constraint(Whole(at_least=10)))

    def __post_init__(self) -> None:
        check_fields(self)

    def choose(
        self,
        z: torch.Tensor,
        clusterer: Clusterer,
        seed: int,
        train: FeatureSet | None = None,
    ) -> Chosen:
        """See `HowMany.choose`. The table has `silhouette`, and for the best also `reference`."""
        rows = np.sort(np.random.default_rng(seed).permutation(len(z))[: self.sample])
        table: list[dict[str, Any]] = []
        for n_domains in range(2, self.most + 1):
            score = silhouette_of(z, rows, n_domains, clusterer, seed)
            if score is None:  # the images cannot fill so many
                break
            table.append({"n_domains": n_domains, "silhouette": score})
        best = max(table, key=lambda row: row["silhouette"], default=None)
        if best is None:
            return Chosen(1, table)
        cloud = normal_points(z[rows], seed)
        reference = silhouette_of(cloud, np.arange(len(cloud)), best["n_domains"], clusterer, seed)
        best["reference"] = 0.0 if reference is None else reference
        gain = best["silhouette"] - best["reference"]
        return Chosen(best["n_domains"] if gain > self.least_gain else 1, table)


def normal_points(z: torch.Tensor, seed: int) -> torch.Tensor:
    """As many normally distributed points as `z` [N, Z] has, with mean 0 and its covariance."""
    centered = (z - z.mean(dim=0)).double().numpy()
    draws = np.random.default_rng(derived_seed(seed, "normal points"))
    # Sums of images with independent weights of variance 1 / N have the images' covariance.
    weights = draws.standard_normal((len(z), len(z))) / np.sqrt(len(z))
    with threadpool_limits(limits=1):
        return torch.from_numpy(weights @ centered).to(z)


def silhouette_of(
    z: torch.Tensor, rows: np.ndarray, n_domains: int, clusterer: Clusterer, seed: int
) -> float | None:
    """Silhouette of `rows` among the clusters of z [N, Z]; None where there are not so many."""
    try:
        assigned = clusterer.fit(z, n_domains, seed).assignments[rows].numpy()
    except SettingsError:
        return None
    if not 1 < len(np.unique(assigned)) < len(rows):
        return None
    metric = "cosine" if clusterer.spherical else "euclidean"
    with threadpool_limits(limits=1):
        return float(silhouette_score(z[rows].double().numpy(), assigned, metric=metric))
