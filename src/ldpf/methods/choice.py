"""The choice between candidates that were judged on the same latent domains left out in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

ENSEMBLE = "ensemble"
"""Name of the combination in the table of candidates."""


@dataclass(frozen=True)
class Judged:
    """How good a candidate is.

    Attributes:
        name: of a method, or `ENSEMBLE`.
        by_domain: accuracy on each latent domain by a model that did not learn from it; empty
            where no latent domain could be left out.
        validation_accuracy: on held-out images of the training domains; on the training images
            where there are none.
        seconds: that training and judging took; for the ensemble, on top of its members.
    """

    name: str
    by_domain: tuple[float, ...]
    validation_accuracy: float
    seconds: float

    @property
    def accuracy(self) -> float | None:
        """Mean over latent domains left out; None without any."""
        return fmean(self.by_domain) if self.by_domain else None

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "name": self.name,
            "left_out_accuracy": self.accuracy,
            "by_domain": list(self.by_domain),
            "validation_accuracy": self.validation_accuracy,
            "seconds": self.seconds,
        }


def choose(candidates: Sequence[Judged], margin: float) -> tuple[str, str]:
    """The ensemble, unless a single candidate is clearly better on latent domains left out.

    Leaving out latent domains ranks heads and prompts unlike new sites do, so a small lead there
    says nothing; the ensemble needs no choice.

    Args:
        candidates: each once, the one called `ENSEMBLE` among them.
        margin: how many standard errors over latent domains a candidate must be better by.

    Returns:
        The name, and the reason in one sentence.
    """
    ensemble = next(candidate for candidate in candidates if candidate.name == ENSEMBLE)
    n_domains = len(ensemble.by_domain)
    if n_domains < 2:
        return ENSEMBLE, (
            f"The ensemble is kept: {n_domains} latent domains could be left out in turn, and a "
            "choice needs 2 or more."
        )
    leads = {
        candidate.name: lead(candidate.by_domain, ensemble.by_domain)
        for candidate in candidates
        if candidate.name != ENSEMBLE
    }
    if not leads:
        return ENSEMBLE, "The ensemble is kept: there is no other candidate."
    clear = {name: mean for name, (mean, error) in leads.items() if mean > max(margin * error, 0)}
    among = f"averaged over {n_domains} latent domains left out in turn"
    if clear:
        best = max(clear, key=clear.__getitem__)
        mean, error = leads[best]
        return best, (
            f"{best} is chosen: {among}, it is {100 * mean:.1f} points better than the ensemble, "
            f"more than {margin:g} standard errors of {100 * error:.1f}."
        )
    best = max(leads, key=lambda name: leads[name][0])
    mean, error = leads[best]
    if mean > 0:
        return ENSEMBLE, (
            f"The ensemble is kept: {among}, the best single candidate, {best}, is only "
            f"{100 * mean:.1f} points better, within {margin:g} standard errors of "
            f"{100 * error:.1f}."
        )
    return ENSEMBLE, f"The ensemble is kept: {among}, no single candidate is better ({best} next)."


def lead(accuracies: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """Mean difference of accuracies on the same S latent domains, and its standard error.

    Args:
        accuracies, others: [S] each, S of 2 or more.
    """
    differences = [own - other for own, other in zip(accuracies, others, strict=True)]
    return fmean(differences), stdev(differences) / len(differences) ** 0.5


HEADINGS = ("candidate", "latent domains left out", "held out", "seconds")


def table_rows(auto: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The table under `HEADINGS` as it is shown, from what a model keeps as `training["auto"]`."""
    rows = []
    for row in auto["table"]:
        accuracy = row["left_out_accuracy"]
        rows.append(
            (
                row["name"] + (" (chosen)" if row["name"] == auto["chosen"] else ""),
                "-" if accuracy is None else f"{accuracy:.1%}",
                f"{row['validation_accuracy']:.1%}",
                f"{row['seconds']:.1f}",
            )
        )
    return rows


def cost_sentence(auto: Mapping[str, Any]) -> str:
    """What the choice took; empty where there is nothing to compare it with."""
    if auto.get("cost") is None:
        return ""
    return (
        f"Training and judging all candidates took {auto['seconds']:.0f} s, {auto['cost']:.1f} "
        f"times as long as training {auto['cost_of']}."
    )
