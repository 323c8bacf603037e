"""CoCoOp: a learned context that a small network shifts for every image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import nn

from ldpf.domains.disentangle.maps import seeded_linear
from ldpf.heads.base import VisualHead, as_head
from ldpf.heads.none import NoHead
from ldpf.methods.base import METHODS, Method
from ldpf.methods.instance_prompts import InstanceTraining, train_generator
from ldpf.methods.with_head import add_head
from ldpf.models.instance_classifier import (
    GENERATORS,
    InstancePromptClassifier,
    PromptGenerator,
)
from ldpf.models.tensor_checks import Shape
from ldpf.text.contexts import worded_context
from ldpf.text.memory_budget import build_encoder
from ldpf.training.callbacks import RunRecord
from ldpf.training.recipe import STEADY, Recipe
from ldpf.utils.constraints import COUNT, COUNT_OR_NONE, check_fields
from ldpf.utils.seed import generator

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.features.feature_set import FeatureSet
    from ldpf.models.base import Classifier


@METHODS.register("cocoop", prompts=True)
@dataclass(frozen=True)
class CoCoOp(Method):
    """CoCoOp (Zhou et al. 2022): a prompt that a small network shifts for every image.

    Zhou, Yang, Loy, Liu, CVPR 2022, equation 3 and the paragraph before it.

    v_m(x) = v_m + pi, pi = h_theta(f): the meta-net h_theta, two linear layers with a ReLU between
    and D / 16 hidden units, shifts every context token by the same vector. Each image has a prompt
    of its own and goes through the text encoder with it.

    Differences from the released code: image features are cached, so there is no augmentation;
    steps are on a few images instead of one, and with the recipe `fast` there is a bounded number
    of them (`InstanceTraining`); 12 tokens as in `CoOp` instead of 4, so that the two differ in the
    meta-net only; and the meta-net's last layer starts at zero, so that training starts where
    CoOp's does and not at a random shift.

    Attributes:
        length: M, context tokens.
        hidden: units of the meta-net; None for D / 16.
        training: what bounds its cost.
        head: visual head whose calibrated answers are added to those of the prompts, or its name.
        recipe: how it is trained, within these bounds.
    """

    name: str = "cocoop"
    length: int = field(default=12, metadata=COUNT)
    hidden: int | None = field(default=None, metadata=COUNT_OR_NONE)
    training: InstanceTraining = field(default_factory=InstanceTraining)
    head: VisualHead = field(default_factory=NoHead)
    recipe: Recipe = STEADY

    def __post_init__(self) -> None:
        check_fields(self)
        object.__setattr__(self, "head", as_head(self.head))

    @property
    def n_prompts(self) -> int:
        """Prompts trained at once: one for each image of a step."""
        return self.training.images_per_step

    def fit(
        self,
        train: FeatureSet,
        validation: FeatureSet,
        backbone: Backbone,
        *,
        seed: int = 0,
        record: RunRecord | None = None,
    ) -> Classifier:
        """Train on `train`, keep the context and meta-net that are best on `validation`."""
        at_once = self.training.images_per_step
        context = worded_context(backbone.text, self.length, generator(seed, "prompts"))
        hidden = self.hidden or max(backbone.embed_dim // 16, 1)
        classifier = InstancePromptClassifier(
            method=self.name,
            class_names=tuple(train.class_names),
            generator=ConditionalContext(
                context, backbone.embed_dim, hidden, generator(seed, "meta-net")
            ).to(backbone.device),
            encoder=build_encoder(backbone, train.class_names, prompts=at_once, length=self.length),
            logit_scale=backbone.logit_scale,
            at_once=at_once,
        )
        trained = train_generator(
            classifier,
            train,
            validation,
            self.training,
            self.recipe,
            seed=seed,
            record=record or RunRecord(),
        )
        return add_head(trained, self.head, train, validation, seed=seed)


@GENERATORS.register("conditional-context")
class ConditionalContext(PromptGenerator):
    """v_m(x) = v_m + h_theta(f): features [n, D] -> contexts [n, M, W]."""

    def __init__(
        self, context: torch.Tensor, embed_dim: int, hidden: int, draws: torch.Generator
    ) -> None:
        """Start as `context` [M, W] for every image."""
        super().__init__()
        self.context = nn.Parameter(context)
        self.hidden = seeded_linear(embed_dim, hidden, draws)
        self.shift = seeded_linear(hidden, context.shape[1], draws)
        nn.init.zeros_(self.shift.weight)
        nn.init.zeros_(self.shift.bias)

    @property
    def n_tokens(self) -> int:
        """M, tokens of the context."""
        return len(self.context)

    def forward(self, features: torch.Tensor, group: torch.Tensor | None = None) -> torch.Tensor:
        """The context of each image; groups of images have no effect."""
        shift = self.shift(torch.relu(self.hidden(features)))  # [n, W]
        return self.context + shift[:, None]

    @classmethod
    def shapes(cls, embed_dim: int, width: int) -> dict[str, Shape]:
        """The shapes of `state_dict`."""
        return {
            "context": ("tokens", width),
            "hidden.weight": ("hidden", embed_dim),
            "hidden.bias": ("hidden",),
            "shift.weight": (width, "hidden"),
            "shift.bias": (width,),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, torch.Tensor]) -> ConditionalContext:
        """Rebuild from a `state_dict`."""
        hidden, embed_dim = tensors["hidden.weight"].shape
        made = cls(tensors["context"].clone(), embed_dim, hidden, torch.Generator())
        made.load_state_dict(dict(tensors))
        return made
