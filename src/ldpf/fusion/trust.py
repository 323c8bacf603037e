"""A rule that decides per image how far to trust the similarities."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import torch

from ldpf.fusion.base import FUSION_RULES, FusionExamples, FusionInputs, FusionRule
from ldpf.fusion.episodes import answers_for_labels, balanced_shares, own_prompt
from ldpf.fusion.fitting import minimized
from ldpf.fusion.similarity import similarity_weights
from ldpf.utils.constraints import Number, check_fields, constraint
from ldpf.utils.learned import learned

_QUANTILES = 101


@FUSION_RULES.register("trust", learns=True)
@dataclass(frozen=True)
class Trust(FusionRule):
    """A mixture of similarity weights and equal weights, chosen for each image (ours).

    p(k|x) = sum_s alpha_s(x) p_s(k|x), alpha_s(x) = r(x) softmax_s(cos(z, c_s) / tau) +
    (1 - r(x)) / S, with r(x) = sigmoid(b + w^T signals(x)). Three signals from 0 to 1: closeness,
    the share of training images whose largest similarity is not above x's; agreement of the
    prompts, one less their Jensen-Shannon divergence over log S (Lin 1991); and confidence, the
    largest probability of the answer by similarity weights. b and w are learned by the
    cross-entropy of the fused answer for training images without their own prompts, as `gate` is.

    Attributes:
        tau: temperature of the similarities.
        decay: weight of the squares of b and w in the loss; towards infinity r is 1/2.
        quantiles: of the largest similarity among training images, [101] in rising order.
        slopes: w, [3].
        bias: b.
    """

    mixes: ClassVar[Literal["text", "logits", "probabilities"]] = "probabilities"
    tau: float = field(default=1.0, metadata=constraint(Number(above=0, float32=True)))
    decay: float = field(default=0.001, metadata=constraint(Number(above=0, float32=True)))
    quantiles: torch.Tensor | None = learned()
    slopes: torch.Tensor | None = learned()
    bias: torch.Tensor | None = learned()

    def __post_init__(self) -> None:
        check_fields(self)

    def weights(self, inputs: FusionInputs) -> torch.Tensor:
        """Weights [N, S], rows summing to one."""
        assert self.quantiles is not None and self.slopes is not None and self.bias is not None
        similar = similarity_weights(inputs.similarities, self.tau)
        equal = torch.full_like(similar, 1 / similar.shape[1])
        signals = trust_signals(inputs, similar, equal, self.quantiles)
        trust = torch.sigmoid(self.bias + signals @ self.slopes)[:, None]
        return equal + trust * (similar - equal)

    def fit(self, train: FusionExamples, validation: FusionExamples, *, seed: int = 0) -> Trust:
        """Quantiles of training images, and how far to trust by them. Nothing is random."""
        inputs, n_domains = train.inputs, train.inputs.similarities.shape[1]
        largest = inputs.similarities.max(dim=1).values
        quantiles = torch.quantile(largest.double(), torch.linspace(0, 1, _QUANTILES).double())
        own = own_prompt(train.domains, n_domains)
        masked = FusionInputs(
            inputs.similarities.masked_fill(own, -torch.inf),
            inputs.image_features,
            inputs.text_features,
            inputs.logit_scale,
        )
        similar = similarity_weights(masked.similarities, self.tau)
        equal = (~own).to(similar.dtype) / max(n_domains - 1, 1)
        signals = trust_signals(masked, similar, equal, quantiles.float()).double()
        answers = answers_for_labels(train).exp()
        by_similar, by_equal = (answers * similar).sum(dim=1), (answers * equal).sum(dim=1)
        shares = balanced_shares(train.domains)

        def loss(slopes: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
            trust = torch.sigmoid(bias + signals @ slopes)
            fused = (trust * by_similar + (1 - trust) * by_equal).clamp_min(1e-30).log()
            return self.decay * (slopes.square().sum() + bias.square()) - (shares * fused).sum()

        start = {"slopes": torch.zeros(3), "bias": torch.zeros(())}
        values = {name: value.float() for name, value in minimized(loss, start).items()}
        return replace(self, quantiles=quantiles.float(), **values)

    def shapes(
        self, n_domains: int, n_classes: int, embed_dim: int
    ) -> dict[str, tuple[int | str, ...]]:
        """Quantiles and four numbers, whatever the latent domains."""
        return {"quantiles": (_QUANTILES,), "slopes": (3,), "bias": ()}


def trust_signals(
    inputs: FusionInputs, similar: torch.Tensor, equal: torch.Tensor, quantiles: torch.Tensor
) -> torch.Tensor:
    """Closeness, agreement and confidence of images, [N, 3] from 0 to 1.

    Args:
        inputs: of the images.
        similar, equal: similarity weights and equal weights [N, S], 0 for prompts left out.
        quantiles: of the largest similarity among training images.
    """
    largest = inputs.similarities.max(dim=1, keepdim=True).values
    closeness = (quantiles <= largest).to(similar.dtype).mean(dim=1)
    log_p = inputs.prompt_logits.log_softmax(dim=2)  # [N, S, K]
    p = log_p.exp()
    mean = (equal[:, :, None] * p).sum(dim=1)
    entropy_of_mean = -(mean * mean.clamp_min(1e-30).log()).sum(dim=1)
    mean_entropy = -(equal[:, :, None] * p * log_p).sum(dim=(1, 2))
    most = torch.log((equal > 0).sum(dim=1).clamp_min(2).to(p.dtype))
    agreement = 1 - ((entropy_of_mean - mean_entropy) / most).clamp(0, 1)
    confidence = (similar[:, :, None] * p).sum(dim=1).max(dim=1).values
    return torch.stack([closeness, agreement, confidence], dim=1)
