"""What a trained model may be expected to do, measured when it was trained and kept with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from ldpf.errors import SettingsError
from ldpf.expectation.accuracies import (
    HeldOut,
    NewSite,
    at_new_site,
    expected,
    from_json,
    to_json,
)
from ldpf.expectation.conformal import ConformalSets, check_coverage
from ldpf.expectation.nearness import Nearness
from ldpf.expectation.outside import Outside
from ldpf.expectation.site_estimate import SiteEstimate, SiteEstimator
from ldpf.expectation.site_sets import site_sets, with_confidence
from ldpf.models.kept import KEPT_PARTS, KeptPart
from ldpf.models.parts import with_prefix, without_prefix
from ldpf.models.tensor_checks import Shape

if TYPE_CHECKING:
    from ldpf.models.base import Classifier

SITE = "site"
"""Name of the calibration on the photos of a site themselves."""

CAUTION = 0.5
"""How many usual errors the accuracy of a site is taken to be lower than estimated, since too high
an estimate makes sets too small; chosen on PACS and the demo images, looking at targets."""

SITE_PHOTOS = 50
"""So many photos tell enough of their site."""


@KEPT_PARTS.register("expectation")
@dataclass(frozen=True, eq=False)
class Expectation(KeptPart):
    """Expected accuracy and calibration of a model, mostly from latent domains left out in turn.

    Attributes:
        temperature: T of the calibrated probabilities softmax(logits / T), fitted to answers on
            latent domains left out, or to held-out images if none could be left out.
        held_out: accuracy on held-out images of the same sites; None without any.
        new_site: expected accuracy at an unseen site; None if fewer than two latent domains could
            be left out.
        conformal: scores for making prediction sets.
        outside_check: detects images outside of what the model knows.
        site_estimator: estimates accuracy from the photos of a site.
        nearness: measures how far a site is from each latent domain.
        seconds: time that these measurements took.
    """

    temperature: float
    held_out: HeldOut | None
    new_site: NewSite | None
    conformal: ConformalSets
    outside_check: Outside
    site_estimator: SiteEstimator
    nearness: Nearness
    seconds: float = 0.0
    # Of a class without training images.
    minus_infinity: ClassVar[tuple[str, ...]] = ("site.bias",)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise SettingsError(
                f"temperature={self.temperature!r} should be a finite number above 0."
            )

    def sentences(self) -> list[str]:
        """Both accuracies in words, and when to rely on which."""
        return expected(self.held_out, self.new_site)

    def at_new_site(self) -> list[str]:
        """`sentences` without the held-out accuracy itself."""
        return at_new_site(self.held_out, self.new_site)

    def summary(self) -> dict[str, Any]:
        """Both accuracies with their intervals and the temperature, as plain values to print."""
        held_out, site = self.held_out, self.new_site
        return {
            "held_out": held_out
            and {
                "accuracy": held_out.accuracy,
                "interval": list(held_out.interval),
                "n": held_out.n,
                "too_few": held_out.too_few,
            },
            "new_site": site
            and {
                "accuracy": site.accuracy,
                "range": [site.lowest, site.highest],
                "interval": list(site.interval),
                "by_domain": [asdict(domain) for domain in site.domains],
            },
            "temperature": self.temperature,
            "calibrations": self.calibrations,
            "sentences": self.sentences(),
        }

    def probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """Calibrated probabilities of logits, [N, K] -> [N, K]."""
        return (logits / self.temperature).softmax(dim=-1)

    def site_probabilities(self, probabilities: torch.Tensor) -> torch.Tensor:
        """Probabilities whose mean confidence is the accuracy estimated for their site, [N, K].

        With one temperature for all sites, a model is overconfident at a hard site and
        underconfident at an easy one. This temperature is for the given photos, which must be of
        one site. The order of their classes does not change.

        Args:
            probabilities: [N, K], calibrated.
        """
        accuracy = self.site_estimator.accuracy(probabilities)
        return with_confidence(probabilities.double(), accuracy)

    def sets(
        self, probabilities: torch.Tensor, coverage: float, calibration: str | None = None
    ) -> torch.Tensor:
        """The prediction set of each image, [N, K] bool: its plausible classes.

        Args:
            probabilities: [N, K], calibrated.
            coverage: share of sets that should contain the true class, such as 0.9.
            calibration: what the sets are calibrated on, a name in `calibrations`: `held-out`
                images of the same sites, latent domains `left-out`, the `worst-domain` of these,
                or `site`, these photos themselves (`site_sets`), which must then be of one site.
                None for `site` where there are `SITE_PHOTOS` or more, else `worst-domain`.

        Raises:
            SettingsError: the coverage is impossible, or there are no images for the calibration.
        """
        if calibration is None and len(probabilities) >= SITE_PHOTOS:
            calibration = SITE if SITE in self.calibrations else None
        if calibration != SITE:
            return self.conformal.sets(probabilities, coverage, calibration)
        check_coverage(coverage)
        if SITE not in self.calibrations:
            raise SettingsError(
                f"calibration={SITE!r} should be one of {', '.join(self.calibrations)}: fewer than "
                "two latent domains could be left out, so nothing is known of the errors at a new "
                "site."
            )
        estimator = self.site_estimator
        careful = estimator.accuracy(probabilities) - CAUTION * estimator.usual_error
        return site_sets(probabilities, coverage, max(careful, 0.0))

    @property
    def calibrations(self) -> list[str]:
        """The available calibrations of sets."""
        site = [SITE] if self.site_estimator.errors else []
        return [*self.conformal.calibrations, *site]

    def estimate(self, classifier: Classifier, features: torch.Tensor) -> SiteEstimate:
        """The estimated accuracy at a site, from its photos without labels.

        Args:
            classifier: the one that this was measured for.
            features: [N, D] of photos of one site.

        Raises:
            DataError: there are no photos.
        """
        logits = classifier.logits(features).float()
        return self.site_estimator.estimate(logits, features, self.temperature)

    def outside(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Which images are outside of what the model knows; see `Outside`.

        Args:
            features: [N, D].

        Returns:
            Scores [N] float64, and flags [N] bool: whether the score is above 0.
        """
        scores = self.outside_check.scores(features)
        return scores, scores > 0

    def to_json(self) -> dict[str, Any]:
        """Everything but tensors as plain values."""
        return {
            "temperature": self.temperature,
            **to_json(self.held_out, self.new_site),
            "score": self.conformal.score,
            "calibrated_on": len(self.conformal.by_domain),
            "estimators": self.site_estimator.to_json(),
            "seconds": self.seconds,
        }

    def tensors(self) -> dict[str, torch.Tensor]:
        """Scores of calibration images, and the check for images outside."""
        by_domain = {f"scores.{i}": s for i, s in enumerate(self.conformal.by_domain)}
        return {
            "scores.held_out": self.conformal.held_out,
            **by_domain,
            **with_prefix("outside", self.outside_check.tensors()),
            **with_prefix("site", self.site_estimator.tensors()),
            **with_prefix("near", self.nearness.tensors()),
        }

    @classmethod
    def shapes(cls, values: Mapping[str, Any], n_classes: int, embed_dim: int) -> dict[str, Shape]:
        """See `KeptPart.shapes`."""
        names = ["held_out", *map(str, range(values["calibrated_on"]))]
        scores: dict[str, Shape] = {f"scores.{name}": (f"images.{name}",) for name in names}
        scores |= with_prefix("outside", Outside.shapes(embed_dim))
        scores |= with_prefix("near", Nearness.shapes(embed_dim))
        return scores | with_prefix("site", SiteEstimator.shapes(n_classes, embed_dim))

    @classmethod
    def from_saved(
        cls, values: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]
    ) -> Expectation:
        """See `KeptPart.from_saved`."""
        held_out, new_site = from_json(values)
        by_domain = tuple(tensors[f"scores.{i}"] for i in range(values["calibrated_on"]))
        return cls(
            float(values["temperature"]),
            held_out,
            new_site,
            ConformalSets(tensors["scores.held_out"], by_domain, values["score"]),
            Outside.from_tensors(without_prefix("outside", tensors)),
            SiteEstimator.from_saved(values["estimators"], without_prefix("site", tensors)),
            Nearness.from_tensors(without_prefix("near", tensors)),
            values["seconds"],
        )
