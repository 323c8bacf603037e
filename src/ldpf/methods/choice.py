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
        log_likelihoods: mean log p(y|x) on the same latent domains, at the temperature that makes
            all labels there likeliest.
        validation_accuracy: on held-out images of the training domains; on the training images
            where there are none.
        seconds: that training and judging took; for the ensemble, on top of its members.
    """

    name: str
    by_domain: tuple[float, ...]
    log_likelihoods: tuple[float, ...]
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
            "log_likelihoods": list(self.log_likelihoods),
            "validation_accuracy": self.validation_accuracy,
            "seconds": self.seconds,
        }


def choose(candidates: Sequence[Judged], margin: float) -> tuple[str, str]:
    """The ensemble, unless a single candidate is clearly better on latent domains left out.

    Candidates are compared by their log-likelihood: it says more than an accuracy about few latent
    domains, and a candidate that answers wrongly with confidence loses by it.

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
        candidate.name: lead(candidate.log_likelihoods, ensemble.log_likelihoods)
        for candidate in candidates
        if candidate.name != ENSEMBLE
    }
    if not leads:
        return ENSEMBLE, "The ensemble is kept: there is no other candidate."
    clear = {name: mean for name, (mean, error) in leads.items() if mean > max(margin * error, 0)}
    among = f"on {n_domains} latent domains left out in turn"
    best = max(clear or leads, key=lambda name: leads[name][0])
    mean, error = leads[best]
    if clear:
        return best, (
            f"{best} is chosen: {among}, its log-likelihood is {mean:.3f} nats above that of the "
            f"ensemble, more than {margin:g} standard errors of {error:.3f}."
        )
    if mean > 0:
        return ENSEMBLE, (
            f"The ensemble is kept: {among}, the log-likelihood of the best single candidate, "
            f"{best}, is only {mean:.3f} nats above, within {margin:g} standard errors of "
            f"{error:.3f}."
        )
    return ENSEMBLE, (
        f"The ensemble is kept: {among}, no single candidate has a higher log-likelihood "
        f"({best} comes next, {-mean:.3f} nats below)."
    )


def reason_of(rule: str, scores: Mapping[str, float]) -> str:
    """Why a rule of choice takes what it takes, in one sentence.

    Args:
        rule: its name.
        scores: of every candidate, one or more; the first of the highest is taken.
    """
    best = max(scores, key=scores.__getitem__)
    others = {name: score for name, score in scores.items() if name != best}
    told = f"{best} is chosen: by the rule {rule!r} it has {scores[best]:.3f}"
    if not others:
        return f"{told}, and there is no other candidate."
    following = max(others, key=others.__getitem__)
    return f"{told}, and the next, {following}, {others[following]:.3f}."


def lead(values: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """Mean difference of values on the same S latent domains, and its standard error.

    Args:
        values, others: [S] each, S of 2 or more.
    """
    differences = [own - other for own, other in zip(values, others, strict=True)]
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
