"""Conformal prediction sets: for each image the classes among which the right one is, at 90 % say.

Split conformal prediction (Vovk et al. 2005; Lei et al. 2018): a score says how odd a class is for
an image; a set holds every class whose score is at most that which 90 % of calibration images
have for their true class. Sets cover 90 % of new images where these are like the calibration
images. Images of a new site are not like held-out images of the old ones, so the scores here can
also be those of latent domains left out in turn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from ldpf.errors import SettingsError

DEFAULT_SCORE = "lac"

MOST = 4096
"""Scores that are kept of each set of calibration images; of more, as many evenly spaced ranks."""


def lac_scores(probabilities: torch.Tensor) -> torch.Tensor:
    """1 - p_k (least ambiguous sets: Sadinle, Lei, Wasserman, JASA 2019), [N, K] -> [N, K]."""
    return 1 - probabilities


def aps_scores(probabilities: torch.Tensor) -> torch.Tensor:
    """Probability of the class and of all more probable ones (APS: Romano et al., NeurIPS 2020).

    Their form without random numbers: the class counts whole. Classes as probable as each other
    count in the order of their ids, so that the same image always has the same set.
    """
    order = probabilities.argsort(dim=1, descending=True, stable=True)
    cumulative = probabilities.gather(1, order).cumsum(dim=1)
    return torch.empty_like(cumulative).scatter(1, order, cumulative)


def raps_scores(probabilities: torch.Tensor, penalty: float = 0.1, free: int = 2) -> torch.Tensor:
    """APS with a penalty for every class beyond the first `free` (RAPS: Angelopoulos et al. 2021).

    Args:
        probabilities: [N, K].
        penalty: lambda of the paper.
        free: k_reg of the paper.
    """
    order = probabilities.argsort(dim=1, descending=True, stable=True)
    ranks = order.argsort(dim=1) + 1
    return aps_scores(probabilities) + penalty * (ranks - free).clamp_min(0)


SCORES: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "lac": lac_scores,
    "aps": aps_scores,
    "raps": raps_scores,
}
"""Scores [N, K] by name: the higher, the odder is the class for the image."""


def conformal_threshold(scores: torch.Tensor, coverage: float) -> float:
    """The score that a share of `coverage` of images like these do not exceed.

    The ceil((n + 1) coverage)-th smallest of n scores; infinite where n is too small for it.

    Args:
        scores: [n] of the true classes, sorted from small to large.
        coverage: from 0 to 1, both excluded.
    """
    rank = math.ceil((len(scores) + 1) * coverage - 1e-9)
    return math.inf if rank > len(scores) else float(scores[max(rank, 1) - 1])


@dataclass(frozen=True, eq=False)
class ConformalSets:
    """Scores of calibration images, and the sets that they give.

    Attributes:
        score: name in `SCORES`.
        held_out: [m] sorted scores of the true classes of held-out images of the same sites.
        by_domain: the same of each latent domain, answered by a model that has not seen it.
    """

    held_out: torch.Tensor
    by_domain: tuple[torch.Tensor, ...]
    score: str = DEFAULT_SCORE

    def __post_init__(self) -> None:
        if self.score not in SCORES:
            raise SettingsError(f"score={self.score!r} should be one of {', '.join(SCORES)}.")

    @classmethod
    def measure(
        cls,
        held_out: tuple[torch.Tensor, torch.Tensor],
        left_out: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
        score: str = DEFAULT_SCORE,
    ) -> ConformalSets:
        """Scores of both kinds of calibration images.

        Args:
            held_out: probabilities [m, K] and labels [m].
            left_out: probabilities [n, K], labels [n] and latent domains [n].
            score: name in `SCORES`.
        """
        probabilities, labels, groups = left_out
        of_label = true_scores(score, probabilities, labels)
        domains = tuple(thinned(of_label[groups == group]) for group in groups.unique())
        return cls(thinned(true_scores(score, *held_out)), domains, score)

    @property
    def calibrations(self) -> list[str]:
        """Names in `CALIBRATIONS` of those that there are images for."""
        known = {"held-out": bool(len(self.held_out))}
        return [name for name in CALIBRATIONS if known.get(name, bool(self.by_domain))]

    def sets(
        self, probabilities: torch.Tensor, coverage: float, calibration: str | None = None
    ) -> torch.Tensor:
        """Which classes are in the set of each image, [N, K] bool; the answer always is.

        Args:
            probabilities: [N, K], calibrated.
            coverage: share of sets that should hold the true class, between 0 and 1.
            calibration: name in `CALIBRATIONS`; None for `DEFAULT_CALIBRATION`, or for held-out
                images where no latent domain could be left out.

        Raises:
            SettingsError: the coverage cannot be, or there are no images for the calibration.
        """
        check_coverage(coverage)
        if not self.calibrations:
            raise SettingsError(
                "This model was trained without images to calibrate sets on: none was held out, "
                "and no latent domain could be left out. Train with more images."
            )
        usual = DEFAULT_CALIBRATION if self.by_domain else "held-out"
        name = calibration or usual
        if name not in self.calibrations:
            raise SettingsError(
                f"calibration={name!r} should be one of {', '.join(self.calibrations)}."
            )
        threshold = CALIBRATIONS[name](self, coverage)
        odd = SCORES[self.score](probabilities.double())
        result = odd <= threshold
        return result.scatter(1, probabilities.argmax(dim=1, keepdim=True), True)


def check_coverage(coverage: float) -> None:
    """Refuse a coverage that cannot be; raises SettingsError."""
    if not (isinstance(coverage, int | float) and 0 < coverage < 1):
        raise SettingsError(
            f"coverage={coverage!r} should be a number between 0 and 1, both excluded, such as 0.9."
        )


def true_scores(score: str, probabilities: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Scores of the true classes, [n] float64."""
    return SCORES[score](probabilities.double()).gather(1, labels[:, None])[:, 0]


def thinned(scores: torch.Tensor) -> torch.Tensor:
    """Sorted scores; at most `MOST` of them, of evenly spaced ranks."""
    ordered = scores.double().sort().values
    if len(ordered) <= MOST:
        return ordered
    # Upper ranks, so that a threshold is never too low.
    ranks = torch.linspace(0, len(ordered) - 1, MOST, dtype=torch.float64).ceil().long()
    return ordered[ranks]


def _held_out(sets: ConformalSets, coverage: float) -> float:
    return conformal_threshold(sets.held_out, coverage)


def _left_out(sets: ConformalSets, coverage: float) -> float:
    return conformal_threshold(torch.cat(sets.by_domain).sort().values, coverage)


def _worst_domain(sets: ConformalSets, coverage: float) -> float:
    return max(conformal_threshold(scores, coverage) for scores in sets.by_domain)


CALIBRATIONS: Mapping[str, Callable[[ConformalSets, float], float]] = {
    "held-out": _held_out,
    "left-out": _left_out,
    "worst-domain": _worst_domain,
}
"""Threshold for a coverage by what it is calibrated on: held-out images of the same sites, latent
domains left out in turn, or the worst of these."""

DEFAULT_CALIBRATION = "worst-domain"
