"""Methods trained on the same images, and what each gives without the images of a fold."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ldpf.fusion.base import FusionRule, as_rule
from ldpf.methods.base import METHODS, Method
from ldpf.methods.variants import derived, get_variant
from ldpf.models.combining import combine
from ldpf.training.callbacks import RunRecord
from ldpf.utils.quiet import quiet

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.domains.folds import GroupFold
    from ldpf.features.feature_set import FeatureSet
    from ldpf.models.base import Classifier

ZERO_SHOT = "zero-shot-ensemble"


class Candidates:
    """Candidates by name, each trained once, when it is first asked for.

    Variants such as `ldpf-gate` and `ldpf+gda` are made of the training of their method.

    Attributes:
        judged: images of the training domains for temperatures: validation images, or the training
            images where there are none.
        text_passes: of all trainings so far, also those in folds.
        seconds: that training took, by name; of a variant, on top of its method's.
    """

    def __init__(
        self,
        make: Callable[[str], Method],
        train: FeatureSet,
        validation: FeatureSet,
        backbone: Backbone,
        *,
        seed: int = 0,
        record: RunRecord | None = None,
        steps: int = 100,
    ) -> None:
        """Prepare; nothing is trained.

        Args:
            make: the method with its settings by name.
            train, validation: labeled images.
            backbone: frozen model that made the features.
            seed: of every random draw.
            record: of the method that fuses prompts, whose training is the longest.
            steps: of a training of prompts in a fold, at most.
        """
        self.train, self.validation = train, validation
        self.judged = validation if len(validation) else train
        self.backbone, self.seed, self.steps = backbone, seed, steps
        self.text_passes = 0
        self.seconds: dict[str, float] = {}
        self._make, self._record = make, record or RunRecord()
        self._trained: dict[str, Classifier] = {}
        self._methods: dict[str, Method] = {}

    def method(self, name: str) -> Method:
        """The method behind a candidate; of a variant, the one with its fusion rule or head."""
        if name not in self._methods:
            method: Any = self._make(name)
            if (fusion := get_variant(name).fusion) is not None:
                method = replace(method, fusion=self._rule(fusion))
            self._methods[name] = method
        return self._methods[name]

    def classifier(self, name: str) -> Classifier:
        """The candidate, trained on all images."""
        if name not in self._trained:
            variant = get_variant(name)
            base = None if variant.method == name else self.classifier(variant.method)
            started = time.monotonic()
            if base is None:
                trained = self._fit(name)
            else:
                method: Any = self.method(name)
                parts = {part: getattr(method, part) for part in variant.settings}
                images = self.train, self.validation, self.backbone
                trained = derived(base, *images, **parts, seed=self.seed)
            self.seconds[name] = time.monotonic() - started
            self._trained[name] = trained
        return self._trained[name]

    def in_fold(self, name: str, fold: GroupFold) -> Classifier:
        """The candidate without what a fold judges by.

        Raises:
            LdpfError: the images of the fold are not enough to learn from.
        """
        method, classifier = self.method(name), self.classifier(name)
        with quiet():
            left_out = method.left_out(
                classifier, fold, self.backbone, seed=self.seed, steps=self.steps
            )
        self.text_passes += left_out.training["text_passes"]
        return left_out

    def combined(
        self, name: str, members: Sequence[str], shares: Sequence[float] | None = None
    ) -> Classifier:
        """Some candidates, calibrated and added; equal shares by default."""
        return combine(name, [self.classifier(member) for member in members], self.judged, shares)

    def _fit(self, name: str) -> Classifier:
        """The trained method."""
        # One run has one checkpoint: that of the longest training, whose curves are shown.
        main = "fusion" in METHODS.facts(name)
        record = self._record if main else RunRecord()
        images = self.train, self.validation, self.backbone
        trained = self.method(name).fit(*images, seed=self.seed, record=record)
        self.text_passes += trained.training["text_passes"]
        return trained

    def _rule(self, fusion: str) -> FusionRule:
        """A rule by name, with text features that a candidate has encoded already."""
        rule = as_rule(fusion)
        if rule.asks_zero_shot and ZERO_SHOT in self._trained:
            text = getattr(self._trained[ZERO_SHOT], "text_features", None)
            rule = rule if text is None else rule.with_zero_shot(text[0])
        return rule
