"""A gate that learns from training images which prompt to trust on a site it has not seen."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import torch

from ldpf.fusion.base import FUSION_RULES, FusionExamples, FusionInputs, FusionRule
from ldpf.fusion.episodes import answers_for_labels, balanced_mean, balanced_shares, own_prompt
from ldpf.fusion.fitting import minimized
from ldpf.utils.constraints import Number, check_fields, constraint
from ldpf.utils.learned import learned

_SCALE_DECAY = 0.01
"""Decay of the scale as a part of `decay`: a scale of 10 (tau = 0.1) is nothing unusual."""

_SHARES = (0.25, 0.5, 0.75, 1.0)


@FUSION_RULES.register("gate", learns=True)
@dataclass(frozen=True)
class Gate(FusionRule):
    """A small learned map from similarities to weights; own prompts are left out in training.

    p(k|x) = sum_s alpha_s(x) p_s(k|x), alpha(x) = share * softmax(a q + M q + b) + (1 - share) / S
    with q_s = cos(z, c_s): a gate of a mixture of experts (Jacobs et al. 1991) on frozen prompts.
    S^2 + S + 1 numbers are learned by the cross-entropy of the fused answer for training images,
    each without its own latent domain's prompt (an episode that imitates an unseen site), latent
    domains counting the same. `share` pulls it to equal weights: it is judged on latent domains
    that the gate was not fitted to, and 0 unless the gain there exceeds its standard error.

    Attributes:
        decay: weight of the squares of M and b in the loss.
        scale: a, at least 0: one over the temperature.
        matrix: M, [S, S].
        bias: b, [S].
        share: how far the gate is followed, 0 to 1.
    """

    mixes: ClassVar[Literal["text", "logits", "probabilities"]] = "probabilities"
    decay: float = field(default=0.01, metadata=constraint(Number(above=0, float32=True)))
    scale: torch.Tensor | None = learned()
    matrix: torch.Tensor | None = learned()
    bias: torch.Tensor | None = learned()
    share: torch.Tensor | None = learned()

    def __post_init__(self) -> None:
        check_fields(self)

    def weights(self, inputs: FusionInputs) -> torch.Tensor:
        """Weights [N, S], rows summing to one."""
        assert self.scale is not None and self.matrix is not None
        assert self.bias is not None and self.share is not None
        gate = torch.softmax(
            gate_logits(inputs.similarities, self.scale, self.matrix, self.bias), dim=1
        )
        return self.share * gate + (1 - self.share) / gate.shape[1]

    def fit(self, train: FusionExamples, validation: FusionExamples, *, seed: int = 0) -> Gate:
        """Learn the gate on training images, and how far to follow it. Nothing is random."""
        similarities = train.inputs.similarities.double()
        answers = answers_for_labels(train)
        n_domains = similarities.shape[1]
        present = train.domains.unique()
        if n_domains == 1:
            learned_values = _start(1)
            share = 0.0
        else:
            learned_values = self._learn(similarities, answers, train.domains)
            share = 0.0
            if len(present) > 1:
                gated = torch.empty(len(answers), dtype=torch.double)
                for domain in present:
                    out = train.domains == domain
                    fold = self._learn(similarities[~out], answers[~out], train.domains[~out])
                    gated[out] = episode_answers(
                        gate_logits(similarities[out], **fold), answers[out], train.domains[out]
                    )
                equal = episode_answers(torch.zeros_like(answers), answers, train.domains)
                share = helpful_share(gated, equal, train.domains)
        values = {name: value.float() for name, value in learned_values.items()}
        return replace(self, **values, share=torch.tensor(share))

    def _learn(
        self, similarities: torch.Tensor, answers: torch.Tensor, domains: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Scale, matrix and bias of one fit, in float64."""
        image_shares = balanced_shares(domains)

        def loss(root: torch.Tensor, matrix: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
            scale = root.square()
            logits = gate_logits(similarities, scale, matrix, bias)
            fused = episode_answers(logits, answers, domains)
            squares = matrix.square().sum() + bias.square().sum() + _SCALE_DECAY * scale.square()
            return self.decay * squares - (image_shares * fused).sum()

        start = _start(similarities.shape[1])
        values = minimized(loss, {"root": start.pop("scale"), **start})
        return {"scale": values.pop("root").square(), **values}

    def shapes(
        self, n_domains: int, n_classes: int, embed_dim: int
    ) -> dict[str, tuple[int | str, ...]]:
        """S^2 + S + 1 numbers and the share."""
        return {"scale": (), "matrix": (n_domains, n_domains), "bias": (n_domains,), "share": ()}


def gate_logits(
    similarities: torch.Tensor, scale: torch.Tensor, matrix: torch.Tensor, bias: torch.Tensor
) -> torch.Tensor:
    """a q + M q + b of similarities q [N, S]."""
    return scale * similarities + similarities @ matrix.T + bias


def episode_answers(
    logits: torch.Tensor, answers: torch.Tensor, domains: torch.Tensor
) -> torch.Tensor:
    """log p(y|x) [N] of probabilities mixed by softmax(logits) [N, S], own prompts left out.

    Only the labels' probabilities under each prompt matter to it, `answers_for_labels` [N, S]; what
    it agrees with is `episodes.episode_logits`, which mixes all K classes.
    """
    own = own_prompt(domains, logits.shape[1])
    return (logits.masked_fill(own, -torch.inf).log_softmax(dim=1) + answers).logsumexp(dim=1)


def helpful_share(gated: torch.Tensor, equal: torch.Tensor, domains: torch.Tensor) -> float:
    """How far to follow one answer rather than equal weights, from log p(y|x) [N] under each.

    The share with the best mean over latent domains; 0 where its gain is within one standard error.
    """
    best, best_gain = 0.0, 0.0
    for share in _SHARES:
        mixed = (share * gated.exp() + (1 - share) * equal.exp()).log()
        gain, error = balanced_mean(mixed - equal, domains)
        if gain > max(error, best_gain):
            best, best_gain = share, gain
    return best


def _start(n_domains: int) -> dict[str, torch.Tensor]:
    return {
        "scale": torch.ones((), dtype=torch.double),
        "matrix": torch.zeros(n_domains, n_domains, dtype=torch.double),
        "bias": torch.zeros(n_domains, dtype=torch.double),
    }
