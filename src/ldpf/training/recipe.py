"""How long, how fast and on which batches prompts are trained."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ldpf.errors import SettingsError
from ldpf.utils.constraints import (
    COUNT,
    COUNT_OR_NONE,
    RATE,
    Flag,
    Number,
    OneOf,
    Whole,
    check_fields,
    constraint,
    later,
)
from ldpf.utils.precision import OWN, PRECISIONS


@dataclass(frozen=True)
class Recipe:
    """Optimization settings, the same for every method that learns prompts.

    Attributes:
        name: `steady`, `fast` or `paper` for those that come with the library.
        optimizer: `adam` or `sgd` (momentum 0.9, weight decay 5e-4, as in CoOp's code).
        learning_rate: peak value.
        image_batch: images per step; training sets up to this size are used whole.
        max_epochs: passes over the images in one phase; None if `max_steps` is given.
        max_steps: largest number of steps in one phase.
        patience: steps without a better validation accuracy after which the learning rate is
            brought down to end the phase; None to run all epochs, or all `max_steps`, on a cosine.
        cooldown: steps in which the learning rate falls to zero at the end (with `patience`), at
            most the length of the phase.
        warmup_epochs: epochs at `warmup_rate` first.
        warmup_rate: learning rate of the warm-up.
        round_every: steps between rounds of domain discovery; None for one round per epoch.
        evaluate_every: steps between validations; None for once per epoch.
        average: decay of an exponential average of the prompts, taken once the latent domains are
            final; the average is validated at the end and kept. 0 means no average. Averaged
            weights are flatter optima and more accurate under domain shift (Izmailov et al. 2018;
            SWAD, Cha et al. 2021), and rounding changes them less.
        keep: which prompts are kept: those that were `best` on validation, or the `last` ones.
            Validation images come from the training domains and say little about a new one, and a
            choice between nearly equal checkpoints is decided by rounding.
        sharpness: rho of sharpness-aware steps (SAM, Foret et al. 2021): the gradient is taken at
            the point of the highest loss within this distance (Euclidean, over the prompts of the
            step), at the cost of a second text pass. 0 means ordinary steps.
        precision: of the text encoder's matrix products while prompts are trained: `float32`, or
            `bfloat16`, which is faster where the processor has it and rounds to two digits. The
            features of the prompts that are kept are always computed in the tower's own precision.
        cuda_graphs: record text passes with a repeating shape as CUDA graphs, on a GPU; see
            `ldpf.text.graphs`.
    """

    name: str
    optimizer: str = field(metadata=constraint(OneOf(("adam", "sgd"))))
    learning_rate: float = field(metadata=constraint(RATE))
    image_batch: int = field(metadata=COUNT)
    max_epochs: int | None = field(default=None, metadata=COUNT_OR_NONE)
    max_steps: int | None = field(default=None, metadata=COUNT_OR_NONE)
    patience: int | None = field(default=None, metadata=COUNT_OR_NONE)
    cooldown: int = field(default=0, metadata=constraint(Whole(at_least=0)))
    warmup_epochs: int = field(default=0, metadata=constraint(Whole(at_least=0)))
    warmup_rate: float = field(default=1e-5, metadata=constraint(Number(at_least=0, at_most=1e6)))
    round_every: int | None = field(default=None, metadata=COUNT_OR_NONE)
    evaluate_every: int | None = field(default=None, metadata=COUNT_OR_NONE)
    average: float = field(default=0.0, metadata=constraint(Number(at_least=0, below=1)))
    keep: str = field(default="best", metadata=constraint(OneOf(("best", "last"))))
    sharpness: float = field(default=0.0, metadata=constraint(Number(at_least=0, float32=True)))
    precision: str = field(default=OWN, metadata=later(OneOf(PRECISIONS)))
    cuda_graphs: bool = field(default=False, metadata=later(Flag()))

    def __post_init__(self) -> None:
        check_fields(self)
        if (self.max_epochs is None) == (self.max_steps is None):
            raise SettingsError(
                f"max_epochs is {self.max_epochs} and max_steps {self.max_steps}; give exactly one."
            )
        if self.average and self.keep == "best":
            raise SettingsError(
                f"average is {self.average} and keep 'best'; the average is of the last prompts, "
                "so keep must be 'last'."
            )
        if self.patience is None and self.max_steps is not None and self.warmup_epochs:
            raise SettingsError(
                f"warmup_epochs is {self.warmup_epochs} and max_steps {self.max_steps} without "
                "patience; the cosine over max_steps has no warm-up, so warmup_epochs must be 0."
            )

    def steps(self, n_train: int) -> int:
        """Largest number of steps of one phase, for `n_train` images."""
        if self.max_steps is not None:
            return self.max_steps
        return (self.max_epochs or 1) * -(-n_train // self.image_batch)

    def cosine_of_step(self, step: int) -> float:
        """Learning rate of a step if `max_steps` is given: a cosine to zero."""
        return 0.5 * self.learning_rate * (1 + math.cos(math.pi * step / (self.max_steps or 1)))

    def cosine(self, epoch: int) -> float:
        """Learning rate of an epoch: constant warm-up, then a cosine from the full rate (CoOp).

        As in CoOp's code the cosine starts after the warm-up and is cut off by as many epochs, so
        the last epoch does not quite reach zero.
        """
        if epoch < self.warmup_epochs:
            return self.warmup_rate
        progress = (epoch - self.warmup_epochs) / (self.max_epochs or 1)
        return 0.5 * self.learning_rate * (1 + math.cos(math.pi * progress))


STEADY = Recipe(
    name="steady",
    optimizer="adam",
    learning_rate=1e-2,
    image_batch=8192,
    max_steps=600,
    round_every=5,
    evaluate_every=25,
    average=0.98,
    keep="last",
)
"""Whole-set batches on a cosine to zero; the averaged prompts of the end are kept, so that neither
rounding nor a choice among checkpoints decides."""

FAST = Recipe(
    name="fast",
    optimizer="adam",
    learning_rate=1e-2,
    image_batch=8192,
    max_steps=1500,
    patience=200,
    cooldown=100,
    round_every=5,
    evaluate_every=5,
)
"""Whole-set batches and few text passes, on until validation has stopped improving."""

PAPER = Recipe(
    name="paper",
    optimizer="sgd",
    learning_rate=2e-3,
    image_batch=32,
    max_epochs=20,
    warmup_epochs=1,
)
"""SGD 2e-3, cosine, one warm-up epoch at 1e-5, batch 32, 20 epochs (the CoOp / SPG protocol)."""

RECIPES: dict[str, Recipe] = {"steady": STEADY, "fast": FAST, "paper": PAPER}


def get_recipe(name: str) -> Recipe:
    """Look a recipe up by name; raises SettingsError for an unknown one."""
    if name not in RECIPES:
        raise SettingsError(f"There is no recipe {name!r}; choose from {', '.join(RECIPES)}.")
    return RECIPES[name]
