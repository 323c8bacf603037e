"""Several answers out of one training: other fusion rules, visual heads, and the oracle.

Nothing is listed here: every registered method is read off as it is, one that fuses its prompts
also by each other fusion rule, one that says so beside each visual head, and one that has an oracle
by that. So a new method, fusion rule or head appears by itself, also from a package outside. A rule
or head that learns is fitted to the images that the prompts were trained on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ldpf.errors import SettingsError
from ldpf.fusion import FUSION_RULES
from ldpf.heads.base import VISUAL_HEADS
from ldpf.methods.base import METHODS
from ldpf.methods.variants import derived, variants_of
from ldpf.utils.text import did_you_mean

if TYPE_CHECKING:
    import torch

    from ldpf.backbones import Backbone
    from ldpf.features.feature_set import FeatureSet
    from ldpf.fusion import FusionRule
    from ldpf.heads.base import VisualHead
    from ldpf.models.base import Classifier


@dataclass(frozen=True)
class TrainedOn:
    """What a model was trained on, which rules and heads that learn are fitted to as well.

    Attributes:
        train, validation: images of the training domains; never of the target.
        backbone: that made the features; None where no rule asks for zero-shot text features.
        seed: of every random draw.
    """

    train: FeatureSet
    validation: FeatureSet
    backbone: Backbone | None = None
    seed: int = 0


@dataclass(frozen=True)
class Readout:
    """A way to read predictions off a trained model.

    Attributes:
        trained_as: the method that is trained.
        fusion: the fusion rule; None for the method's own.
        oracle: whether true labels of the target are used (reported apart).
        head: the visual head beside the prompts; None for none but the method's own.
        rule: the fusion rule itself, for where its name is not known: what a script has registered
            is not registered in the processes that run it side by side. None looks the name up.
        visual: the visual head itself, likewise.
    """

    trained_as: str
    fusion: str | None = None
    oracle: bool = False
    head: str | None = None
    rule: FusionRule | None = field(default=None, compare=False)
    visual: VisualHead | None = field(default=None, compare=False)

    @property
    def learns(self) -> bool:
        """Whether `reader` needs the images that the model was trained on."""
        if self.fusion is None:
            return self.head is not None
        return (self.rule or FUSION_RULES.make(self.fusion)).needs_fit

    def reader(self, classifier: Classifier, trained_on: TrainedOn | None = None) -> Classifier:
        """What gives the answers of this read-out.

        Args:
            classifier: a trained model, with the several prompts of a `PromptClassifier` for a
                fusion rule or the oracle.
            trained_on: the images it was trained on. Only a read-out that `learns` needs them.

        Raises:
            SettingsError: the fusion rule learns, and there are no images for it to learn from.
        """
        fusion, head = self.rule or self.fusion, self.visual or self.head
        if trained_on is not None:
            images = trained_on.train, trained_on.validation, trained_on.backbone
            return derived(classifier, *images, fusion=fusion, head=head, seed=trained_on.seed)
        if head is not None:
            raise SettingsError(
                f"The head {self.head!r} has to be fitted, but there are no images to fit it to; "
                f"train with head={self.head}."
            )
        return classifier if fusion is None else classifier.with_fusion(fusion)

    def predict(
        self, reader: Classifier, features: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor:
        """Predicted classes [N] for features [N, D]; `labels` [N] are read by the oracle only.

        Args:
            reader: from `reader`.
            features, labels: of the images.
        """
        return self.answer(reader, features, labels)[0]

    def answer(
        self, reader: Classifier, features: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """As `predict`, with the probability [N] of each answer; an oracle has none."""
        predictions, logits = self.answer_logits(reader, features, labels)
        if self.oracle:
            return predictions, None
        probabilities = (logits / reader.temperature).softmax(dim=1)
        return predictions, probabilities.max(dim=1).values

    def answer_logits(
        self, reader: Classifier, features: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """As `predict`, with the logits [N, K] behind the answers: of an oracle, the prompt's."""
        from ldpf.evaluation.metrics import oracle_logits

        logits = oracle_logits(reader, features, labels) if self.oracle else reader.logits(features)
        return logits.argmax(dim=1), logits

    def summary(self) -> str:
        """What it is, in a line."""
        if self.head is not None:
            return f"The prompts of {self.trained_as} and the visual head {self.head!r}, added."
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
            for variant_name, variant in variants_of(name).items():
                # A method of this name goes first.
                own = Readout(name, variant.fusion, head=variant.head)
                readouts.setdefault(variant_name, own)
            if oracle := METHODS.facts(name).get("oracle"):
                readouts[oracle] = Readout(name, oracle=True)
        return readouts


READOUTS: Mapping[str, Readout] = _Readouts()
"""Everything `--methods` accepts: every method, and what else is read off its training."""


def readout_summaries() -> dict[str, str]:
    """Every method and oracle with its summary; fusion rules and heads once for all methods."""
    alone, by_rule, by_head = {}, [], []
    for name, readout in READOUTS.items():
        if readout.fusion is not None:
            by_rule.append(readout)
        elif readout.head is not None:
            by_head.append(readout)
        else:
            alone[name] = readout.summary()
    families = {
        "-RULE": ("The same prompts, fused by RULE", by_rule, [r.fusion for r in by_rule]),
        "+HEAD": ("The same prompts and a visual head, added", by_head, [r.head for r in by_head]),
    }
    for ending, (words, members, choices) in families.items():
        names = dict.fromkeys(member.trained_as + ending for member in members)
        listed = ", ".join(dict.fromkeys(choice for choice in choices if choice is not None))
        alone[", ".join(names)] = f"{words}: {listed}."
    return alone


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
    """All that is read off a training of `method`, by name, each with its fusion rule and head.

    The method itself comes first.
    """
    return {
        name: replace(
            readout,
            rule=None if readout.fusion is None else FUSION_RULES.make(readout.fusion),
            visual=None if readout.head is None else VISUAL_HEADS.make(readout.head),
        )
        for name, readout in READOUTS.items()
        if readout.trained_as == method
    }
