"""The accuracy at a site, estimated from its photos by every estimator, with an interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from scipy.stats import t

from ldpf.errors import DataError
from ldpf.expectation.estimators.base import (
    ESTIMATORS,
    Estimator,
    KnownSite,
    SiteAnswers,
    learned_numbers,
)
from ldpf.expectation.intervals import SITE_LEVEL
from ldpf.heads.base import LinearHead
from ldpf.heads.gda import GaussianDiscriminant
from ldpf.models.tensor_checks import Shape

if TYPE_CHECKING:
    from ldpf.methods.left_out import LeftOut

DEFAULT_ESTIMATOR = "thresholded-transport"
"""The one with the lowest error over PACS, the demo images and generated shifts; their labels were
looked at to choose it (docs/trust.md)."""


@dataclass(frozen=True)
class SiteEstimate:
    """The estimated accuracy on the photos of a site.

    Attributes:
        accuracy: by `DEFAULT_ESTIMATOR`, from 0 to 1.
        low, high: bounds of an interval at 80 %.
        by_estimator: the same by every estimator, by its name.
        n: photos.
    """

    accuracy: float
    low: float
    high: float
    by_estimator: dict[str, float]
    n: int

    def __str__(self) -> str:
        return (
            f"{self.accuracy:.0%} ({SITE_LEVEL:.0%} of such estimates are between {self.low:.0%} "
            f"and {self.high:.0%})"
        )


@dataclass(frozen=True, eq=False)
class SiteEstimator:
    """Every estimator, fitted to latent domains left out.

    Attributes:
        estimators: by name.
        second: a discriminant on the same features, for the agreement with it.
        shares: [K] of the classes among the training images, float64.
        errors: of the default estimator on each known site, fitted to the others; empty where there
            are fewer than two.
    """

    estimators: Mapping[str, Estimator]
    second: LinearHead
    shares: torch.Tensor
    errors: tuple[float, ...]

    @classmethod
    def measure(
        cls,
        sites: Sequence[KnownSite],
        second: LinearHead,
        shares: torch.Tensor,
    ) -> SiteEstimator:
        """Fit every estimator.

        Args:
            sites: latent domains left out, or held-out images where none could be; may be empty.
            second: fitted to the training images.
            shares: [K] of the classes among the training images.
        """
        plain = {name: ESTIMATORS.make(name) for name in ESTIMATORS}
        fitted = {name: e.fit(sites) if sites else e for name, e in plain.items()}
        errors = []
        for index, site in enumerate(sites) if len(sites) > 1 else ():
            others = [other for i, other in enumerate(sites) if i != index]
            estimator = plain[DEFAULT_ESTIMATOR].fit(others)
            errors.append(estimator.estimate(site.answers) - site.accuracy)
        return cls(fitted, second, shares, tuple(errors))

    def estimate(
        self, logits: torch.Tensor, features: torch.Tensor, temperature: float
    ) -> SiteEstimate:
        """The accuracy on the photos of a site.

        Args:
            logits: [N, K] of the model.
            features: [N, D] of the same photos.
            temperature: T of the model's calibrated probabilities.

        Raises:
            DataError: there are no photos.
        """
        answers = self.answers(logits, features, temperature)
        if not len(answers):
            raise DataError("n_photos=0 should be 1 or more; give photos of the new site.")
        found = {name: e.estimate(answers) for name, e in self.estimators.items()}
        accuracy = found[DEFAULT_ESTIMATOR]
        reach = self.reach(accuracy, len(answers))
        return SiteEstimate(
            accuracy, max(accuracy - reach, 0.0), min(accuracy + reach, 1.0), found, len(answers)
        )

    def accuracy(self, probabilities: torch.Tensor) -> float:
        """The estimate of `DEFAULT_ESTIMATOR` from calibrated probabilities [N, K] alone."""
        logits = probabilities.double().clamp_min(1e-300).log()
        answers = SiteAnswers(logits, logits, 1.0, self.shares)
        return self.estimators[DEFAULT_ESTIMATOR].estimate(answers)

    def answers(
        self, logits: torch.Tensor, features: torch.Tensor, temperature: float
    ) -> SiteAnswers:
        """What estimators are given."""
        second = self.second.logits(features)
        return SiteAnswers(logits, second, temperature, self.shares)

    @property
    def usual_error(self) -> float:
        """Root of the mean square of `errors`; 0 without any."""
        return math.sqrt(sum(e**2 for e in self.errors) / max(len(self.errors), 1))

    def reach(self, accuracy: float, n: int) -> float:
        """Half the width of the interval around an estimate.

        The error on known sites, and the chance of drawing other n photos of the same site: the
        root of both squares, times Student's t. 1 where errors are not known.
        """
        if not self.errors:
            return 1.0
        # Of all right or all wrong photos, not even one more may be of the other kind.
        share = min(max(accuracy, 1 / (n + 2)), 1 - 1 / (n + 2))
        quantile = float(t.ppf((1 + SITE_LEVEL) / 2, len(self.errors)))
        return quantile * math.hypot(self.usual_error, math.sqrt(share * (1 - share) / n))

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "learned": {name: learned_numbers(e) for name, e in self.estimators.items()},
            "errors": list(self.errors),
        }

    @classmethod
    def from_saved(
        cls, values: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]
    ) -> SiteEstimator:
        """Rebuild from `to_json` and `tensors`; estimators that are unknown here are left out."""
        learned = {k: v for k, v in values["learned"].items() if k in ESTIMATORS}
        estimators = {name: ESTIMATORS.make(name, **numbers) for name, numbers in learned.items()}
        if DEFAULT_ESTIMATOR not in estimators:
            raise KeyError(DEFAULT_ESTIMATOR)
        second = LinearHead(tensors["weight"], tensors["bias"])
        return cls(estimators, second, tensors["shares"], tuple(map(float, values["errors"])))

    @staticmethod
    def shapes(n_classes: int, embed_dim: int) -> dict[str, Shape]:
        """The shapes of `tensors`."""
        return {"weight": (n_classes, embed_dim), "bias": (n_classes,), "shares": (n_classes,)}

    def tensors(self) -> dict[str, torch.Tensor]:
        """The discriminant, and class shares."""
        return {"weight": self.second.weight, "bias": self.second.bias, "shares": self.shares}


def second_head(features: torch.Tensor, labels: torch.Tensor, n_classes: int) -> LinearHead:
    """The discriminant whose agreement with the model is looked at."""
    return GaussianDiscriminant().fit(features, labels, n_classes=n_classes)


def class_shares(labels: torch.Tensor, n_classes: int) -> torch.Tensor:
    """[K] float64 of labels [N]."""
    return torch.bincount(labels, minlength=n_classes).double() / max(len(labels), 1)


def known_sites(left_out: Sequence[LeftOut], temperature: float) -> list[KnownSite]:
    """Each latent domain, answered by a model and a discriminant that have not seen it."""
    sites = []
    for item in left_out:
        judged, others = item.fold.judged, item.fold.train
        n_classes = len(others.class_names)
        second = second_head(others.features, others.labels, n_classes)
        answers = SiteAnswers(
            item.classifier.logits(judged.features).float(),
            second.logits(judged.features),
            temperature,
            class_shares(others.labels, n_classes),
        )
        sites.append(KnownSite(answers, judged.labels))
    return sites
