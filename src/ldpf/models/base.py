"""What every classifier is, and the kinds of classifiers that a model folder can hold."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ldpf.errors import ModelError
from ldpf.utils.registry import Registry

if TYPE_CHECKING:
    import torch
    from torch import nn

    from ldpf.backbones import Backbone
    from ldpf.domains import FittedDomains
    from ldpf.expectation import Expectation
    from ldpf.features.feature_set import FeatureSet
    from ldpf.fusion import FusionRule


class Classifier:
    """Base of what `Method.fit` returns: from cached image features to class logits.

    A kind of classifier is a frozen dataclass that derives from this, in a file that registers it
    in `CLASSIFIERS`. It implements `logits`, and the parts of a model folder: `config`, `tensors`,
    `shapes` and `from_saved`. Everything else has a default here, so that every command can rely on
    it. The decorator names the required entries of config.json:

        @CLASSIFIERS.register("prompt", keys=("fusion", "tau"))

    Attributes:
        method: name of the method that trained it.
        class_names: the K classes, in the order of the logits.
        training: the report of the training (steps, passes, validation, diagnostics).
        per_image: whether an image's answer depends on that image alone. If not, all images of a
            call are one batch, and results cannot be compared with those of other methods.
        reads_names: whether its answers depend on the words of the class names; if not, it knows
            its classes by their training images.
        latent: extractor and centroids of the latent domains; None without latent domains.
        expectation: expected accuracy and calibration, measured after training; None if it was not
            measured, or if the classifier was changed since.
        contexts: learned prompts [S, M, W] that are the same for all images; None without them.
        minus_infinity: names of tensors in which -inf has a meaning.
    """

    method: str
    class_names: tuple[str, ...]
    training: dict[str, Any]
    per_image: bool = True
    # Not annotated: no setting of a classifier, but what its kind is.
    reads_names = True
    latent: FittedDomains | None = None
    contexts: torch.Tensor | None = None
    # Not annotated as a field: what is measured of one classifier does not hold for its copies.
    expectation: Expectation | None = None
    minus_infinity: ClassVar[tuple[str, ...]] = ()

    @property
    def prompted(self) -> Classifier:
        """The part that classifies by prompts: this classifier, or a member of a combination."""
        return self

    @property
    def n_domains(self) -> int:
        """S, the number of latent domains; 1 if nothing is fused."""
        return 1

    def logits(self, image_features: torch.Tensor) -> torch.Tensor:
        """Class logits: [N, D] -> [N, K]."""
        raise NotImplementedError

    @property
    def temperature(self) -> float:
        """T of calibrated probabilities; 1 if it was not measured."""
        return 1.0 if self.expectation is None else self.expectation.temperature

    def probabilities(self, image_features: torch.Tensor) -> torch.Tensor:
        """Calibrated probabilities softmax(logits / T): [N, D] -> [N, K]."""
        return (self.logits(image_features) / self.temperature).softmax(dim=-1)

    def accuracy(self, image_features: torch.Tensor, labels: torch.Tensor) -> float:
        """Share of images [N, D] whose answer is their label [N]."""
        return float((self.logits(image_features).argmax(dim=1) == labels).double().mean())

    def domain_weights(self, image_features: torch.Tensor) -> torch.Tensor:
        """Fusion weight of each latent domain, [N, D] -> [N, S]; ones for a single domain."""
        return image_features.new_ones(len(image_features), self.n_domains)

    def prompt_logits(self, image_features: torch.Tensor) -> torch.Tensor:
        """Class logits under each prompt alone: [N, D] -> [N, S, K].

        Raises:
            ModelError: the classifier has no prompts that are the same for all images.
        """
        raise ModelError(
            f"A {self.method!r} classifier has no prompts that are the same for all images, so "
            "there are no answers by prompt; train a method with such prompts, such as 'ldpf'."
        )

    def for_classes(self, class_names: Sequence[str], backbone: Backbone) -> Classifier:
        """The same model with other class names.

        Raises:
            ModelError: it knows its classes by images, not by names.
        """
        raise self._without_names()

    def for_classes_beside(self, class_names: Sequence[str], backbone: Backbone) -> Classifier:
        """As `for_classes`, for a member of a combination; other members may know further classes.

        A classifier that knows classes by their images gives -inf to those it has not seen.
        """
        return self.for_classes(class_names, backbone)

    def renamed(self, class_names: Sequence[str], backbone: Backbone) -> Classifier:
        """The same classes under other names, in the same order; nothing is trained.

        Prompts are combined with the new names; parts learned from images do not change.
        """
        return self.for_classes(class_names, backbone)

    def _without_names(self) -> ModelError:
        return ModelError(
            f"A {self.method!r} classifier knows its classes by their training images and not by "
            "their names, so it cannot answer with other names; train again with them, or use a "
            "method that learns prompts, such as 'ldpf'."
        )

    def graph_head(self) -> nn.Module:
        """The classifier as tensor operations only, for an exported graph.

        Returns:
            A module from image features [N, D] of length one, for any N, to class logits [N, K] and
            fusion weights [N, S].

        Raises:
            ModelError: an answer needs more than the features of the image.
        """
        raise ModelError(
            f"A {self.method!r} model cannot be exported: its kind of classifier has no form that "
            "a graph can hold."
        )

    def with_fusion(self, fusion: FusionRule | str) -> Classifier:
        """The same prompts under another fusion rule.

        Raises:
            ModelError: the classifier fuses no prompts.
        """
        raise ModelError(
            f"A {self.method!r} classifier fuses no prompts, so there is no other fusion rule for "
            "it; train a method with latent domains, such as 'ldpf'."
        )

    def without_prompts(self, domains: Collection[int]) -> Classifier | None:
        """The same prompts except those of some latent domains; None if none would be left.

        It imitates a model that has not seen those latent domains, and is used for measurements
        only.
        """
        return None

    def fit_fusion(
        self,
        fusion: FusionRule | str,
        train: FeatureSet,
        validation: FeatureSet,
        backbone: Backbone | None = None,
        *,
        seed: int = 0,
    ) -> Classifier:
        """The same prompts with another fusion rule, fitted to them if it learns.

        Args:
            fusion: a rule or its name.
            train: the images that the prompts were trained on.
            validation: other images of the same sources; if there are none, `train` is used.
            backbone: the one that made the features; for rules that need zero-shot text features.
            seed: of every random draw.

        Raises:
            ModelError: the classifier fuses no prompts.
            SettingsError: the rule needs the backbone.
        """
        return self.with_fusion(fusion)

    def with_expectation(self, expectation: Expectation | None) -> Self:
        """The same classifier with its `expectation`.

        It is not a setting: a copy with other prompts, classes or fusion rule has none.
        """
        result = copy.copy(self)
        object.__setattr__(result, "expectation", expectation)
        return result

    def config(self) -> dict[str, Any]:
        """The entries of config.json besides method, classes and training, as plain values."""
        raise NotImplementedError

    def tensors(self) -> dict[str, torch.Tensor]:
        """The tensors of model.safetensors, by name."""
        raise NotImplementedError

    @classmethod
    def minus_infinite(cls, config: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of the tensors in which -inf has a meaning, for a whole config.json."""
        return cls.minus_infinity

    @classmethod
    def shapes(
        cls, config: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], backbone: Backbone
    ) -> dict[str, tuple[int | str, ...]]:
        """The shape that each tensor of a model folder must have.

        A word is a size that is not known in advance; the same word means the same size.

        Args:
            config: the whole config.json.
            tensors: those in the folder, which show the optional parts.
            backbone: the one that the model was trained with.
        """
        raise NotImplementedError

    @classmethod
    def from_saved(
        cls, config: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], backbone: Backbone
    ) -> Classifier:
        """Rebuild from config.json and tensors whose shapes were checked."""
        raise NotImplementedError


CLASSIFIERS: Registry[Classifier] = Registry(
    "kind of classifier", "ldpf.models", variable="CLASSIFIERS"
)
"""Kinds of classifiers by the name that stands as `kind` in a model folder's config.json."""
