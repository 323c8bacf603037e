"""Classifiers whose prompt a small network makes from image features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn

from ldpf.errors import ModelError
from ldpf.models.base import CLASSIFIERS, Classifier
from ldpf.models.parts import (
    shared_fields,
    with_prefix,
    without_prefix,
)
from ldpf.models.tensor_checks import Shape
from ldpf.text import PromptedTextEncoder
from ldpf.text.memory_budget import build_encoder
from ldpf.utils.registry import Registry

if TYPE_CHECKING:
    from ldpf.backbones import Backbone


class PromptGenerator(nn.Module):
    """Base of the networks that make prompts: features [n, D] -> contexts [n, M, W].

    A method of its own kind defines one in its own file and registers it in `GENERATORS`, so that a
    model folder can name it.
    """

    @property
    def n_tokens(self) -> int:
        """M, tokens of a prompt."""
        raise NotImplementedError

    def forward(self, features: torch.Tensor, group: torch.Tensor | None = None) -> torch.Tensor:
        """The context of each image, or one for each group of images [n] where that is known.

        Groups are on the CPU.
        """
        raise NotImplementedError

    @classmethod
    def shapes(cls, embed_dim: int, width: int) -> dict[str, Shape]:
        """The shapes that its `state_dict` has; the same word stands for the same size."""
        raise NotImplementedError

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, torch.Tensor]) -> PromptGenerator:
        """Rebuild from a `state_dict`; sizes are read off the shapes."""
        raise NotImplementedError


GENERATORS: Registry[PromptGenerator] = Registry(
    "prompt generator", "ldpf.methods", variable="GENERATORS", group="ldpf.generators"
)
"""Generators by their name in config.json. Each is in the file of its method."""


@CLASSIFIERS.register("instance", prompts=True, keys=("generator", "at_once"))
@dataclass(frozen=True, eq=False)
class InstancePromptClassifier(Classifier):
    """A classifier whose prompt is made from image features.

    With `per_image` every image has a prompt of its own, [SOS] p(f) [class k] "." [EOS], and is
    answered on its own. Without it, the images given together are taken as one batch of one domain
    and share a prompt, so **the answer to an image depends on the others in the batch**.

    Attributes:
        method: name of the method that made it.
        class_names: the K classes, in the order of the logits.
        generator: p, from features [n, D] to contexts [n, M, W]; without `per_image` also from
            features and the group of each image to one context a group.
        encoder: the frozen text encoder.
        logit_scale: 1 / T of the backbone.
        at_once: prompts in one pass through the text encoder.
        per_image: see above.
        training: what training reports about itself.
    """

    method: str
    class_names: tuple[str, ...]
    generator: nn.Module
    encoder: PromptedTextEncoder
    logit_scale: float
    at_once: int
    per_image: bool = True
    training: dict[str, Any] = field(default_factory=dict)

    def logits(self, image_features: torch.Tensor) -> torch.Tensor:
        """Class logits: [N, D] -> [N, K], in passes over `at_once` images."""
        one_batch = torch.zeros(len(image_features), dtype=torch.int64)
        return self.grouped_logits(image_features, one_batch)

    @torch.no_grad()
    def grouped_logits(self, image_features: torch.Tensor, group: torch.Tensor) -> torch.Tensor:
        """Logits [N, K] where images of one `group` [N] are a batch; without effect `per_image`."""
        if not len(image_features):
            return torch.zeros(0, len(self.class_names))
        device = self.encoder.tower.device
        if not self.per_image:
            features, ids = image_features.to(device), relabeled(group)
            text = self.encoder(self.generator(features, ids))
            return self.logit_scale * own_cosines(features, text, ids).cpu()
        parts = []
        for part in image_features.split(self.at_once):
            features = part.to(device)
            text = self.encoder(self.generator(features))
            parts.append(own_cosines(features, text, None).cpu())
        return self.logit_scale * torch.cat(parts)

    def passes(self, n_images: int) -> int:
        """Passes through the text encoder that `logits` of so many images take."""
        return -(-n_images // self.at_once) if self.per_image else 1

    def for_classes(
        self, class_names: Sequence[str], backbone: Backbone
    ) -> InstancePromptClassifier:
        """The same generator in front of other class names.

        Raises:
            SettingsError: a name does not fit into the text tower.
        """
        encoder = _encoder(_registered(self.generator), class_names, self.at_once, backbone)
        return replace(self, class_names=tuple(class_names), encoder=encoder)

    def graph_head(self) -> nn.Module:
        """Refused: every answer runs the text encoder.

        Raises:
            ModelError: always.
        """
        raise ModelError(
            f"A {self.method!r} model cannot be exported: it makes a prompt from the features of "
            "the images, so every answer needs the text encoder, which an exported graph does not "
            "hold; export a method whose prompts are the same for all images, such as 'ldpf'."
        )

    def config(self) -> dict[str, Any]:
        """Which generator, and how many prompts it makes at once."""
        name = _registered(self.generator).registered_name
        return {"generator": name, "at_once": self.at_once}

    def tensors(self) -> dict[str, torch.Tensor]:
        """The generator's parameters."""
        state = self.generator.state_dict()
        return with_prefix("generator", state)

    @classmethod
    def shapes(
        cls, config: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], backbone: Backbone
    ) -> dict[str, Shape]:
        """Those of the generator."""
        kind = cast("type[PromptGenerator]", GENERATORS.get(config["generator"]))
        shapes = kind.shapes(backbone.embed_dim, backbone.text.width)
        return with_prefix("generator", shapes)

    @classmethod
    def from_saved(
        cls, config: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], backbone: Backbone
    ) -> InstancePromptClassifier:
        """Rebuild from config.json and checked tensors; the encoder is built anew."""
        kind = cast("type[PromptGenerator]", GENERATORS.get(config["generator"]))
        generator = kind.from_tensors(without_prefix("generator", tensors))
        generator = generator.to(backbone.device).requires_grad_(False)
        return cls(
            **shared_fields(config),
            generator=generator,
            encoder=_encoder(generator, config["class_names"], config["at_once"], backbone),
            logit_scale=backbone.logit_scale,
            at_once=config["at_once"],
            per_image=config["per_image"],
        )


