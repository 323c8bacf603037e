"""The adversarial domain feature extractor: z = G(f) keeps the style and loses the class."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ldpf.domains.disentangle.base import DISENTANGLERS, Disentangler
from ldpf.domains.disentangle.leace import class_erasure
from ldpf.domains.disentangle.maps import DomainExtractor, in_blocks, seeded_linear
from ldpf.domains.disentangle.run import DisentanglerRun
from ldpf.training.checkpoint import load_optimizer_tree, optimizer_tree
from ldpf.utils.constraints import RATE, Number, Whole, check_fields, constraint
from ldpf.utils.trees import Tree

_WEIGHT = Number(at_least=0, float32=True)


@DISENTANGLERS.register("adversarial")
@dataclass(frozen=True)
class Adversarial(Disentangler):
    """An MLP trained against a classifier of the class (arXiv 2511.00067, step 1).

    All of its settings are ours: the paper leaves them open.

    Attributes:
        hidden: width of G's hidden layer; None for D / 2.
        dim: Z, size of a domain feature; None for D / 4.
        adversary: what the reversed gradient is multiplied with at the end of its ramp.
        reconstruction: weight of the class-conditional reconstruction that keeps G from collapsing.
        adversary_steps: steps of the auxiliary classifier C alone before each joint step.
        erase: whether the class directions left in z are projected out in closed form at the end
            of every epoch (see `class_erasure`). The adversary alone stops short: it fools C, but
            a classifier trained afterwards still reads the class. Left out where K - 1 class
            directions are more than half of Z, which would leave too little of z.
        learning_rate: Adam's.
        batch_size: images per step.
    """

    hidden: int | None = field(default=None, metadata=constraint(Whole(at_least=1), none=True))
    dim: int | None = field(default=None, metadata=constraint(Whole(at_least=1), none=True))
    adversary: float = field(default=1.0, metadata=constraint(_WEIGHT))
    reconstruction: float = field(
        default=1.0, metadata=constraint(Number(at_least=0, float32=True))
    )
    adversary_steps: int = field(default=1, metadata=constraint(Whole(at_least=0)))
    erase: bool = True
    learning_rate: float = field(default=1e-3, metadata=constraint(RATE))
    batch_size: int = field(default=512, metadata=constraint(Whole(at_least=1)))

    def __post_init__(self) -> None:
        check_fields(self)

    def start(
        self,
        features: torch.Tensor,
        labels: torch.Tensor,
        n_classes: int,
        generator: torch.Generator,
    ) -> AdversarialRun:
        """G, C and the decoder before their first step."""
        return AdversarialRun(features, labels, n_classes, self, generator)


class _ReverseGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: torch.Tensor, strength: float) -> torch.Tensor:
        ctx.strength = strength
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        return -ctx.strength * gradients[0], None


def reverse_gradient(value: torch.Tensor, strength: float) -> torch.Tensor:
    """Gradient reversal layer (Ganin & Lempitsky 2015): identity forwards, -strength backwards."""
    return _ReverseGradient.apply(value, strength)


def reversal_ramp(progress: float) -> float:
    """Strength of the reversal, 2 / (1 + exp(-10 p)) - 1 for p in [0, 1] (DANN, MMLD)."""
    return 2.0 / (1.0 + math.exp(-10.0 * min(max(progress, 0.0), 1.0))) - 1.0


class AdversarialRun(DisentanglerRun[DomainExtractor]):
    """Trains G against the auxiliary classifier C on cached image features.

    L_adv = CE(C(GRL(G(f))), y): C descends it and G ascends it (arXiv 2511.00067, step 1). Alone,
    a constant z would be G's optimum. So z must also, together with the class label, reconstruct
    f: what the label does not explain has to stay in z, and what it does explain is not worth
    keeping. The share of within-class variance that z explains is logged each epoch.
    """

    changes = True

    def __init__(
        self,
        features: torch.Tensor,
        labels: torch.Tensor,
        n_classes: int,
        settings: Adversarial,
        generator: torch.Generator,
    ) -> None:
        """Set up G, C, the decoder and their optimizers for features [N, D] and labels [N]."""
        embed_dim = features.shape[1]
        hidden = settings.hidden or max(embed_dim // 2, 2)
        dim = settings.dim or max(embed_dim // 4, 2)
        super().__init__(features, labels, n_classes)
        self.settings, self.generator = settings, generator
        self.extractor = DomainExtractor(embed_dim, hidden, dim, generator)
        self.extractor.set_input(features)
        self.adversary = nn.Sequential(
            seeded_linear(dim, dim, generator), nn.ReLU(), seeded_linear(dim, n_classes, generator)
        )
        self.decoder = seeded_linear(dim + n_classes, embed_dim, generator)
        rate = settings.learning_rate
        self.adversary_optimizer = torch.optim.Adam(self.adversary.parameters(), lr=rate)
        self.extractor_optimizer = torch.optim.Adam(
            [*self.extractor.parameters(), *self.decoder.parameters()], lr=rate
        )

    def epoch(self, progress: float) -> None:
        """One pass over the training features in random order, at reversal ramp `progress`."""
        strength = self.settings.adversary * reversal_ramp(progress)
        order = torch.randperm(len(self.features), generator=self.generator)
        for batch in order.split(self.settings.batch_size):
            self._step(self.features[batch], self.labels[batch], strength)
        self._settle()

    @torch.no_grad()
    def _settle(self) -> None:
        """Center z on the training images and remove the class directions that are left."""
        raw = in_blocks(self.extractor.perceptron, self.features)
        self.extractor.output_mean.copy_(raw.mean(dim=0))
        # With nearly as many classes as dimensions the projection would leave nothing of z.
        if self.settings.erase and self.n_classes - 1 <= raw.shape[1] // 2:
            centered = raw - self.extractor.output_mean
            self.extractor.erasure.copy_(class_erasure(centered, self.labels, self.n_classes))

    def _step(self, features: torch.Tensor, labels: torch.Tensor, strength: float) -> None:
        z = self.extractor.perceptron(features)
        for _ in range(self.settings.adversary_steps):
            loss = F.cross_entropy(self.adversary(z.detach()), labels)
            self.adversary_optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.adversary_optimizer.step()
        adversarial = F.cross_entropy(self.adversary(reverse_gradient(z, strength)), labels)
        reconstruction = F.mse_loss(
            self._reconstruct(z, labels), self.extractor.standardize(features)
        )
        self.extractor_optimizer.zero_grad(set_to_none=True)
        (adversarial + self.settings.reconstruction * reconstruction).backward()
        self.extractor_optimizer.step()

    def _reconstruct(self, z: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return self.decoder(torch.cat([z, F.one_hot(labels, self.n_classes).to(z)], dim=1))

    @torch.no_grad()
    def adversary_accuracy(self, features: torch.Tensor, labels: torch.Tensor) -> float:
        """How often C itself recognizes the class from z."""
        z = self.extractor.perceptron(features)
        return float((self.adversary(z).argmax(dim=1) == labels).float().mean())

    def measure(self, features: torch.Tensor, labels: torch.Tensor) -> dict[str, Any]:
        """How well C reads the class off z of images [N, D] with class ids [N]."""
        return {"adversary_accuracy": self.adversary_accuracy(features, labels)}

    def modules(self) -> dict[str, nn.Module]:
        """The trained parts by name, for checkpoints."""
        return {"extractor": self.extractor, "adversary": self.adversary, "decoder": self.decoder}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The optimizers by name, for checkpoints."""
        return {"adversary": self.adversary_optimizer, "extractor": self.extractor_optimizer}

    def state(self) -> Tree:
        """Networks, their optimizers and the random state."""
        return {
            **super().state(),
            "optimizers": {n: optimizer_tree(o) for n, o in self.optimizers().items()},
            "generator": self.generator.get_state(),
        }

    def load_state(self, tree: Tree) -> None:
        """Put back what `state` returned."""
        super().load_state(tree)
        for name, optimizer in self.optimizers().items():
            load_optimizer_tree(optimizer, tree["optimizers"][name])
        self.generator.set_state(tree["generator"])
