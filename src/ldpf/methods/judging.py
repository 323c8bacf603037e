"""Candidates of `auto`, judged on the same latent domains left out in turn."""

from __future__ import annotations

import logging
import time
from statistics import fmean
from typing import TYPE_CHECKING, Any

from ldpf.domains.discovery import DomainDiscovery
from ldpf.errors import LdpfError
from ldpf.methods.affordable import reference_of
from ldpf.methods.candidates import Candidates
from ldpf.methods.choice import ENSEMBLE, Judged
from ldpf.methods.choosing.fold_scores import likelihoods
from ldpf.methods.choosing.sides import joining
from ldpf.methods.left_out import usable_folds
from ldpf.methods.shares import shares_in_folds
from ldpf.methods.sides import side_folds
from ldpf.models.combining import combine

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.domains.folds import GroupFold
    from ldpf.features.feature_set import FeatureSet
    from ldpf.methods.auto import Auto
    from ldpf.models.base import Classifier
    from ldpf.training.callbacks import RunRecord

log = logging.getLogger("ldpf")


class Judges:
    """Judges candidates on the folds.

    Attributes:
        candidates: trained on all images when they are asked for.
        classifiers: of all images, by name of the candidate.
        members: of the ensemble; those that join are known once they are combined.
        sides: folds that leave out one of two sides of the latent domains each.
        folds: those that every candidate so far could learn from.
        shares: of the members of the ensemble, once they are combined.
    """

    def __init__(
        self,
        auto: Auto,
        train: FeatureSet,
        validation: FeatureSet,
        backbone: Backbone,
        seed: int,
        record: RunRecord,
    ) -> None:
        self.auto = auto
        latent = DomainDiscovery(train, validation, auto.discovery, seed).run()
        of_train, of_validation = (latent.assign(part.features) for part in (train, validation))
        self.n_domains = latent.n_domains
        self.folds = usable_folds(train, validation, of_train, of_validation, self.n_domains)
        self.sides = side_folds(train, validation, latent)
        self.members = auto.members
        self.candidates = Candidates(
            lambda name: auto.candidate(name, self.n_domains),
            *(train, validation, backbone),
            seed=seed,
            record=record,
            steps=auto.judge_steps,
        )
        self.classifiers: dict[str, Classifier] = {}
        self.shares: tuple[float, ...] = ()
        self._seconds: dict[str, float] = {}
        self._in_folds: dict[str, dict[int, Classifier]] = {}

    def train_and_judge(self, name: str) -> None:
        """Train a candidate on all images and in each fold."""
        started = time.monotonic()
        self.classifiers[name] = self.candidates.classifier(name)
        self._in_folds[name] = {}
        for fold in tuple(self.folds):
            try:
                self._in_folds[name][fold.group] = self._in_fold(name, fold)
            except LdpfError as error:
                log.warning("latent domain %d judges nothing: %s", fold.group, error)
                self.folds.remove(fold)
        self._seconds[name] = time.monotonic() - started

    def combine(self) -> None:
        """Combine the members, in each fold calibrated on images that the fold keeps."""
        started = time.monotonic()
        self.members = (*self.auto.members, *self._joining())
        name, members = self.auto.name, self.members
        self.shares = self._shares()
        self.classifiers[ENSEMBLE] = self.candidates.combined(name, members, self.shares)
        self._in_folds[ENSEMBLE] = {
            fold.group: combine(
                name,
                [self._in_folds[member][fold.group] for member in members],
                fold.validation if len(fold.validation) else fold.train,
                self.shares,
            )
            for fold in self.folds
        }
        self._seconds[ENSEMBLE] = time.monotonic() - started

    def _joining(self) -> list[str]:
        """The candidates that are as good as the best member where latent domains are left out."""
        names = [n for n in self.auto.joins if n in self.classifiers and n not in self.members]
        if len(self.folds) < 2 or not names:
            return []
        everyone = (*self.auto.members, *names)
        likely = {name: fmean(self._judged(name).log_likelihoods) for name in everyone}
        for name, value in likely.items():
            log.info("%s: log-likelihood %.3f nats on latent domains left out", name, value)
        return list(joining(likely, self.auto.members, names, self.auto.tie))

    def _shares(self) -> tuple[float, ...]:
        """What each member weighs, by the least regret where a side of the domains is left out.

        Equal shares where the sides cannot be left out.
        """
        members = self.members
        equal = (1 / len(members),) * len(members)
        if self.auto.shares == "equal" or len(self.sides) < 2:
            return equal
        try:
            return shares_in_folds(self.candidates, members, self.sides, pull=self.auto.pull)
        except LdpfError as error:
            log.warning("shares are equal, a side of the latent domains stays in: %s", error)
            return equal

    def prompt_report(self, chosen: str) -> dict[str, Any]:
        """What the training of prompts reports, where the ensemble holds them."""
        if chosen != ENSEMBLE:
            return {}
        prompted = (self.classifiers[name] for name in self.members)
        return next((c.training for c in prompted if c.latent is not None), {})

    def table(self) -> list[Judged]:
        """All candidates on the same folds."""
        return [self._judged(name) for name in self.classifiers]

    def _judged(self, name: str) -> Judged:
        classifier, held_out = self.classifiers[name], self.candidates.judged
        accuracies, log_likelihoods = (), ()
        if self.folds:
            labels = [fold.judged.labels for fold in self.folds]
            logits = [
                self._in_folds[name][f.group].logits(f.judged.features).float() for f in self.folds
            ]
            right = [(x.argmax(dim=1) == y).double() for x, y in zip(logits, labels, strict=True)]
            accuracies = tuple(float(part.mean()) for part in right)
            log_likelihoods = tuple(likelihoods(logits, labels))
        accuracy = classifier.accuracy(held_out.features, held_out.labels)
        return Judged(name, accuracies, log_likelihoods, accuracy, self._seconds[name])

    def cost(self, seconds: float) -> dict[str, Any]:
        """The seconds of all, and how many times the training of the prompts that are fused.

        An interruption before is counted in neither.
        """
        reference = reference_of([name for name in self.classifiers if name != ENSEMBLE])
        if reference is None:
            return {"seconds": seconds, "cost": None, "cost_of": None}
        own = self.candidates.seconds[reference]
        return {"seconds": seconds, "cost": seconds / max(own, 1e-9), "cost_of": reference}

    def _in_fold(self, name: str, fold: GroupFold) -> Classifier:
        """A classifier that did not learn from the images that the fold judges by."""
        return self.candidates.in_fold(name, fold)