def _registered(generator: nn.Module) -> Any:
    """The generator, known to be one that a model folder can name."""
    name = getattr(generator, "registered_name", None)
    if name is None:
        raise ModelError(
            f"The prompt generator {type(generator).__name__} has no registered name, so it cannot "
            "be kept or carry other class names; decorate it with @GENERATORS.register(name)."
        )
    return generator


def _encoder(
    generator: PromptGenerator, class_names: Sequence[str], at_once: int, backbone: Backbone
) -> PromptedTextEncoder:
    return build_encoder(backbone, class_names, prompts=at_once, length=generator.n_tokens)


def own_cosines(
    features: torch.Tensor, text_features: torch.Tensor, group: torch.Tensor | None
) -> torch.Tensor:
    """cos(f, t_k) of each image under its own prompt.

    Args:
        features: [n, D] of length one.
        text_features: [P, K, D] of length one.
        group: the prompt of each image, [n]; None where image i has prompt i.

    Returns:
        [n, K].
    """
    text_features = text_features.float()
    if group is None:
        return torch.einsum("nd,nkd->nk", features, text_features)
    # Under every prompt, then picked: [n, P, K] numbers instead of [n, K, D] repeated features.
    cosines = torch.einsum("nd,pkd->npk", features, text_features)
    rows = torch.arange(len(features), device=features.device)
    return cosines[rows, group.to(features.device, non_blocking=True)]


def relabeled(group: torch.Tensor) -> torch.Tensor:
    """The same groups [n] under ids 0, 1, ... without gaps."""
    return torch.unique(group, return_inverse=True)[1]
