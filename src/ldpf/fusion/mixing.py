"""The weights of `similarity`, with logits or probabilities mixed in place of text features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from ldpf.fusion.base import FUSION_RULES
from ldpf.fusion.similarity import Similarity


@FUSION_RULES.register("logit-similarity")
@dataclass(frozen=True)
class LogitSimilarity(Similarity):
    """Similarity weights on logits: a geometric mean of the prompts' answers.

    log p(k|x) = sum_s alpha_s(x) log p_s(k|x) + constant, with alpha of `similarity`: the
    logarithmic opinion pool (Genest & Zidek 1986). A prompt that excludes a class has a veto.
    """

    mixes: ClassVar[Literal["text", "logits", "probabilities"]] = "logits"


@FUSION_RULES.register("probability-similarity")
@dataclass(frozen=True)
class ProbabilitySimilarity(Similarity):
    """Similarity weights on probabilities: an arithmetic mean of the prompts' answers.

    p(k|x) = sum_s alpha_s(x) p_s(k|x), with alpha of `similarity`: the linear opinion pool
    (Genest & Zidek 1986). A prompt that is sure counts more than one that is not.
    """

    mixes: ClassVar[Literal["text", "logits", "probabilities"]] = "probabilities"
