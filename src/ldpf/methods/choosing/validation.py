"""The choice by held-out images of the training domains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ldpf.methods.choosing.base import CHOICE_RULES, Choice, ChoiceRule

if TYPE_CHECKING:
    from ldpf.methods.candidates import Candidates


@CHOICE_RULES.register("validation")
@dataclass(frozen=True)
class Validation(ChoiceRule):
    """Training-domain validation: the best on held-out images of the training domains.

    The common rule (Gulrajani & Lopez-Paz, ICLR 2021). It knows nothing of new sites.
    """

    def choose(self, candidates: Candidates, names: Sequence[str]) -> Choice:
        """See `ChoiceRule.choose`; without validation images by the training images."""
        images = candidates.judged
        return Choice.best(
            {n: candidates.classifier(n).accuracy(images.features, images.labels) for n in names}
        )
