"""Shares of the members of an ensemble, by what they answer on latent domains left out."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ldpf.fusion.fitting import likeliest_scale, minimized


def stacked_shares(
    log_probabilities: Sequence[torch.Tensor],
    labels: torch.Tensor,
    domains: torch.Tensor,
    *,
    pull: float = 0.02,
) -> tuple[float, ...]:
    """The shares that make labels likeliest on latent domains left out (stacking, Wolpert 1992).

    With members m and their log p_m(y|x), shares q minimize

        mean over domains of -log softmax(a sum_m q_m log p_m(.|x))_y  +  pull KL(q || equal)

    over q >= 0 with the sum 1 and one scale a, so that a mixture is not preferred for being less
    sure. Every latent domain counts the same.

    Args:
        log_probabilities: of each of M members, calibrated, [N, K].
        labels: class ids [N].
        domains: [N] latent domain of each image, which no member has learned from.
        pull: weight of the pull towards equal shares, in nats; it decides where the latent domains
            left out hardly tell the members apart.

    Returns:
        M shares; equal ones where there is no image.
    """
    members = torch.stack([member.double() for member in log_probabilities])  # [M, N, K]
    equal = 1 / len(members)
    if not len(labels):
        return (equal,) * len(members)
    counts = torch.bincount(domains)
    weights = 1 / (counts[domains].double() * (counts > 0).sum())  # [N]
    # A class that a member cannot answer has log p = -inf, which no gradient survives.
    members = members.clamp_min(torch.finfo(torch.float32).min)

    def loss(share_logits: torch.Tensor, log_scale: torch.Tensor) -> torch.Tensor:
        shares = share_logits.softmax(dim=0)
        mixed = log_scale.exp() * torch.einsum("m,mnk->nk", shares, members)
        of_label = mixed.log_softmax(dim=1).gather(1, labels[:, None])[:, 0]
        apart = (shares * (shares / equal).clamp_min(1e-300).log()).sum()
        return -(weights * of_label).sum() + pull * apart

    scale = likeliest_scale(members.mean(dim=0), labels)
    start = {
        "share_logits": torch.zeros(len(members)),
        "log_scale": torch.tensor(scale).log(),
    }
    found = minimized(loss, start)["share_logits"].softmax(dim=0)
    return tuple(found.tolist())
