"""The choice of a fusion rule by training images, each without its own latent domain's prompt."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from ldpf.errors import SettingsError
from ldpf.fusion.base import FUSION_RULES, FusionExamples, FusionInputs, FusionRule
from ldpf.fusion.class_weights import ClassWeights
from ldpf.fusion.entropy import Entropy, SimilarityEntropy
from ldpf.fusion.episodes import balanced_mean, judged_logits
from ldpf.fusion.fallback import Fallback
from ldpf.fusion.fitting import calibrated
from ldpf.fusion.gate import Gate
from ldpf.fusion.gaussian import Gaussian
from ldpf.fusion.mixing import LogitSimilarity, ProbabilitySimilarity
from ldpf.fusion.similarity import Similarity
from ldpf.fusion.trust import Trust
from ldpf.fusion.uniform import Uniform
from ldpf.fusion.von_mises_fisher import VonMisesFisher
from ldpf.utils.learned import learned

log = logging.getLogger("ldpf")

CANDIDATES: dict[str, FusionRule] = {
    "uniform": Uniform(),
    "similarity, tau 0.1": Similarity(tau=0.1),
    "similarity, tau 0.3": Similarity(tau=0.3),
    "similarity, tau 1": Similarity(tau=1.0),
    "logit-similarity, tau 1": LogitSimilarity(tau=1.0),
    "probability-similarity, tau 1": ProbabilitySimilarity(tau=1.0),
    "entropy": Entropy(),
    "similarity-entropy": SimilarityEntropy(),
    "class-weights": ClassWeights(),
    "gaussian": Gaussian(),
    "von-mises-fisher": VonMisesFisher(),
    "trust": Trust(),
    "gate": Gate(),
}
"""What `auto` chooses from, `uniform` first: the others must beat it."""


@dataclass(frozen=True)
class Judged:
    """What one candidate reached.

    Attributes:
        log_likelihood: mean of log p(y|x) over latent domains, own prompts left out.
        gain: by which it exceeds that of equal weights.
        error: standard error of the gain.
    """

    log_likelihood: float
    gain: float
    error: float


@FUSION_RULES.register("auto", learns=True)
@dataclass(frozen=True)
class Auto(FusionRule):
    """The best rule on training images without the prompt of their own latent domain.

    A prompt of another latent domain is a fold for free. Each candidate is judged by its mean log
    p(y|x) over latent domains, at its own best temperature; the best is kept if it exceeds equal
    weights by more than the standard error of that gain, else `uniform`. The table and the reason
    go to the log. What `fit` returns is the chosen rule itself, so models and exports hold nothing
    of the choice. `fallback` is a candidate where the text features of the zero-shot ensemble are
    known.

    Attributes:
        zero_shot: text features of the zero-shot ensemble, [K, D].
    """

    asks_zero_shot: ClassVar[bool] = True
    zero_shot: torch.Tensor | None = learned()

    def with_zero_shot(self, text_features: torch.Tensor) -> Auto:
        """The choice that may also fall back to these text features [K, D]."""
        return replace(self, zero_shot=text_features)

    @property
    def needs_fit(self) -> bool:
        """Always: it is no rule before the choice."""
        return True

    def weights(self, inputs: FusionInputs) -> torch.Tensor:
        """Never given; `fit` returns the rule that gives them.

        Raises:
            SettingsError: always.
        """
        raise SettingsError("The fusion rule 'auto' gives no weights; call fit to choose a rule.")

    def fit(
        self, train: FusionExamples, validation: FusionExamples, *, seed: int = 0
    ) -> FusionRule:
        """The chosen rule, fitted to all training images."""
        if len(train.inputs.text_features) == 1:
            log.info("fusion auto: uniform, since one latent domain leaves no prompts to weigh.")
            return CANDIDATES["uniform"]
        candidates = CANDIDATES
        if self.zero_shot is not None:
            candidates = candidates | {"fallback": Fallback(zero_shot=self.zero_shot)}
        judged = judge(candidates, train, validation, seed=seed)
        chosen = choose(judged)
        log.info("%s\n%s", table(judged), reason(judged, chosen))
        return candidates[chosen].fit(train, validation, seed=seed)


def judge(
    candidates: dict[str, FusionRule],
    train: FusionExamples,
    validation: FusionExamples,
    *,
    seed: int = 0,
) -> dict[str, Judged]:
    """Each candidate by name on the same training images; the first is what gains refer to."""
    result: dict[str, Judged] = {}
    first = None
    for name, rule in candidates.items():
        values = calibrated(judged_logits(rule, train, validation, seed=seed), train.labels)
        first = values if first is None else first
        mean, _ = balanced_mean(values, train.domains)
        result[name] = Judged(mean, *balanced_mean(values - first, train.domains))
    return result


def choose(judged: dict[str, Judged]) -> str:
    """The best name, or the first where the best gains no more than its standard error."""
    best = max(judged, key=lambda name: judged[name].gain)
    return best if judged[best].gain > judged[best].error else next(iter(judged))


def table(judged: dict[str, Judged]) -> str:
    """One line for each candidate."""
    width = max(map(len, judged))
    lines = ["fusion auto: mean log p(y|x) of training images without their own prompt"]
    lines += [
        f"  {name:{width}}  {item.log_likelihood:8.4f}  {item.gain:+8.4f} +- {item.error:.4f}"
        for name, item in judged.items()
    ]
    return "\n".join(lines)


def reason(judged: dict[str, Judged], chosen: str) -> str:
    """Why, in a sentence."""
    first, best = next(iter(judged)), max(judged, key=lambda name: judged[name].gain)
    item = judged[best]
    if chosen != first:
        return (
            f"fusion auto: {chosen}, which exceeds {first} by {item.gain:.4f} nats, more than the "
            f"standard error {item.error:.4f}."
        )
    if best == first:
        return f"fusion auto: {first}, which no other rule exceeds."
    return (
        f"fusion auto: {first}, since the best other rule ({best}) exceeds it by {item.gain:.4f} "
        f"nats only, within the standard error {item.error:.4f}."
    )
