"""As many latent domains as give the best silhouette."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from sklearn.metrics import silhouette_score
from threadpoolctl import threadpool_limits

from ldpf.domains.clustering.base import Clusterer
from ldpf.domains.how_many.base import HOW_MANY, Chosen, HowMany
from ldpf.errors import SettingsError
from ldpf.utils.constraints import Number, Whole, check_fields, constraint


@HOW_MANY.register("silhouette")
@dataclass(frozen=True)
class Silhouette(HowMany):
    """The number from 2 to `most` whose clusters have the best silhouette (Rousseeuw 1987).

    The silhouette compares the distance of an image to its own latent domain with that to the next
    one: 1 is a perfect division, 0 none. By cosine for clusterers on the sphere.

    Attributes:
        most: the largest number tried.
        least_score: below this silhouette the images are taken as one domain.
        sample: images that are looked at, at most.
    """

    most: int = field(default=8, metadata=constraint(Whole(at_least=1)))
    least_score: float = field(default=0.02, metadata=constraint(Number(at_least=-1, at_most=1)))
    sample: int = field(default=3000, metadata=constraint(Whole(at_least=10)))

    def __post_init__(self) -> None:
        check_fields(self)

    def choose(self, z: torch.Tensor, clusterer: Clusterer, seed: int) -> Chosen:
        """See `HowMany.choose`."""
        metric = "cosine" if clusterer.spherical else "euclidean"
        draws = np.random.default_rng(seed)
        rows = np.sort(draws.permutation(len(z))[: self.sample])
        table = []
        for n_domains in range(2, self.most + 1):
            try:
                assigned = clusterer.fit(z, n_domains, seed).assignments[rows].numpy()
            except SettingsError:  # the images cannot fill so many
                break
            if not 1 < len(np.unique(assigned)) < len(rows):
                continue
            with threadpool_limits(limits=1):
                score = float(silhouette_score(z[rows].double().numpy(), assigned, metric=metric))
            table.append({"n_domains": n_domains, "silhouette": score})
        best = max(table, key=lambda row: row["silhouette"], default=None)
        if best is None or best["silhouette"] < self.least_score:
            return Chosen(1, table)
        return Chosen(best["n_domains"], table)
