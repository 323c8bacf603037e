"""Zero-shot classification: no training, only the backbone's own text features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ldpf.methods.base import METHODS, Method
from ldpf.models.prompt_classifier import PromptClassifier
from ldpf.text.templates import ENSEMBLE_TEMPLATES, SINGLE_TEMPLATE
from ldpf.text.zero_shot import zero_shot_features

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.features.feature_set import FeatureSet
    from ldpf.training.callbacks import RunRecord


@METHODS.register("zero-shot", learns=False)
@dataclass(frozen=True)
class ZeroShot(Method):
    """Zero-shot CLIP (Radford et al. 2021), with one template or the mean over several.

    With several, each template's text feature is normalized, they are averaged, and the average
    is normalized again, as in section 3.1.4 of that paper.
    """

    name: str = "zero-shot"
    templates: tuple[str, ...] = (SINGLE_TEMPLATE,)

    def fit(
        self,
        train: FeatureSet,
        validation: FeatureSet,
        backbone: Backbone,
        *,
        seed: int = 0,
        record: RunRecord | None = None,
    ) -> PromptClassifier:
        """Encode the class names; of `train` only they are used."""
        features = zero_shot_features(train.class_names, self.templates, backbone)
        return PromptClassifier(
            method=self.name,
            class_names=tuple(train.class_names),
            text_features=features[None],
            logit_scale=backbone.logit_scale,
            templates=self.templates,
            training={"text_passes": len(self.templates)},
        )


@METHODS.register("zero-shot-ensemble", learns=False)
def zero_shot_ensemble() -> ZeroShot:
    """Zero-shot CLIP with the mean over the 80 templates of its ImageNet ensemble."""
    return ZeroShot("zero-shot-ensemble", ENSEMBLE_TEMPLATES)
