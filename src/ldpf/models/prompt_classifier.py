"""What most methods end with: text features of prompts, and how images weigh them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import nn

from ldpf.data.groups import group_keys
from ldpf.domains.fitted import FittedDomains
from ldpf.errors import ModelError, SettingsError
from ldpf.fusion import (
    FusionExamples,
    FusionInputs,
    FusionRule,
    as_rule,
    rule_config,
    rule_from_config,
)
from ldpf.fusion.fuse import fuse, mixed
from ldpf.fusion.left_out import WithoutPrompts
from ldpf.fusion.similarity import Similarity
from ldpf.models.base import CLASSIFIERS, Classifier
from ldpf.models.parts import (
    shared_fields,
    with_prefix,
    without_prefix,
)
from ldpf.models.tensor_checks import Shape, check_text_features
from ldpf.text.memory_budget import build_encoder, finish_training
from ldpf.text.templates import ENSEMBLE_TEMPLATES
from ldpf.text.zero_shot import zero_shot_features
from ldpf.utils.learned import learned_values

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.features.feature_set import FeatureSet


@CLASSIFIERS.register("prompt", prompts=True, keys=("fusion",))
@dataclass(frozen=True)
class PromptClassifier(Classifier):
    """A classifier over cached image features. It classifies each image independently.

    Attributes:
        method: name of the method that made it.
        class_names: the K classes, in the order of the logits.
        text_features: [S, K, D] float32 of length one, on the CPU.
        logit_scale: 1 / T of the backbone. (The sigmoid family adds a bias to the logits, the same
            for all classes: it cancels in the softmax and is left out.)
        contexts: the learned prompts [S, M, W] of `text_features`; None for hard prompts.
        latent: extractor and centroids of the S latent domains; None with a single prompt.
        fusion: the fusion rule, or its name.
        training: the report of the training (steps, passes, validation, diagnostics).
        templates: the hard prompts of `text_features`; empty for learned ones.
    """

    method: str
    class_names: tuple[str, ...]
    text_features: torch.Tensor
    logit_scale: float
    contexts: torch.Tensor | None = None
    latent: FittedDomains | None = None
    fusion: FusionRule = field(default_factory=Similarity)
    training: dict[str, Any] = field(default_factory=dict)
    templates: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "fusion", as_rule(self.fusion))

    @property
    def n_domains(self) -> int:
        """S, the number of prompts that are fused."""
        return len(self.text_features)

    def with_fusion(self, fusion: FusionRule | str) -> PromptClassifier:
        """The same prompts with another fusion rule; nothing is trained again.

        Raises:
            SettingsError: the rule is unknown, or learns and has not been fitted.
        """
        rule = as_rule(fusion)
        if rule.needs_fit:
            raise SettingsError(
                f"The fusion rule {rule.registered_name!r} learns and has not been fitted to these "
                f"prompts; train with fusion={rule.registered_name}, or call fit_fusion with "
                "labeled images."
            )
        return replace(self, fusion=rule)

    def without_prompts(self, domains: Collection[int]) -> PromptClassifier | None:
        """The prompts of all other latent domains, with the same rule; None if none is left."""
        if self.latent is None or len(set(domains)) >= self.n_domains:
            return None
        return self.with_fusion(WithoutPrompts(self.fusion, tuple(sorted(set(domains)))))

    def fit_fusion(
        self,
        fusion: FusionRule | str,
        train: FeatureSet,
        validation: FeatureSet,
        backbone: Backbone | None = None,
        *,
        seed: int = 0,
    ) -> PromptClassifier:
        """See `Classifier.fit_fusion`."""
        held_out = validation if len(validation) else train
        examples = self._examples(train), self._examples(held_out)
        rule = as_rule(fusion)
        if backbone is not None and rule.zero_shot is None:
            rule = _with_texts(rule, self.class_names, backbone)
        return replace(self, fusion=rule.fit(*examples, seed=seed))

    def _examples(self, images: FeatureSet) -> FusionExamples:
        if self.latent is None:
            domains = torch.zeros_like(images.labels)
        else:
            domains = self.latent.assign(images.features)
        keys = None if images.groups is None else torch.from_numpy(group_keys(images.groups))
        return FusionExamples(self.fusion_inputs(images.features), images.labels, domains, keys)

    def domain_weights(self, image_features: torch.Tensor) -> torch.Tensor:
        """alpha_s(x): [N, D] -> [N, S], rows summing to one.

        If the rule has other weights for each class, these are the means over classes.
        """
        weights = self.fusion.weights(self.fusion_inputs(image_features))
        return weights if weights.dim() == 2 else weights.mean(dim=2)

    def fusion_inputs(self, image_features: torch.Tensor) -> FusionInputs:
        """The inputs of the fusion rule, for features [N, D]."""
        if self.latent is None:
            similarities = image_features.new_ones(len(image_features), 1)
        else:
            similarities = self.latent.similarities(image_features)
        return FusionInputs(similarities, image_features, self.text_features, self.logit_scale)

    def logits(self, image_features: torch.Tensor) -> torch.Tensor:
        """Class logits by the fusion rule: [N, D] -> [N, K]."""
        return fuse(self.fusion, self.fusion_inputs(image_features))

    def prompt_logits(self, image_features: torch.Tensor) -> torch.Tensor:
        """Class logits under each prompt alone: [N, D] -> [N, S, K]."""
        return self.logit_scale * torch.einsum("nd,skd->nsk", image_features, self.text_features)

    def graph_head(self) -> PromptHead:
        """Text features, latent domains and fusion rule."""
        return PromptHead(self)

    def for_classes(self, class_names: Sequence[str], backbone: Backbone) -> PromptClassifier:
        """The same prompts with other class names, which are encoded now.

        Raises:
            ModelError: neither prompts nor templates are known, or the fusion rule has learned
                weights for each of another number of classes.
            SettingsError: a name is too long for the text tower.
        """
        if self.contexts is not None:
            features = _encode(self.contexts, class_names, backbone)
        elif self.templates:
            features = zero_shot_features(class_names, self.templates, backbone)[None]
        else:
            raise self._without_names()
        rule = _with_texts(self.fusion, class_names, backbone)
        self._check_rule(rule, len(class_names), backbone.embed_dim)
        return replace(self, class_names=tuple(class_names), text_features=features, fusion=rule)

    def _check_rule(self, rule: FusionRule, n_classes: int, embed_dim: int) -> None:
        """Refuse a rule that has learned something of each class where there are other ones."""
        expected = rule.shapes(self.n_domains, n_classes, embed_dim)
        for name, tensor in rule.tensors().items():
            shape = expected.get(name, ())
            sizes = zip(shape, tensor.shape, strict=False)
            if any(isinstance(size, int) and size != real for size, real in sizes):
                raise ModelError(
                    f"The fusion rule {rule.registered_name!r} has learned weights for "
                    f"{len(self.class_names):,} classes, so it cannot answer for {n_classes:,}; "
                    "train with another one, such as fusion=similarity, to change the classes."
                )

    def config(self) -> dict[str, Any]:
        """The fusion, and the class names that were encoded in hard prompts, with these."""
        config: dict[str, Any] = rule_config(self.fusion)
        if self.templates:
            config["templates"] = list(self.templates)
        if self.templates or self.fusion.asks_zero_shot:
            config["encoded_class_names"] = list(self.class_names)
        return config

    def tensors(self) -> dict[str, torch.Tensor]:
        """Learned prompts (or else text features), latent domains."""
        if self.contexts is not None:
            tensors = {"contexts": self.contexts}
        else:
            tensors = {"text_features": self.text_features}
        if self.latent is not None:
            tensors |= with_prefix("latent", self.latent.tensors())
        tensors |= with_prefix("fusion", self.fusion.tensors())
        return tensors

    @classmethod
    def shapes(
        cls, config: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], backbone: Backbone
    ) -> dict[str, Shape]:
        """Prompts or text features; latent domains where there are several."""
        n_domains, dim = config["n_domains"], backbone.embed_dim
        if "text_features" in tensors and "contexts" not in tensors:
            shapes: dict[str, Shape] = {"text_features": (n_domains, config["n_classes"], dim)}
        else:
            shapes = {"contexts": (n_domains, "length", backbone.text.width)}
        if n_domains > 1 or any(name.startswith("latent.") for name in tensors):
            latent = without_prefix("latent", tensors)
            shapes |= with_prefix("latent", FittedDomains.shapes(n_domains, dim, latent))
        rule = rule_from_config(config)
        learned: dict[str, Shape] = {
            name: tuple(tensors[f"fusion.{name}"].shape) if f"fusion.{name}" in tensors else ()
            for name in learned_values(rule)
        }
        learned |= rule.shapes(n_domains, config["n_classes"], dim)
        shapes |= with_prefix("fusion", learned)
        return shapes

    @classmethod
    def from_saved(
        cls, config: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], backbone: Backbone
    ) -> PromptClassifier:
        """Rebuild from config.json and checked tensors.

        Text features of learned prompts are encoded again; those of hard prompts only if a class
        was renamed.

        Raises:
            ModelError: a text feature is not finite, or not of length one.
        """
        names = config["class_names"]
        contexts, latent = tensors.get("contexts"), without_prefix("latent", tensors)
        features = (
            tensors["text_features"] if contexts is None else _encode(contexts, names, backbone)
        )
        check_text_features(features)
        classifier = cls(
            **shared_fields(config),
            text_features=features,
            logit_scale=backbone.logit_scale,
            contexts=contexts,
            latent=FittedDomains.from_tensors(latent) if latent else None,
            fusion=rule_from_config(config).with_tensors(without_prefix("fusion", tensors)),
            templates=tuple(config.get("templates", ())),
        )
        if config.get("encoded_class_names", names) != names:
            return classifier.for_classes(names, backbone)
        return classifier


class PromptHead(nn.Module):
    """A prompt classifier in an exported graph: features [N, D] to logits [N, K], weights [N, S].

    The same computation as `PromptClassifier.logits` and `domain_weights`, without their loop over
    chunks, which a graph for any number of images cannot hold.
    """

    text_features: torch.Tensor  # [S, K, D]
    centroids: torch.Tensor  # [S, Z]

    def __init__(self, classifier: PromptClassifier) -> None:
        """Copy what the classifier has learned."""
        super().__init__()
        text, latent = classifier.text_features.detach().clone(), classifier.latent
        self.register_buffer("text_features", text)
        self.scale, self.rule = classifier.logit_scale, classifier.fusion
        self.extractor = None
        if latent is not None and len(text) > 1:
            self.extractor = latent.extractor
            self.register_buffer("centroids", F.normalize(latent.centroids.detach(), dim=-1))

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits and weights of features [N, D]."""
        if self.extractor is None:
            similarities = torch.ones_like(features[:, :1])
        else:
            similarities = F.normalize(self.extractor(features), dim=-1) @ self.centroids.T
        inputs = FusionInputs(similarities, features, self.text_features, self.scale)
        weights = self.rule.weights(inputs)
        logits = mixed(self.rule, inputs, weights)
        return logits, weights if weights.dim() == 2 else weights.mean(dim=2)


def _with_texts(rule: FusionRule, class_names: Sequence[str], backbone: Backbone) -> FusionRule:
    """The rule with text features of the zero-shot ensemble, where it asks for them."""
    if not rule.asks_zero_shot:
        return rule
    return rule.with_zero_shot(zero_shot_features(class_names, ENSEMBLE_TEMPLATES, backbone))


def _encode(contexts: torch.Tensor, class_names: Sequence[str], backbone: Backbone) -> torch.Tensor:
    """Text features [S, K, D] of learned prompts [S, M, W]."""
    prompts, length = contexts.shape[:2]
    encoder = build_encoder(backbone, class_names, prompts=prompts, length=length)
    return finish_training(encoder, contexts, backbone)
