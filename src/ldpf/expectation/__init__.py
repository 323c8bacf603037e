"""What to expect of a trained model: at a new site, of its probabilities, and of each answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ldpf.utils.lazy import lazy_names

if TYPE_CHECKING:
    from ldpf.expectation.accuracies import HeldOut, LeftOutDomain, NewSite
    from ldpf.expectation.expectation import Expectation
    from ldpf.expectation.measure import measure_expectation, with_expectation
    from ldpf.expectation.site_estimate import SiteEstimate

_HOMES = {
    "Expectation": "ldpf.expectation.expectation",
    "HeldOut": "ldpf.expectation.accuracies",
    "LeftOutDomain": "ldpf.expectation.accuracies",
    "NewSite": "ldpf.expectation.accuracies",
    "SiteEstimate": "ldpf.expectation.site_estimate",
    "measure_expectation": "ldpf.expectation.measure",
    "with_expectation": "ldpf.expectation.measure",
}

__all__ = [
    "Expectation",
    "HeldOut",
    "LeftOutDomain",
    "NewSite",
    "SiteEstimate",
    "measure_expectation",
    "with_expectation",
]

__getattr__ = lazy_names(__name__, _HOMES)
