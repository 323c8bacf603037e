"""What a method hands to the training loop."""

from __future__ import annotations

from typing import Any, Protocol

import torch

from ldpf.utils.trees import Tree

Stage = frozenset[str]
"""Names of the prompt groups that one text pass updates; the others are frozen in it."""


class PromptLearner(Protocol):
    """Prompts, a loss, and a prediction for validation.

    Attributes:
        groups: learnable prompts by name.
        n_phases: how many times the recipe is run through.
        rotation: how many stages take turns in one phase.
        n_train: training images.
        settled: whether the latent domains are final. Prompts are kept only from then on.
        rounds_left: rounds of `start_round` that have something to discover.
    """

    groups: dict[str, torch.nn.Parameter]
    n_phases: int
    rotation: int
    n_train: int

    @property
    def settled(self) -> bool:
        """Whether the latent domains are final."""
        ...

    @property
    def rounds_left(self) -> int:
        """Rounds of `start_round` that have something to discover."""
        ...

    def stage(self, phase: int, step: int) -> Stage:
        """What step number `step` of phase number `phase` updates."""
        ...

    def contexts(self, stage: Stage, batch: torch.Tensor | None = None) -> torch.Tensor:
        """All prompts [P, M, W], groups outside `stage` detached.

        Prompts of images are those of the training images `batch`, or of all for None, and none at
        all without a stage.
        """
        ...

    def loss(
        self, text_features: torch.Tensor, batch: torch.Tensor | None, stage: Stage
    ) -> torch.Tensor:
        """Training loss (a scalar) on training images `batch`, or on all for None."""
        ...

    def validation_accuracy(self, text_features: torch.Tensor) -> float:
        """Accuracy on validation of the prediction that the method would make now."""
        ...

    def start_round(self) -> dict[str, Any] | None:
        """Rediscover domains, if the method does so; returns what to log."""
        ...

    def state(self) -> Tree:
        """Everything needed to continue."""
        ...

    def load_state(self, tree: Tree) -> None:
        """Put back what `state` returned."""
        ...

    def snapshot(self) -> Tree:
        """Everything needed to predict."""
        ...
