"""Shares of the members of an ensemble, by what they answer on latent domains left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from ldpf.fusion.fitting import likeliest_scale, minimized
from ldpf.models.combining import combine

if TYPE_CHECKING:
    from ldpf.domains.folds import GroupFold
    from ldpf.methods.candidates import Candidates

SOFTNESS = 0.05
"""Temperature of the soft maximum over folds, in nats: what is within it counts as equally bad."""


def least_regret_shares(
    log_probabilities: Sequence[torch.Tensor],
    labels: torch.Tensor,
    folds: torch.Tensor,
    *,
    pull: float = 0.02,
) -> tuple[float, ...]:
    """The shares whose largest regret over folds is the smallest (minimax regret, Savage 1951).

    The regret in a fold is the loss there less that of the best single member there, so that a
    fold that is hard for all members does not rule the others. With members m and their
    log p_m(y|x), shares q minimize

        soft maximum over folds of (mean of -log softmax(a sum_m q_m log p_m(.|x))_y
                                    - min_m mean of -log p_m(y|x))  +  pull KL(q || equal)

    over q >= 0 with the sum 1 and one scale a, so that a mixture is not preferred for being less
    sure.

    Args:
        log_probabilities: of each of M members, calibrated, [N, K].
        labels: class ids [N].
        folds: [N] the fold of each image, which no member has learned from there.
        pull: weight of the pull towards equal shares, in nats; it decides where the folds hardly
            tell the members apart.

    Returns:
        M shares; equal ones where there is no image.
    """
    members = torch.stack([member.double() for member in log_probabilities])  # [M, N, K]
    equal = 1 / len(members)
    if not len(labels):
        return (equal,) * len(members)
    # A class that a member cannot answer has log p = -inf, which no gradient survives.
    members = members.clamp_min(torch.finfo(torch.float32).min)
    images = [folds == fold for fold in folds.unique()]

    def losses(logits: torch.Tensor) -> torch.Tensor:
        """Mean -log p(y|x) in each fold, by logits [N, K]."""
        of_label = logits.log_softmax(dim=1).gather(1, labels[:, None])[:, 0]
        return -torch.stack([of_label[own].mean() for own in images])

    best = torch.stack([losses(member) for member in members]).amin(dim=0)  # [folds]

    def loss(share_logits: torch.Tensor, log_scale: torch.Tensor) -> torch.Tensor:
        shares = share_logits.softmax(dim=0)
        regrets = losses(log_scale.exp() * torch.einsum("m,mnk->nk", shares, members)) - best
        apart = (shares * (shares / equal).clamp_min(1e-300).log()).sum()
        return SOFTNESS * (regrets / SOFTNESS).logsumexp(dim=0) + pull * apart

    scale = likeliest_scale(members.mean(dim=0), labels)
    start = {
        "share_logits": torch.zeros(len(members)),
        "log_scale": torch.tensor(scale).log(),
    }
    found = minimized(loss, start)["share_logits"].softmax(dim=0)
    return tuple(found.tolist())


def shares_in_folds(
    candidates: Candidates,
    members: Sequence[str],
    folds: Sequence[GroupFold],
    *,
    pull: float = 0.02,
) -> tuple[float, ...]:
    """The shares of least regret of candidates that have not learned from what a fold judges by.

    Args:
        candidates: trained on the images that the folds are of.
        members: names of those to be added.
        folds: two or more, such as `side_folds`.
        pull: see `least_regret_shares`.

    Raises:
        LdpfError: the images of a fold are not enough to learn from.
    """
    answers, labels = [], []
    for fold in folds:
        in_fold = [candidates.in_fold(member, fold) for member in members]
        images = fold.validation if len(fold.validation) else fold.train
        combined = combine("members", in_fold, images)
        answers.append(combined.member_log_probabilities(fold.judged.features))
        labels.append(fold.judged.labels)
    return least_regret_shares(
        [torch.cat(of_member) for of_member in zip(*answers, strict=True)],
        torch.cat(labels),
        torch.cat([torch.full_like(own, fold) for fold, own in enumerate(labels)]),
        pull=pull,
    )
