"""What a fusion rule is: how the prompts of the latent domains become one answer per image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ldpf.utils.learned import learned_values, setting_fields
from ldpf.utils.registry import Registry, part_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch


@dataclass(frozen=True, eq=False)
class FusionInputs:
    """The inputs of a rule, for N images, S latent domains and K classes.

    Attributes:
        similarities: cos(z, c_s), [N, S].
        image_features: f, [N, D] of length one.
        text_features: t_k^s, [S, K, D] of length one.
        logit_scale: 1 / T of the backbone.
    """

    similarities: torch.Tensor
    image_features: torch.Tensor
    text_features: torch.Tensor
    logit_scale: float

    @cached_property
    def prompt_logits(self) -> torch.Tensor:
        """cos(f, t_k^s) / T under each prompt alone, [N, S, K]; computed when first asked for."""
        cosines = self.image_features @ self.text_features.mT  # [S, N, K]
        return self.logit_scale * cosines.transpose(0, 1)

    def rows(self, start: int, stop: int) -> FusionInputs:
        """The inputs of images `start` to `stop` - 1."""
        return self.select(slice(start, stop))

    def select(self, images: slice | torch.Tensor) -> FusionInputs:
        """The inputs of some images, by a slice, numbers or a mask [N]."""
        return FusionInputs(
            self.similarities[images],
            self.image_features[images],
            self.text_features,
            self.logit_scale,
        )


@dataclass(frozen=True, eq=False)
class FusionExamples:
    """Labeled images that a rule may learn from.

    Attributes:
        inputs: of N images.
        labels: class ids [N].
        domains: latent domain [N] of each image, whose prompt was trained on it.
        groups: [N] int64, equal where images belong together, such as those of a burst, and -1
            where an image is alone; None where nothing is known.
    """

    inputs: FusionInputs
    labels: torch.Tensor
    domains: torch.Tensor
    groups: torch.Tensor | None = None

    def select(self, images: slice | torch.Tensor) -> FusionExamples:
        """Some of the images, by a slice, numbers or a mask [N]."""
        groups = None if self.groups is None else self.groups[images]
        return FusionExamples(
            self.inputs.select(images), self.labels[images], self.domains[images], groups
        )


class FusionRule:
    """Base of fusion rules: a frozen dataclass of settings that gives weights over prompts.

    A rule that learns declares each tensor as a field `name: torch.Tensor | None = learned()`,
    overrides `fit`, and is registered with `register(name, learns=True)`. Everything else, such as
    saving it in a model folder, follows from these fields.

    Attributes:
        mixes: what is averaged with the weights: `text` features (the paper), `logits` (their
            logarithms of probabilities), or `probabilities`.
        asks_zero_shot: whether it needs the text features of the zero-shot ensemble. It receives
            them by `with_zero_shot` before `fit`, and again if the class names change.
        zero_shot: these text features, [K, D]; a field of rules that need them.
    """

    mixes: ClassVar[Literal["text", "logits", "probabilities"]] = "text"
    asks_zero_shot: ClassVar[bool] = False
    zero_shot: torch.Tensor | None = None
    registered_name: ClassVar[str]

    def weights(self, inputs: FusionInputs) -> torch.Tensor:
        """Weights of each image over the prompts.

        Returns:
            [N, S], or [N, S, K] if the weights differ between classes; sums over S are one.
        """
        raise NotImplementedError

    def finish(
        self, inputs: FusionInputs, weights: torch.Tensor, logits: torch.Tensor
    ) -> torch.Tensor:
        """Final class logits [N, K], given those of mixing by `weights`; by default unchanged.

        The weights are those of `weights`, possibly without the prompt of an image's own domain.
        """
        return logits

    def in_training(self) -> FusionRule:
        """The rule used while prompts are trained and validated; usually the rule itself.

        A rule that does more to a new image than weighting prompts returns a rule without that
        part.
        """
        return self

    def with_zero_shot(self, text_features: torch.Tensor) -> FusionRule:
        """The rule with the text features [K, D] of hard prompts, of length one."""
        return self

    @property
    def needs_fit(self) -> bool:
        """Whether the rule learns and has not been fitted yet; then it has no weights."""
        return any(value is None for value in learned_values(self).values())

    def fit(
        self, train: FusionExamples, validation: FusionExamples, *, seed: int = 0
    ) -> FusionRule:
        """The rule, fitted to finished prompts; rules that learn nothing are returned unchanged.

        Args:
            train: the images that the prompts were trained on. The prompt of an
                image's own latent domain was trained on it and is more accurate there than on a new
                image, so a rule may have to leave that prompt out.
            validation: other images of the same sources; the training images if there are none.
            seed: of every random draw.
        """
        return self

    def tensors(self) -> dict[str, torch.Tensor]:
        """The learned tensors, by name; empty for rules that learn nothing."""
        return {name: value for name, value in learned_values(self).items() if value is not None}

    def shapes(
        self, n_domains: int, n_classes: int, embed_dim: int
    ) -> dict[str, tuple[int | str, ...]]:
        """The shape of each of `tensors()`; a word is any size, and the same word the same size.

        A tensor that is not named here may have any shape.
        """
        return {}

    def with_tensors(self, tensors: Mapping[str, torch.Tensor]) -> FusionRule:
        """The rule with what `tensors` returned."""
        return replace(self, **tensors) if tensors else self  # type: ignore[type-var]


FUSION_RULES: Registry[FusionRule] = Registry("fusion rule", "ldpf.fusion", variable="FUSION_RULES")
"""Fusion rules by the name that settings and model folders use."""


def as_rule(rule: FusionRule | str, **settings: Any) -> FusionRule:
    """A rule from its name, or the rule itself.

    Args:
        rule: a registered name, or a rule, which is returned as it is.
        settings: values for those of the named rule's fields that they name; the others, such as a
            temperature for a rule without one, are ignored.

    Raises:
        SettingsError: there is no such rule, or a value is not allowed.
    """
    if isinstance(rule, FusionRule):
        return rule
    entry: Any = FUSION_RULES.get(rule)
    known = {field.name for field in setting_fields(entry)}
    return FUSION_RULES.make(rule, **{k: v for k, v in settings.items() if k in known})


def rule_config(rule: FusionRule) -> dict[str, Any]:
    """A rule as plain values: its name and its settings."""
    settings = part_settings(rule)
    return {"fusion": settings.pop("name"), "fusion_settings": settings}


def rule_from_config(config: Mapping[str, Any]) -> FusionRule:
    """The rule that `rule_config` described, or format 1 of model folders, with name and `tau`.

    Raises:
        SettingsError: there is no such rule, or a setting that it does not have or allow.
    """
    if "tau" in config:
        return as_rule(config["fusion"], tau=config["tau"])
    return FUSION_RULES.make(config["fusion"], **config.get("fusion_settings", {}))
