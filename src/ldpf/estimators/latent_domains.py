"""`LatentDomains`: the discovery of latent domains alone, with scikit-learn's conventions."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClusterMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ldpf.domains import DiscoverySettings, DomainDiscovery, FittedDomains
from ldpf.errors import DataError
from ldpf.estimators.validation import check_labels, check_table
from ldpf.features.feature_set import FeatureSet
from ldpf.fusion.similarity import Similarity, similarity_weights
from ldpf.utils.arrays import unit_rows


class LatentDomains(TransformerMixin, ClusterMixin, BaseEstimator):
    """Finds groups of images that share a style, camera or place, in image features.

    Steps 1 and 2 of LDPF (arXiv 2511.00067) with the library's default settings: the class is
    erased from the image features in closed form (LEACE), and the resulting domain features
    z = G(f) are clustered by spherical k-means. A clusterer (`fit_predict`, `predict`) and a
    transformer (`transform` gives the domain weights of every image). Parameters are stored
    unchanged.

    Args:
        n_domains: number of latent domains, or the name of a rule that chooses it, such as "auto".
        tau: temperature of the domain weights: with a small value only the most similar domain
            counts, with a large value all count the same.
        rounds: rounds of a disentangler that learns, each followed by clustering; the default one
            is computed in one step, so this has no effect.
        random_state: an integer; equal ones give equal results on the same machine.

    Attributes:
        labels_: latent domain of each training image, [N].
        cluster_centers_: centroids of the domain features, [S, Z].
        domains_: the fitted `FittedDomains`.
        n_features_in_: D, the size of an image feature.
    """

    def __init__(
        self,
        n_domains: int | str = 3,
        *,
        tau: float = 0.1,
        rounds: int = 20,
        random_state: int = 0,
    ) -> None:
        self.n_domains = n_domains
        self.tau = tau
        self.rounds = rounds
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> LatentDomains:
        """Discover latent domains.

        Args:
            X: image features [N, D]; their length does not matter, only their direction.
            y: [N] class labels, needed to remove the class from the domain features. Without them,
                style and class cannot be told apart, and domains may follow classes.

        Returns:
            self.

        Raises:
            DataError: X or y cannot be used, or they differ in length.
            SettingsError: a parameter is outside what the method accepts, or X cannot fill the
                domains.
        """
        Similarity(tau=self.tau)  # refuses what is no temperature
        settings = DiscoverySettings(n_domains=self.n_domains, rounds=self.rounds)
        features = self._features(X, reset=True)
        labels, names = _class_ids(y, len(features))
        data = FeatureSet(
            features=features,
            labels=torch.from_numpy(labels),
            domains=None,
            class_names=names,
            domain_names=(),
            paths=tuple(map(str, range(len(features)))),
        )
        discovery = DomainDiscovery(data, data, settings, self.random_state)
        self.domains_ = _in_double_precision(discovery.run())
        self.labels_ = discovery.assignments.numpy().copy()
        self.cluster_centers_ = self.domains_.centroids.numpy().copy()
        self._n_features_out = self.domains_.n_domains
        return self

    def fit_predict(self, X: Any, y: Any = None, **kwargs: Any) -> np.ndarray:
        """`fit` with these arguments, and the latent domain of each training image, [N]."""
        return self.fit(X, y, **kwargs).labels_

    def predict(self, X: Any) -> np.ndarray:
        """The latent domain of each image, [N]: the nearest centroid."""
        return self._fitted().assign(self._features(X, reset=False).double()).numpy()

    def transform(self, X: Any) -> np.ndarray:
        """Domain weights alpha_s = softmax_s(cos(z, c_s) / tau), [N, S], rows summing to one."""
        domains = self._fitted()
        similarities = domains.similarities(self._features(X, reset=False).double())
        return similarity_weights(similarities.double(), self.tau).numpy()

    def domain_features(self, X: Any) -> np.ndarray:
        """z = G(f), the features that were clustered, [N, Z]."""
        return self._fitted().domain_features(self._features(X, reset=False).double()).numpy()

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the columns of `transform`: domain_0, domain_1, ..."""
        self._fitted()
        return np.array([f"domain_{s}" for s in range(self._n_features_out)], dtype=object)

    def _features(self, X: Any, *, reset: bool) -> torch.Tensor:
        # One column has two directions only: nothing to find domains in.
        columns = 2 if reset else 1
        return unit_rows(check_table(self, X, reset=reset, ensure_min_features=columns))

    def _fitted(self) -> FittedDomains:
        check_is_fitted(self)
        return self.domains_


def _in_double_precision(domains: FittedDomains) -> FittedDomains:
    """The same in float64: an image's weights do not depend on the rest of the batch."""
    return FittedDomains(
        domains.extractor.double(), domains.centroids.double(), spherical=domains.spherical
    )


def _class_ids(y: Any, n_images: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Class ids [N] and their names; one class for all images where y is None."""
    if y is None:
        return np.zeros(n_images, np.int64), ("image",)
    labels = check_labels(y)
    if len(labels) != n_images:
        raise DataError(f"n_images={n_images} should be n_labels={len(labels)}.")
    classes, ids = np.unique(labels, return_inverse=True)
    return ids.astype(np.int64), tuple(map(str, classes))
