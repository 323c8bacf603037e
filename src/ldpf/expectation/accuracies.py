"""How good a model is: on more images of the same sites, and at a site nobody has seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from ldpf.expectation.intervals import SITE_LEVEL, new_draw, wilson
from ldpf.utils.text import count

WIDE = 0.3
"""Width of an interval above which an accuracy says too little."""

NO_INTERVAL = 0.8
"""Width of an interval for a new site above which it is not worth a word beside the range."""


@dataclass(frozen=True)
class HeldOut:
    """Accuracy on held-out images of the sites that the model learned from.

    Attributes:
        n_right: right answers.
        n: images, 1 or more.
    """

    n_right: int
    n: int

    @property
    def accuracy(self) -> float:
        """Share of right answers."""
        return self.n_right / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval at 95 %."""
        return wilson(self.n_right, self.n)

    @property
    def too_few(self) -> bool:
        """Whether so many images say too little."""
        low, high = self.interval
        return high - low > WIDE

    def __str__(self) -> str:
        if self.too_few:
            return self.words
        return f"{self.words.removesuffix(')')}, {count(self.n, 'image')})"

    @property
    def words(self) -> str:
        """The accuracy and its interval, where the number of images stands already."""
        low, high = self.interval
        if self.too_few:
            return (
                f"{self.n_right} of {self.n} right: too few to say (anything from {low:.0%} to "
                f"{high:.0%})"
            )
        return f"{self.accuracy:.1%} ({low:.1%} to {high:.1%})"


@dataclass(frozen=True)
class LeftOutDomain:
    """Accuracy on a latent domain by a model that has not seen it.

    Attributes:
        domain: id of the latent domain.
        accuracy: share of right answers.
        n: its images.
    """

    domain: int
    accuracy: float
    n: int


@dataclass(frozen=True)
class NewSite:
    """The accuracy to expect at a site nobody has seen, from latent domains left out in turn.

    Attributes:
        domains: what was measured, two latent domains or more.
    """

    domains: tuple[LeftOutDomain, ...]

    @property
    def accuracy(self) -> float:
        """Mean over latent domains."""
        return fmean(domain.accuracy for domain in self.domains)

    @property
    def lowest(self) -> float:
        """Accuracy on the worst latent domain."""
        return min(domain.accuracy for domain in self.domains)

    @property
    def highest(self) -> float:
        """Accuracy on the best latent domain."""
        return max(domain.accuracy for domain in self.domains)

    @property
    def interval(self) -> tuple[float, float]:
        """Interval at 80 % for one more site, if it were drawn like the latent domains."""
        return new_draw([domain.accuracy for domain in self.domains])

    def __str__(self) -> str:
        low, high = self.interval
        between = f"; {SITE_LEVEL:.0%} of such sites are between {low:.0%} and {high:.0%}"
        if high - low > NO_INTERVAL:
            between = ""
        return (
            f"{self.accuracy:.1%} ({self.lowest:.1%} to {self.highest:.1%} over "
            f"{count(len(self.domains), 'latent domain')} left out in turn{between})"
        )


def expected(held_out: HeldOut | None, new_site: NewSite | None) -> list[str]:
    """What to say of both accuracies, and which of them to believe: sentences."""
    first = (
        [] if held_out is None else [f"Accuracy on held-out images of the same sites: {held_out}."]
    )
    return [*first, *at_new_site(held_out, new_site)]


def at_new_site(held_out: HeldOut | None, new_site: NewSite | None) -> list[str]:
    """The same without the held-out accuracy itself."""
    first = [] if new_site is None else [f"Expected accuracy at a new site: {new_site}."]
    return [*first, _which(held_out, new_site)]


def _which(held_out: HeldOut | None, new_site: NewSite | None) -> str:
    if new_site is None:
        return (
            "Nothing can be said of a new site: fewer than two latent domains could be left out. "
            "Photos from more sites would allow it."
        )
    if held_out is None:
        return "Believe it for photos of a site that the model has not seen."
    gap = held_out.accuracy - new_site.accuracy
    usual = (
        "Believe the held-out accuracy for new photos of the sites in the training data, and the "
        "expected accuracy for a site that is not among them"
    )
    if held_out.too_few:
        return f"{usual}; the held-out accuracy is of too few images to be believed at all."
    if gap > new_site.highest - new_site.lowest and gap > 0.05:
        return f"{usual}: there, expect to lose about {100 * gap:.0f} points."
    return f"{usual}."


def to_json(held_out: HeldOut | None, new_site: NewSite | None) -> dict[str, Any]:
    """Both as plain values."""
    return {
        "held_out": None if held_out is None else asdict(held_out),
        "left_out": [] if new_site is None else [asdict(item) for item in new_site.domains],
    }


def from_json(values: Mapping[str, Any]) -> tuple[HeldOut | None, NewSite | None]:
    """What `to_json` gave."""
    held_out = values["held_out"]
    domains = tuple(LeftOutDomain(**item) for item in values["left_out"])
    return (
        None if held_out is None else HeldOut(**held_out),
        new_site_of(domains),
    )


def new_site_of(domains: Sequence[LeftOutDomain]) -> NewSite | None:
    """What the latent domains say of a new site; None where there are fewer than two."""
    return NewSite(tuple(domains)) if len(domains) > 1 else None
