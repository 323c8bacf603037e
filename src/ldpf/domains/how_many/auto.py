"""As many latent domains as are stable, and best where latent domains are left out, or one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from threadpoolctl import threadpool_limits

from ldpf.domains.clustering.base import Clusterer
from ldpf.domains.diagnostics import ari, cross_table
from ldpf.domains.how_many.base import HOW_MANY, Chosen, HowMany
from ldpf.domains.how_many.heads_judge import Judged, judge
from ldpf.domains.how_many.silhouette import normal_points, silhouette_of
from ldpf.errors import SettingsError
from ldpf.features.feature_set import FeatureSet
from ldpf.utils.constraints import Number, Whole, check_fields, constraint
from ldpf.utils.seed import derived_seed


@HOW_MANY.register("auto")
@dataclass(frozen=True)
class Auto(HowMany):
    """The stable number that is best on latent domains left out (LOLDO), or 1.

    A number is possible if its clusters are stable, beat structureless points and are not alike.

    A cluster is stable if the clusterings of two random halves of the images both have it: after
    the clusters of one are matched to those of the other, the Jaccard index of the least stable
    pair counts (clusterwise stability, Hennig 2007, which calls clusters from 0.75 on valid). The
    mean over all images, such as an adjusted Rand index, hides the one domain that is divided
    without reason. The silhouette must exceed that of points without clusters, as for
    `silhouette`, since such points may be divided stably too. Two latent domains are alike if
    heads that learn from either disagree hardly more than heads of two random halves do: their
    prompts would predict alike, so they are to be one, and a smaller number is taken.

    Of the possible numbers and 1, the one with the best accuracy on latent domains left out is
    taken; see `heads_judge.judge`. Where several are equally good, or classes are not given, the
    largest is.

    Attributes:
        most: the largest number tried.
        halvings: divisions of the images into random halves that stability is measured on.
        least_stability: the Jaccard index that is asked of every latent domain; 1 is always the
            same.
        least_gain: by how much the silhouette must exceed that of normally distributed points of
            the same covariance.
        sample: images that stability and the judge look at, at most. With few of them a small
            latent domain has too few in a half to be found again.
        silhouette_sample: images of these that the silhouette looks at, at most; its time grows
            with their square.
    """

    most: int = field(default=8, metadata=constraint(Whole(at_least=1)))
    halvings: int = field(default=4, metadata=constraint(Whole(at_least=1)))
    least_stability: float = field(default=0.75, metadata=constraint(Number(at_least=0, at_most=1)))
    least_gain: float = field(default=0.01, metadata=constraint(Number(at_least=0, at_most=1)))
    most_alike: float = field(default=0.9, metadata=constraint(Number(at_least=0)))
    sample: int = field(default=8000, metadata=constraint(Whole(at_least=10)))
    silhouette_sample: int = field(default=2000, metadata=constraint(Whole(at_least=10)))

    def __post_init__(self) -> None:
        check_fields(self)

    def choose(
        self,
        z: torch.Tensor,
        clusterer: Clusterer,
        seed: int,
        train: FeatureSet | None = None,
    ) -> Chosen:
        """See `HowMany.choose`.

        The table has `stability`, `rand` (adjusted Rand index of the two halves, for comparison),
        `silhouette`, `reference` (of structureless points) and `gain`, their difference; with
        `train`, for 1 and the numbers that are stable and beat structureless points, also
        `left_out` and `alike`, see `heads_judge.Judged`.
        """
        order = np.random.default_rng(seed).permutation(len(z))
        rows, few = (
            np.sort(order[:n]) for n in (self.sample, min(self.sample, self.silhouette_sample))
        )
        z, sparse = z[rows], z[few]
        everything, cloud = np.arange(len(sparse)), normal_points(sparse, seed)
        table: list[dict[str, Any]] = []
        for n_domains in range(2, self.most + 1):
            value = silhouette_of(sparse, everything, n_domains, clusterer, seed)
            agreement = self._agreement(z, n_domains, clusterer, seed)
            if value is None or agreement is None:  # the images cannot fill so many
                break
            reference = silhouette_of(cloud, everything, n_domains, clusterer, seed) or 0.0
            table.append(
                {
                    "n_domains": n_domains,
                    **agreement,
                    "silhouette": value,
                    "reference": reference,
                    "gain": value - reference,
                }
            )
        if train is not None and len(train.labels.unique()) > 1:
            table = self._judged(table, z, train.subset(rows), clusterer, seed)
        best = max((row for row in table if self._possible(row)), key=_rank, default=None)
        return Chosen(1 if best is None else best["n_domains"], table)

    def _possible(self, row: Mapping[str, Any]) -> bool:
        """Whether a row of the table may be chosen."""
        return row["n_domains"] == 1 or (
            row["stability"] >= self.least_stability
            and row["gain"] > self.least_gain
            and row.get("alike", 0.0) <= self.most_alike
        )

    def _judged(
        self,
        table: list[dict[str, Any]],
        z: torch.Tensor,
        train: FeatureSet,
        clusterer: Clusterer,
        seed: int,
    ) -> list[dict[str, Any]]:
        """The table with a row for 1, and what heads in closed form say of possible numbers."""
        clusterings = {1: torch.zeros(len(z), dtype=torch.int64)}
        for row in filter(self._possible, table):
            clusterings[row["n_domains"]] = clusterer.fit(z, row["n_domains"], seed).assignments
        n_classes = len(train.class_names)
        judged: Judged = judge(train.features, train.labels, n_classes, clusterings, seed)
        rows = [{"n_domains": 1}, *table]
        for row in rows:
            if (number := row["n_domains"]) in clusterings:
                row |= {"left_out": judged.left_out[number], "alike": judged.alike[number]}
        return rows

    def _agreement(
        self, z: torch.Tensor, n_domains: int, clusterer: Clusterer, seed: int
    ) -> dict[str, float] | None:
        """`stability` and `rand` of clusterings of halves of z [N, Z]; None with too few images."""
        jaccard, rand = [], []
        for i in range(self.halvings):
            draws = np.random.default_rng(derived_seed(seed, f"halves {i}"))
            order = draws.permutation(len(z))
            middle = len(z) // 2
            try:
                first, second = (
                    _assigned(z, np.sort(part), n_domains, clusterer, seed)
                    for part in (order[:middle], order[middle:])
                )
            except SettingsError:
                return None
            jaccard.append(matched_jaccard(first, second, n_domains))
            rand.append(ari(first, second))
        return {
            "stability": float(np.mean(jaccard, axis=0).min()),
            "rand": float(np.mean(rand)),
        }


def _rank(row: Mapping[str, Any]) -> tuple[float, int]:
    # Equal to a tenth of a point is equal.
    return round(row.get("left_out", 0.0), 3), row["n_domains"]


def matched_jaccard(first: torch.Tensor, second: torch.Tensor, n_domains: int) -> np.ndarray:
    """How well each cluster of `first` [N] is one of `second` [N]: Jaccard indices, [n_domains].

    Clusters are matched one to one so that the sum is largest. The indices are in ascending order,
    since ids of different clusterings have no relation.
    """
    shared = cross_table(first, second, n_domains, n_domains)
    union = shared.sum(axis=1)[:, None] + shared.sum(axis=0)[None, :] - shared
    jaccard = shared / np.maximum(union, 1)
    return np.sort(jaccard[linear_sum_assignment(jaccard, maximize=True)])


def _assigned(
    z: torch.Tensor, part: np.ndarray, n_domains: int, clusterer: Clusterer, seed: int
) -> torch.Tensor:
    """Cluster of every row of z [N, Z] in the clustering of the rows `part`, [N]."""
    centroids = clusterer.fit(z[part], n_domains, seed).centroids
    with threadpool_limits(limits=1):
        if clusterer.spherical:
            return (z @ centroids.T).argmax(dim=1)
        return torch.cdist(z, centroids).argmin(dim=1)
