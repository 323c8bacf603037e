"""Several answers out of one training: other fusion rules and the oracle on the same prompts.

Nothing is listed here: every registered method is read off as it is, one that fuses its prompts
also by each other fusion rule, and one that has an oracle by that. So a new method or fusion rule
appears by itself, also from a package outside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ldpf.errors import SettingsError
from ldpf.fusion import FUSION_RULES
from ldpf.methods.base import METHODS
from ldpf.utils.text import did_you_mean

if TYPE_CHECKING:
    import torch

    from ldpf.fusion import FusionRule
    from ldpf.models.base import Classifier


@dataclass(frozen=True)
class Readout:
    """A way to read predictions off a trained model.

    Attributes:
        trained_as: the method that is trained.
        fusion: the fusion rule; None for the method's own.
        oracle: whether true labels of the target are used (reported apart).
        rule: the fusion rule itself, for where its name is not known: what a script has registered
            is not registered in the processes that run it side by side. None looks the name up.
    """

    trained_as: str
    fusion: str | None = None
    oracle: bool = False
    rule: FusionRule | None = field(default=None, compare=False)

    def predict(
        self, classifier: Classifier, features: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor:
        """Predicted classes [N] for features [N, D]; `labels` [N] are read by the oracle only.

        A fusion rule or the oracle needs the several prompts of a `PromptClassifier`.
        """
        return self.answer(classifier, features, labels)[0]

    def answer(
        self, classifier: Classifier, features: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """As `predict`, with the probability [N] of each answer; an oracle has none."""
        # Imported here since it loads torch, and the command line needs the names alone.
        from ldpf.evaluation.metrics import oracle_predictions

        if self.oracle:
            return oracle_predictions(classifier, features, labels), None
        fusion = self.rule or self.fusion
        reader = classifier if fusion is None else classifier.with_fusion(fusion)
        logits = reader.logits(features)
        return logits.argmax(dim=1), logits.softmax(dim=1).max(dim=1).values

    def summary(self) -> str:
        """What it is, in a line."""
        if self.oracle:
            return f"U_sel, the oracle over the prompts of {self.trained_as}: an upper bound."
        if self.fusion is not None:
            return f"The prompts of {self.trained_as}, fused by the rule {self.fusion!r}."
        return METHODS.summary(self.trained_as)


class _Readouts(Mapping[str, Readout]):
    """All read-outs by name, made anew from the registries whenever they are asked for."""

    def __getitem__(self, name: str) -> Readout:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[str, Readout]:
        readouts = {name: Readout(name) for name in METHODS}
        for name in METHODS:
            facts = METHODS.facts(name)
            if own := facts.get("fusion"):
                for rule in FUSION_RULES:
                    # A method of this name goes first; a rule that learns needs training images.
                    if rule != own and not FUSION_RULES.facts(rule).get("learns"):
                        readouts.setdefault(f"{name}-{rule}", Readout(name, rule))
            if oracle := facts.get("oracle"):
                readouts[oracle] = Readout(name, oracle=True)
        return readouts


READOUTS: Mapping[str, Readout] = _Readouts()
"""Everything `--methods` accepts: every method, and what else is read off its training."""


def get_readout(name: str) -> Readout:
    """Look a method or read-out up by name; raises SettingsError for an unknown one."""
    readout = READOUTS.get(name)
    if readout is None:
        names = list(READOUTS)
        raise SettingsError(
            f"There is no method {name!r};{did_you_mean(name, names)} choose from "
            f"{', '.join(names)}."
        )
    return readout


def readout_of(name: str) -> Readout:
    """The read-out behind a result's method, also where that method is not known here."""
    return READOUTS.get(name, Readout(name))


def readouts_of(method: str) -> dict[str, Readout]:
    """All that is read off a training of `method`, by name, each with its fusion rule.

    The method itself comes first.
    """
    return {
        name: readout
        if readout.fusion is None
        else replace(readout, rule=FUSION_RULES.make(readout.fusion))
        for name, readout in READOUTS.items()
        if readout.trained_as == method
    }
