"""CoOp: one learned context for all images."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from ldpf.heads.base import VisualHead, as_head
from ldpf.heads.none import NoHead
from ldpf.methods.base import METHODS, Method
from ldpf.methods.sample_weights import WEIGHTS, weighted_mean, weights_without_domains
from ldpf.methods.with_head import add_head
from ldpf.models.prompt_classifier import PromptClassifier
from ldpf.text.contexts import worded_context
from ldpf.text.memory_budget import build_encoder, finish_training
from ldpf.training.callbacks import RunRecord
from ldpf.training.learner import Stage
from ldpf.training.loop import PromptTraining
from ldpf.training.recipe import STEADY, Recipe
from ldpf.utils.constraints import COUNT, check_fields
from ldpf.utils.seed import generator

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.features.feature_set import FeatureSet
    from ldpf.models.base import Classifier
    from ldpf.utils.trees import Tree

ALL = frozenset({"context"})


@METHODS.register("coop", prompts=True, shares_passes=True, heads=True)
@dataclass(frozen=True)
class CoOp(Method):
    """CoOp (Zhou et al. 2022): M unified context tokens in front of the class name.

    Differences from the released code: image features are cached, so there is no augmentation; by
    default 12 tokens that start as "a photo of a" and 8 random ones, the size and start of LDPF's
    4 + 8, so that the two differ in the latent domains only.

    Attributes:
        length: M, context tokens.
        head: visual head whose calibrated answers are added to those of the prompts, or its name.
        sample_weights: what counts the same in the loss: `none` (every image), `class`, or
            `latent-class`, every pair of a latent domain and a class.
        recipe: how it is trained.
    """

    name: str = "coop"
    length: int = field(default=12, metadata=COUNT)
    head: VisualHead = field(default_factory=NoHead)
    sample_weights: str = field(default="none", metadata=WEIGHTS)
    recipe: Recipe = STEADY

    def __post_init__(self) -> None:
        check_fields(self)
        object.__setattr__(self, "head", as_head(self.head))

    def fit(
        self,
        train: FeatureSet,
        validation: FeatureSet,
        backbone: Backbone,
        *,
        seed: int = 0,
        record: RunRecord | None = None,
    ) -> Classifier:
        """Train on `train`, keep the prompt that is best on `validation`."""
        record = record or RunRecord()
        encoder = build_encoder(backbone, train.class_names, prompts=1, length=self.length)
        learner = self._learner(train, validation, backbone, seed)
        training = PromptTraining(learner, encoder, self.recipe, generator(seed, "batches"), record)
        best = training.run()
        contexts = best["context"][None]
        classifier = PromptClassifier(
            method=self.name,
            class_names=tuple(train.class_names),
            text_features=finish_training(encoder, contexts, backbone),
            logit_scale=backbone.logit_scale,
            contexts=contexts,
            training={
                "text_passes": record.text_passes,
                "steps": training.step,
                "best_step": training.best.step,
                "validation_accuracy": training.best.accuracy,
            },
        )
        return add_head(classifier, self.head, train, validation, seed=seed)

    def _learner(
        self, train: FeatureSet, validation: FeatureSet, backbone: Backbone, seed: int
    ) -> _CoOpLearner:
        return _CoOpLearner(self, train, validation, backbone, seed)


class _CoOpLearner:
    n_phases = 1
    rotation = 1
    settled = True
    rounds_left = 0

    def __init__(
        self,
        method: CoOp,
        train: FeatureSet,
        validation: FeatureSet,
        backbone: Backbone,
        seed: int,
    ) -> None:
        context = worded_context(backbone.text, method.length, generator(seed, "prompts"))
        self.groups = {"context": torch.nn.Parameter(context.to(backbone.device))}
        self.features = train.features.to(backbone.device)
        self.labels = train.labels.to(backbone.device)
        judged = validation if len(validation) else train
        self.judged = judged.features.to(backbone.device), judged.labels.to(backbone.device)
        self.scale = backbone.logit_scale
        self.n_train = len(train)
        weights = weights_without_domains(method.sample_weights, train, validation, seed)
        self.weights = None if weights is None else weights.to(backbone.device)

    def stage(self, phase: int, step: int) -> Stage:
        return ALL

    def contexts(self, stage: Stage, batch: torch.Tensor | None = None) -> torch.Tensor:
        context = self.groups["context"]
        return (context if "context" in stage else context.detach())[None]

    def loss(
        self, text_features: torch.Tensor, batch: torch.Tensor | None, stage: Stage
    ) -> torch.Tensor:
        rows = slice(None) if batch is None else batch.to(self.labels.device, non_blocking=True)
        logits = self.scale * self.features[rows] @ text_features[0].T
        weights = None if self.weights is None else self.weights[rows]
        return weighted_mean(F.cross_entropy(logits, self.labels[rows], reduction="none"), weights)

    def validation_accuracy(self, text_features: torch.Tensor) -> float:
        features, labels = self.judged
        logits = features @ text_features[0].T
        return float((logits.argmax(dim=1) == labels).float().mean())

    def start_round(self) -> dict[str, Any] | None:
        return None

    def state(self) -> Tree:
        return self.snapshot()

    def load_state(self, tree: Tree) -> None:
        with torch.no_grad():
            self.groups["context"].copy_(tree["context"])

    def snapshot(self) -> Tree:
        return {"context": self.groups["context"].detach().cpu().clone()}
