"""Latent domains that say the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from ldpf.doctor.base import SIGNS, Measurement, NotMeasured, Sign, Unit
from ldpf.doctor.case import NEEDS_DOMAINS, Case
from ldpf.domains.diagnosis import ALIKE, similarity_words


@SIGNS.register("twin-domains", title="Latent domains nearly identical", order=30, quick=True)
@dataclass(frozen=True)
class TwinDomains(Sign):
    """Two prompts give nearly the same text features for every class.

    The figure is the largest mean cosine, over classes, of the text features of two prompts.
    """

    threshold: float = ALIKE
    meaning: ClassVar[str] = (
        "Two latent domains are one, so that each of their prompts learned from half of the images."
    )
    unit: ClassVar[Unit] = Unit.NUMBER

    def measure(self, case: Case) -> Measurement:
        """Compare the prompts pairwise; see `Sign.measure`."""
        similarity = case.classifier.training.get("prompt_similarity") or []
        if len(similarity) < 2:
            raise NotMeasured(NEEDS_DOMAINS)
        values = torch.tensor(similarity).fill_diagonal_(-1)
        s, r = divmod(int(values.argmax()), len(values))
        figure = float(values[s, r])
        words = f"the prompts of latent domains {s} and {r} are alike to {figure:.3f} (1: the same)"
        return Measurement(figure, words, tuple(similarity_words(similarity)[1:]))

    def next_step(self, case: Case, measurement: Measurement) -> str:
        """Train with one latent domain fewer."""
        return case.train_again(f"--n-domains {max(case.classifier.n_domains - 1, 1)}")
