"""Prompts that a small network makes from image features: what CoCoOp and DPL share."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from ldpf.methods.sample_weights import WEIGHTS, weighted_mean, weights_without_domains
from ldpf.models.instance_classifier import (
    InstancePromptClassifier,
    own_cosines,
    relabeled,
)
from ldpf.training.callbacks import RunRecord
from ldpf.training.learner import Stage
from ldpf.training.loop import PromptTraining
from ldpf.training.recipe import Recipe
from ldpf.utils.constraints import COUNT, RATE, check_fields, constraint
from ldpf.utils.seed import generator

if TYPE_CHECKING:
    from ldpf.features.feature_set import FeatureSet
    from ldpf.utils.trees import Tree


@dataclass(frozen=True)
class InstanceTraining:
    """What bounds the training of prompts that differ from image to image. All of it is ours.

    A step costs as many prompts as it has images, so steps on the whole training set, as in the
    recipe `fast`, are out of reach: there, steps are on few images and there are at most
    `max_images` / `images_per_step` of them. A recipe that counts epochs, as `paper` does, keeps
    them all.

    Attributes:
        images_per_step: images, and so prompts, in one pass through the text encoder.
        max_images: images shown in all, repeats counted.
        validation_images: at most so many validation images, chosen by chance, judge the prompts.
        evaluate_every: steps between looks at them, at least.
        learning_rate: at most; steps on few images are noisy.
        sample_weights: what counts the same in the loss: `none` (every image), `class`, or
            `latent-class`, every pair of a latent domain and a class.
    """

    images_per_step: int = field(default=16, metadata=COUNT)
    max_images: int = field(default=16384, metadata=COUNT)
    validation_images: int = field(default=256, metadata=COUNT)
    evaluate_every: int = field(default=50, metadata=COUNT)
    learning_rate: float = field(default=2e-3, metadata=constraint(RATE))
    sample_weights: str = field(default="none", metadata=WEIGHTS)

    def __post_init__(self) -> None:
        check_fields(self)

    def slowed(self, recipe: Recipe) -> Recipe:
        """The recipe with no more than this learning rate."""
        return replace(recipe, learning_rate=min(recipe.learning_rate, self.learning_rate))

    def bounded(self, recipe: Recipe) -> Recipe:
        """The recipe on few images a step, within the bounds."""
        recipe = replace(
            self.slowed(recipe), image_batch=min(recipe.image_batch, self.images_per_step)
        )
        if recipe.max_steps is None:
            return recipe
        return replace(
            recipe,
            max_steps=min(recipe.max_steps, -(-self.max_images // recipe.image_batch)),
            evaluate_every=max(recipe.evaluate_every or 1, self.evaluate_every),
            patience=recipe.patience and max(recipe.patience, self.evaluate_every),
        )


class InstanceLearner:
    """Cross-entropy of each image under the prompt made for it, for `PromptTraining`."""

    n_phases = 1
    rotation = 1
    settled = True
    rounds_left = 0

    def __init__(
        self,
        classifier: InstancePromptClassifier,
        train: FeatureSet,
        validation: FeatureSet,
        record: RunRecord,
        sample: torch.Tensor,
        weights: torch.Tensor | None,
    ) -> None:
        """Take the classifier's generator as what is trained.

        Args:
            classifier: not trained yet; its generator is changed in place.
            train: what is learned from; with domains unless `per_image`.
            validation: what judges; the training images where it is empty.
            record: counts the passes that judging takes.
            sample: rows of the judging set that are looked at.
            weights: of the training images in the loss, [N]; None for ones.
        """
        device = classifier.encoder.tower.device
        self.classifier, self.generator, self.record = classifier, classifier.generator, record
        self.groups = dict(self.generator.named_parameters())
        self.features, self.labels = train.features.to(device), train.labels.to(device)
        self.domains = None if classifier.per_image else train.domains
        self.judged = (validation if len(validation) else train).subset(sample)
        self.n_train = len(train)
        self.weights = None if weights is None else weights.to(device)

    def stage(self, phase: int, step: int) -> Stage:
        """Every step trains the whole generator."""
        return frozenset(self.groups)

    def contexts(self, stage: Stage, batch: torch.Tensor | None = None) -> torch.Tensor:
        """The prompts [P, M, W] of a batch's images, or of its domains."""
        features = self.features[self._rows(batch)]
        if not stage:
            return self.generator(features[:1])[:0]
        group = self._group(batch)
        return self.generator(features) if group is None else self.generator(features, group)

    def _rows(self, batch: torch.Tensor | None) -> torch.Tensor | slice:
        """The images of a batch as an index on the device of the features."""
        if batch is None:
            return slice(None)
        return batch.to(self.features.device, non_blocking=True)

    def _group(self, batch: torch.Tensor | None) -> torch.Tensor | None:
        """The group of each image of a batch, on the CPU; None where each has its own prompt."""
        if self.domains is None:
            return None
        domains = self.domains if batch is None else self.domains[batch]
        return relabeled(domains)

    def loss(
        self, text_features: torch.Tensor, batch: torch.Tensor | None, stage: Stage
    ) -> torch.Tensor:
        """Mean of CE(softmax_k(cos(f, t_k(x)) / T), y)."""
        rows = self._rows(batch)
        cosines = own_cosines(self.features[rows], text_features, self._group(batch))
        losses = F.cross_entropy(
            self.classifier.logit_scale * cosines, self.labels[rows], reduction="none"
        )
        return weighted_mean(losses, None if self.weights is None else self.weights[rows])

    def validation_accuracy(self, text_features: torch.Tensor) -> float:
        """Accuracy of the classifier as it is now; prompts of training images are of no use."""
        judged = self.judged
        domains = torch.zeros(len(judged)) if judged.domains is None else judged.domains
        logits = self.classifier.grouped_logits(judged.features, domains)
        self.record.text_passes += self.classifier.passes(len(judged))
        return float((logits.argmax(dim=1) == judged.labels).float().mean())

    def start_round(self) -> dict[str, Any] | None:
        """Nothing is discovered."""
        return None

    def state(self) -> Tree:
        """The generator's parameters by name."""
        return self.snapshot()

    def load_state(self, tree: Tree) -> None:
        """Put back what `state` returned."""
        with torch.no_grad():
            for name, parameter in self.groups.items():
                parameter.copy_(tree[name])

    def snapshot(self) -> Tree:
        """The generator's parameters by name."""
        return {name: p.detach().cpu().clone() for name, p in self.groups.items()}


