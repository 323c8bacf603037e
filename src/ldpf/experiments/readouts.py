"""Several answers out of one training: fusion rules and the oracle on the same prompts."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ldpf.errors import SettingsError
from ldpf.evaluation.metrics import oracle_predictions
from ldpf.fusion import FUSION_RULES
from ldpf.methods import METHODS
from ldpf.models.base import Classifier


@dataclass(frozen=True)
class Readout:
    """A way to read predictions off a trained model.

    Attributes:
        trained_as: the method that is trained.
        fusion: the fusion rule; None for the method's own.
        oracle: whether true labels of the target are used (reported apart).
    """

    trained_as: str
    fusion: str | None = None
    oracle: bool = False

    def predict(
        self, classifier: Classifier, features: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor:
        """Predicted classes [N] for features [N, D]; `labels` are read by the oracle only.

        A fusion rule or the oracle needs the several prompts of a `PromptClassifier`.
        """
        return self.answer(classifier, features, labels)[0]

    def answer(
        self, classifier: Classifier, features: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """As `predict`, with the probability [N] of each answer; an oracle has none."""
        if self.oracle:
            return oracle_predictions(classifier, features, labels), None
        reader = classifier if self.fusion is None else classifier.with_fusion(self.fusion)
        logits = reader.logits(features)
        return logits.argmax(dim=1), torch.softmax(logits, dim=1).max(dim=1).values


READOUTS: dict[str, Readout] = {
    **{name: Readout(name) for name in METHODS},
    **{f"ldpf-{rule}": Readout("ldpf", rule) for rule in FUSION_RULES if rule != "similarity"},
    "ldpf-oracle": Readout("ldpf", oracle=True),
    "random-oracle": Readout("ldpf-random", oracle=True),
}
"""Everything `--methods` accepts: every method, and LDPF's prompts by each fusion rule but its own.
`random-oracle` is what U_sel is beside chance: the same oracle over the prompts of a random split.
"""


def get_readout(name: str) -> Readout:
    """Look a method or read-out up by name; raises SettingsError for an unknown one."""
    if name not in READOUTS:
        raise SettingsError(f"There is no method {name!r}; choose from {', '.join(READOUTS)}.")
    return READOUTS[name]


def readout_of(name: str) -> Readout:
    """The read-out behind a result's method, also where that method is not known here."""
    return READOUTS.get(name, Readout(name))
