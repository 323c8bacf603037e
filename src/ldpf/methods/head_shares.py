"""How much a visual head and the prompts beside it weigh, by latent domains left out in turn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import stdev
from typing import TYPE_CHECKING, Any

import torch

from ldpf.domains.folds import leave_one_group_out
from ldpf.fusion.episodes import balanced_mean
from ldpf.fusion.fitting import calibrated
from ldpf.models.combined_classifier import add_log_probabilities, combine
from ldpf.models.linear_classifier import LinearClassifier
from ldpf.utils.constraints import OneOf, constraint

if TYPE_CHECKING:
    from ldpf.domains.folds import GroupFold
    from ldpf.features.feature_set import FeatureSet
    from ldpf.heads.base import VisualHead
    from ldpf.models.base import Classifier

SHARES = ("folds", "equal")
"""The shares of prompts and head are chosen by latent domains left out, or are equal."""

SHARES_SETTING = constraint(OneOf(SHARES))

EQUAL = 0.5

GRID = tuple(step / 10 for step in range(1, 10))
"""Shares of the head that are compared. Both ends are left out: a head alone cannot answer a class
without images."""


@dataclass(frozen=True)
class HeadShare:
    """What the head weighs, and why.

    Attributes:
        head: its share; the prompts have the rest.
        reason: in one sentence.
        table: mean log p(y|x) over latent domains left out, by the share of the head; empty where
            none could be left out.
    """

    head: float
    reason: str
    table: Mapping[float, float]

    @property
    def shares(self) -> tuple[float, float]:
        """Of prompts and head."""
        return 1 - self.head, self.head

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        table = [{"head": head, "log_likelihood": value} for head, value in self.table.items()]
        return {"head": self.head, "reason": self.reason, "table": table}


def given_share(head: float, reason: str) -> HeadShare:
    """A share of the head without a comparison."""
    return HeadShare(head, reason, {})


def share_by_folds(
    classifier: Classifier, head: VisualHead, train: FeatureSet, validation: FeatureSet
) -> HeadShare:
    """The share of the head beside prompts of latent domains.

    Each latent domain is left out in turn: the head is fitted to the images of the others, and the
    prompts answer without that domain's own, which is a fold without training where the prompts
    share no tokens (M1 = 0), and an approximation where they do. Both are calibrated as they are
    outside of folds. See `chosen_share` for the choice.

    Args:
        classifier: prompts, trained on `train`.
        head: not fitted.
        train: labeled images.
        validation: other images of the same sources; may be empty.
    """
    if classifier.latent is None or classifier.n_domains < 2:
        return given_share(EQUAL, "Shares are equal: no latent domain can be left out.")
    groups = classifier.latent.assign(train.features), classifier.latent.assign(validation.features)
    folds = leave_one_group_out(train, validation, *groups, range(classifier.n_domains))
    left_out = [part for fold in folds if (part := _LeftOut.of(classifier, head, fold)) is not None]
    if len(left_out) < 2:
        return given_share(
            EQUAL,
            f"Shares are equal: {len(left_out)} latent domains could be left out in turn, and a "
            "choice needs 2 or more.",
        )
    labels = torch.cat([part.labels for part in left_out])
    domains = torch.cat([torch.full_like(part.labels, part.domain) for part in left_out])
    answers = {share: torch.cat([part.answers(share) for part in left_out]) for share in GRID}
    return chosen_share(answers, labels, domains)


def chosen_share(
    answers: Mapping[float, torch.Tensor], labels: torch.Tensor, domains: torch.Tensor
) -> HeadShare:
    """The share nearest to equal ones that the best share does not clearly exceed.

    Shares are compared by the mean over latent domains of log p(y|x), each at the temperature that
    makes the labels likeliest. The best exceeds another clearly where the mean gain is above its
    standard error: over latent domains, or over images of the same domains if that is larger.

    Args:
        answers: class logits [N, K] on images of latent domains left out, by the head's share;
            equal shares among them.
        labels: class ids [N].
        domains: latent domain [N] that was left out for each image.
    """
    values = {share: calibrated(logits, labels) for share, logits in answers.items()}
    table = {share: balanced_mean(value, domains)[0] for share, value in values.items()}
    best = max(table, key=table.__getitem__)
    nearest_first = sorted(table, key=lambda share: (abs(share - EQUAL), -table[share]))
    chosen = next(
        share for share in nearest_first if not _clearly(values[best] - values[share], domains)
    )
    gain, error = _gain(values[chosen] - values[EQUAL], domains)
    if chosen == EQUAL:
        reason = (
            f"Shares are equal: on latent domains left out the best share of the head, {best:g}, "
            f"is {table[best] - table[EQUAL]:.4f} nats better, within the standard error."
        )
    else:
        reason = (
            f"The head has the share {chosen:g}: on latent domains left out it is {gain:.4f} nats "
            f"better than equal shares (standard error {error:.4f})."
        )
    return HeadShare(chosen, reason, table)


def _clearly(differences: torch.Tensor, domains: torch.Tensor) -> bool:
    gain, error = _gain(differences, domains)
    return gain > error


def _gain(differences: torch.Tensor, domains: torch.Tensor) -> tuple[float, float]:
    """Mean over latent domains of differences [N], and the larger of its two standard errors."""
    gain, of_images = balanced_mean(differences, domains)
    means = [float(differences[domains == domain].mean()) for domain in domains.unique()]
    of_domains = stdev(means) / math.sqrt(len(means)) if len(means) > 1 else 0.0
    return gain, max(of_images, of_domains)


@dataclass(frozen=True)
class _LeftOut:
    """What prompts and head answer on images of a latent domain that they have not seen.

    Attributes:
        domain: the latent domain.
        labels: class ids [n] of its images, of classes that other latent domains have too.
        logits: of both, [n, K].
        temperatures: of both.
    """

    domain: int
    labels: torch.Tensor
    logits: tuple[torch.Tensor, ...]
    temperatures: tuple[float, ...]

    @classmethod
    def of(cls, classifier: Classifier, head: VisualHead, fold: GroupFold) -> _LeftOut | None:
        """The answers in a fold; None where it has no such images, or one class to learn from."""
        # A class of this latent domain alone says nothing about the head's share.
        # Nor does an image of a burst that other prompts have learned from.
        judged = fold.judged_by_itself
        judged = judged.subset(torch.isin(judged.labels, fold.train.labels))
        prompts = classifier.without_prompt(fold.group)
        if prompts is None or not len(judged) or len(fold.train.labels.unique()) < 2:
            return None
        images = fold.validation if len(fold.validation) else fold.train
        assert classifier.latent is not None
        groups = classifier.latent.assign(fold.train.features) if head.balances else None
        linear = fitted_head(head, fold.train, groups)
        both = combine(classifier.method, [prompts, linear], images)
        logits = tuple(member.logits(judged.features) for member in both.members)
        return cls(fold.group, judged.labels, logits, both.temperatures)

    def answers(self, share: float) -> torch.Tensor:
        """Logits [n, K] with this share of the head."""
        return add_log_probabilities(self.logits, self.temperatures, (1 - share, share))


def fitted_head(
    head: VisualHead, images: FeatureSet, groups: torch.Tensor | None
) -> LinearClassifier:
    """A head fitted to images, as a classifier.

    Args:
        head: not fitted. One that balances latent domains takes those of `groups`.
        images: labeled.
        groups: latent domain [N] of each image; None where there are none.
    """
    names = tuple(images.class_names)
    fitted = head.fit(images.features, images.labels, groups, n_classes=len(names))
    weight, bias = fitted.weight.float(), fitted.bias.float()
    return LinearClassifier(head.registered_name, names, weight, bias)
