"""What an estimator of accuracy is given, what it is, and the estimators by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ldpf.utils.registry import Registry

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False)
class SiteAnswers:
    """Answers on the photos of one site, whose labels nobody knows.

    Attributes:
        logits: [N, K] of the model.
        second_logits: [N, K] of another, simple model of the same images.
        temperature: T of the model's calibrated probabilities.
        shares: [K] of the classes among the model's training images.
    """

    logits: torch.Tensor
    second_logits: torch.Tensor
    temperature: float
    shares: torch.Tensor

    def __len__(self) -> int:
        return len(self.logits)

    @cached_property
    def probabilities(self) -> torch.Tensor:
        """Calibrated probabilities, [N, K] float64."""
        return (self.logits.double() / self.temperature).softmax(dim=1)

    @cached_property
    def confidences(self) -> torch.Tensor:
        """The largest of each image, [N] float64."""
        return self.probabilities.max(dim=1).values


@dataclass(frozen=True, eq=False)
class KnownSite:
    """A site whose labels are known: a latent domain that the model has not seen.

    Attributes:
        answers: on its photos.
        labels: [N] class ids.
    """

    answers: SiteAnswers
    labels: torch.Tensor

    @property
    def accuracy(self) -> float:
        """Share of right answers."""
        right = self.answers.logits.argmax(dim=1) == self.labels
        return float(right.double().mean())


class Estimator:
    """Base of all estimators: a frozen dataclass of what it has learned, numbers or None.

    A subclass is in a file of its own that registers it:

        @ESTIMATORS.register("confidence")

    Attributes:
        registered_name: the name.
        source: where it was published, for tables.
    """

    registered_name: ClassVar[str]
    source: ClassVar[str]

    def fit(self, sites: Sequence[KnownSite]) -> Self:
        """A copy that has learned from sites with known labels, one or more; itself if it need not.

        Every site counts the same, whatever its number of photos.
        """
        return self

    def estimate(self, answers: SiteAnswers) -> float:
        """The accuracy on the photos of a site, one or more, from 0 to 1."""
        raise NotImplementedError


ESTIMATORS: Registry[Estimator] = Registry(
    "estimator of accuracy", "ldpf.expectation.estimators", variable="ESTIMATORS"
)
"""Estimators by name."""


def learned_numbers(estimator: Estimator) -> dict[str, Any]:
    """What an estimator has learned, as plain values that `ESTIMATORS.make` takes."""
    return dict(vars(estimator))
