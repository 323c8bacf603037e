"""Which method to take here: the trained one beside simple others, on the same latent domains."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from ldpf.errors import LdpfError
from ldpf.methods.base import make_method
from ldpf.methods.left_out import answers_of, in_a_fold, left_out_classifiers
from ldpf.utils.quiet import quiet
from ldpf.utils.text import count
from ldpf.utils.ways import setting

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.features.feature_set import FeatureSet
    from ldpf.methods import Method
    from ldpf.models.base import Classifier

log = logging.getLogger("ldpf")

COMPARED = ("linear-probe", "gda", "coop")
"""Methods that take seconds with cached features: a head, a discriminant, and one prompt."""

CLEAR = 0.01
"""Lead in accuracy below which two methods are equally good, whatever their standard error."""


@dataclass(frozen=True)
class Compared:
    """How good a method is on these images.

    Attributes:
        name: of the method.
        by_domain: accuracy on each latent domain by its id, by a model that has not seen it.
        held_out: accuracy on held-out images of the same sites; None without any.
        seconds: that training and judging took; 0 for the trained model itself.
    """

    name: str
    by_domain: Mapping[int, float]
    held_out: float | None
    seconds: float = 0.0

    def mean(self, domains: Sequence[int]) -> float:
        """Mean accuracy over latent domains."""
        return fmean(self.by_domain[domain] for domain in domains)


@dataclass(frozen=True)
class Advice:
    """The trained method and the others, and which to take.

    Attributes:
        own: the trained one.
        others: those that it was compared with.
    """

    own: Compared
    others: tuple[Compared, ...]

    @property
    def domains(self) -> list[int]:
        """Latent domains that every method was judged on."""
        rows = [set(row.by_domain) for row in (self.own, *self.others)]
        return sorted(set.intersection(*rows))

    @property
    def best(self) -> Compared:
        """The trained method, unless another is clearly better.

        Clearly: by `CLEAR` and by one standard error over latent domains left out. Held-out images
        of the same sites say nothing of a new site, so they never speak for another method.
        """
        if len(self.domains) < 2 or not self.others:
            return self.own
        lead, error = self._lead(self._strongest)
        return self._strongest if lead > max(error, CLEAR) else self.own

    @property
    def sentence(self) -> str:
        """Which method to take here, and why: one line."""
        if not self.others:
            return f"Advice: nothing simpler could be compared with {self.own.name} here."
        if len(self.domains) < 2:
            said = ", ".join(_held_out(row) for row in (self.own, *self.others))
            return (
                f"Advice: keep {self.own.name}. Fewer than two latent domains could be left out, "
                f"so nothing here tells methods apart at a new site (on held-out images: {said})."
            )
        rows = sorted((self.own, *self.others), key=lambda row: -row.mean(self.domains))
        said = ", ".join(f"{row.name} {row.mean(self.domains):.1%}" for row in rows)
        judged = f"over {count(len(self.domains), 'latent domain')} left out in turn: {said}"
        best = self.best
        if best is not self.own:
            return (
                f"Advice: take {best.name} here ({setting('method', best.name)}), which does "
                f"clearly better than {self.own.name} where it has not been ({judged})."
            )
        lead, _ = self._lead(self._strongest)
        close = f"{self._strongest.name} leads by no more than chance"
        why = close if lead > 0 else "none of the simpler methods does better"
        return f"Advice: keep {self.own.name}; {why} ({judged})."

    @property
    def _strongest(self) -> Compared:
        return max(self.others, key=lambda row: row.mean(self.domains))

    def _lead(self, other: Compared) -> tuple[float, float]:
        """Mean lead of another method over the trained one, and its standard error."""
        leads = [other.by_domain[d] - self.own.by_domain[d] for d in self.domains]
        return fmean(leads), stdev(leads) / len(leads) ** 0.5

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "take": self.best.name,
            "sentence": self.sentence,
            "own": _to_json(self.own),
            "others": [_to_json(row) for row in self.others],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Advice:
        """What `to_json` gave."""
        return cls(_from_json(values["own"]), tuple(map(_from_json, values["others"])))


def advise(
    classifier: Classifier,
    train: FeatureSet,
    validation: FeatureSet,
    backbone: Backbone,
    *,
    names: Sequence[str] = COMPARED,
    seed: int = 0,
) -> Advice | None:
    """Compare a trained classifier with simple methods on the same images.

    Latent domains are those of its `expectation`, so the trained method itself is judged already.
    Prompts of the others have a short training. Where a method is the trained one, or a choice
    between candidates has judged it, nothing is trained again.

    Args:
        classifier: trained on `train`, with an expectation.
        train: its training images.
        validation: images of the same sites that were held out; may be empty.
        backbone: that made the features.
        names: of the methods to compare with.
        seed: as given to `measure_expectation`, for the same latent domains.

    Returns:
        The comparison; None where the classifier has no expectation.
    """
    expectation = classifier.expectation
    if expectation is None:
        return None
    judged = _judged_before(classifier)
    own = judged.pop("", None)
    if own is None:
        site = expectation.new_site
        by_domain = {} if site is None else {d.domain: d.accuracy for d in site.domains}
        held_out = None if expectation.held_out is None else expectation.held_out.accuracy
        own = Compared(classifier.method, by_domain, held_out)
    others = []
    for name in names:
        if name == own.name:
            continue
        if judged:
            others += [judged[name]] if name in judged else []
            continue
        try:
            others.append(_compared(make_method(name), train, validation, backbone, seed))
        except LdpfError as error:
            log.debug("%s is not compared: %s", name, error)
    return Advice(own, tuple(others))


def _compared(
    method: Method, train: FeatureSet, validation: FeatureSet, backbone: Backbone, seed: int
) -> Compared:
    """One method, fitted to the training images and without each latent domain in turn."""
    started = time.monotonic()
    with quiet():
        classifier = in_a_fold(method, len(train)).fit(train, validation, backbone, seed=seed)
    left_out = left_out_classifiers(method, classifier, train, validation, backbone, seed=seed)
    answers = answers_of(left_out, len(classifier.class_names))
    held_out = None
    if len(validation):
        held_out = classifier.accuracy(validation.features, validation.labels)
    return Compared(method.name, answers.accuracies(), held_out, time.monotonic() - started)


def _judged_before(classifier: Classifier) -> dict[str, Compared]:
    """Candidates that a choice has judged, by name; "" is the chosen one. Empty without a choice.

    All of them were judged on the same latent domains.
    """
    auto = classifier.training.get("auto")
    if not auto:
        return {}
    rows = {
        row["name"]: Compared(
            row["name"],
            dict(enumerate(row["by_domain"])),
            row["validation_accuracy"],
            row["seconds"],
        )
        for row in auto["table"]
    }
    return {**rows, "": replace(rows[auto["chosen"]], name=classifier.method)}


def _held_out(row: Compared) -> str:
    return f"{row.name} -" if row.held_out is None else f"{row.name} {row.held_out:.1%}"


def _to_json(row: Compared) -> dict[str, Any]:
    return {**asdict(row), "by_domain": {str(d): value for d, value in row.by_domain.items()}}


def _from_json(values: Mapping[str, Any]) -> Compared:
    by_domain = {int(d): value for d, value in values["by_domain"].items()}
    return Compared(**{**values, "by_domain": by_domain})
