"""How much a visual head and the prompts beside it weigh, by latent domains left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch

from ldpf.methods.shares import least_regret_shares
from ldpf.methods.sides import side_folds, without_prompts_of
from ldpf.models.combining import combine
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

LEAST = 0.05
"""Share of the prompts at least: a head alone cannot answer a class without images."""


@dataclass(frozen=True)
class HeadShare:
    """What the head weighs, and why.

    Attributes:
        head: its share; the prompts have the rest.
        reason: in one sentence.
        losses: mean -log p(y|x) of prompts and head in each fold, calibrated; empty where the share
            was not chosen by folds.
    """

    head: float
    reason: str
    losses: tuple[tuple[float, float], ...] = ()

    @property
    def shares(self) -> tuple[float, float]:
        """Of prompts and head."""
        return 1 - self.head, self.head

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        losses = [{"prompts": prompts, "head": head} for prompts, head in self.losses]
        return {"head": self.head, "reason": self.reason, "losses": losses}


def share_by_folds(
    classifier: Classifier, head: VisualHead, train: FeatureSet, validation: FeatureSet
) -> HeadShare:
    """The share of the head beside prompts of latent domains, by the least regret.

    Latent domains are joined to two sides, and each side is left out: the head is fitted to the
    images of the other, and the prompts answer without those of that side. This is a fold without
    training where the prompts share no tokens (M1 = 0), and an approximation where they do. Both
    are calibrated as they are outside of folds. See `least_regret_shares` for the choice.

    Args:
        classifier: prompts, trained on `train`.
        head: not fitted.
        train: labeled images.
        validation: other images of the same sources; may be empty.
    """
    if classifier.latent is None or classifier.n_domains < 2:
        return HeadShare(EQUAL, "Shares are equal: no latent domain can be left out.")
    folds = side_folds(train, validation, classifier.latent)
    left_out = [part for fold in folds if (part := _answers(classifier, head, fold)) is not None]
    if len(left_out) < 2:
        return HeadShare(
            EQUAL,
            f"Shares are equal: {len(left_out)} of two sides of the latent domains could be left "
            "out, and a choice needs both.",
        )
    labels = torch.cat([labels for labels, _ in left_out])
    of_fold = torch.cat([torch.full_like(own, fold) for fold, (own, _) in enumerate(left_out)])
    answers = [torch.cat(own) for own in zip(*(both for _, both in left_out), strict=True)]
    return chosen_share(answers, labels, of_fold)


def chosen_share(
    answers: Sequence[torch.Tensor], labels: torch.Tensor, folds: torch.Tensor
) -> HeadShare:
    """The share of least regret.

    Args:
        answers: calibrated log p(y|x) [N, K] of prompts and of the head.
        labels: class ids [N].
        folds: [N] fold of each image.
    """
    share = min(least_regret_shares(answers, labels, folds)[1], 1 - LEAST)
    losses = tuple(
        tuple(
            float(-own[folds == fold].gather(1, labels[folds == fold, None]).double().mean())
            for own in answers
        )
        for fold in folds.unique()
    )
    told = " and ".join(f"{prompts:.2f} against {head:.2f}" for prompts, head in losses)
    reason = (
        f"The head has the share {share:.2f}: where a side of the latent domains is left out, "
        f"prompts lose {told} nats of the head."
    )
    return HeadShare(share, reason, cast("tuple[tuple[float, float], ...]", losses))


def _answers(
    classifier: Classifier, head: VisualHead, fold: GroupFold
) -> tuple[torch.Tensor, list[torch.Tensor]] | None:
    """Labels [n], and log p(y|x) [n, K] of prompts and head that have not seen these images.

    None where there is no such image, or one class to learn from.
    """
    # A class of this side alone says nothing about the head's share.
    # Nor does an image of a burst that other prompts have learned from.
    judged = fold.judged_by_itself
    judged = judged.subset(torch.isin(judged.labels, fold.train.labels))
    prompts = without_prompts_of(classifier, fold)
    if prompts is None or not len(judged):
        return None
    images = fold.validation if len(fold.validation) else fold.train
    assert classifier.latent is not None
    groups = classifier.latent.assign(fold.train.features) if head.balances else None
    linear = fitted_head(head, fold.train, groups)
    both = combine(classifier.method, [prompts, linear], images)
    return judged.labels, both.member_log_probabilities(judged.features)


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