def train_generator(
    classifier: InstancePromptClassifier,
    train: FeatureSet,
    validation: FeatureSet,
    settings: InstanceTraining,
    recipe: Recipe,
    *,
    seed: int,
    record: RunRecord,
) -> InstancePromptClassifier:
    """Train the generator of a classifier in place; it ends as the one best on validation."""
    n_judged = len(validation) or len(train)
    sample = torch.arange(n_judged)
    if classifier.per_image and n_judged > settings.validation_images:
        order = torch.randperm(n_judged, generator=generator(seed, "validation sample"))
        sample = order[: settings.validation_images].sort().values
    weights = weights_without_domains(settings.sample_weights, train, validation, seed)
    learner = InstanceLearner(classifier, train, validation, record, sample, weights)
    recipe = settings.bounded(recipe) if classifier.per_image else settings.slowed(recipe)
    batches = generator(seed, "batches")
    training = PromptTraining(learner, classifier.encoder, recipe, batches, record)
    learner.load_state(training.run())
    classifier.generator.requires_grad_(False)
    classifier.training.update(
        text_passes=record.text_passes,
        steps=training.step,
        best_step=training.best.step,
        images_a_step=min(recipe.image_batch, len(train)),
        validation_images=len(sample),
        validation_accuracy=training.best.accuracy,
    )
    return classifier
