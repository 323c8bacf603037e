"""The adversarial domain feature extractor: z = G(f) keeps the style and loses the class."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from ldpf.domains.disentangle.leace import class_erasure
from ldpf.errors import SettingsError


@dataclass(frozen=True)
class ExtractorSettings:
    """How the extractor is built and trained. All of it is ours: the paper leaves it open.

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

    hidden: int | None = None
    dim: int | None = None
    adversary: float = 1.0
    reconstruction: float = 1.0
    adversary_steps: int = 1
    erase: bool = True
    learning_rate: float = 1e-3
    batch_size: int = 512

    def __post_init__(self) -> None:
        for name in ("hidden", "dim"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingsError(f"{name} is {value}; it must be at least 1.")
        if self.learning_rate <= 0:
            raise SettingsError(f"learning_rate is {self.learning_rate}; it must be above 0.")
        if self.batch_size < 1:
            raise SettingsError(f"batch_size is {self.batch_size}; it must be at least 1.")


class _ReverseGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, value: torch.Tensor, strength: float) -> torch.Tensor:
        ctx.strength = strength
        return value.view_as(value)

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return -ctx.strength * gradient, None


def reverse_gradient(value: torch.Tensor, strength: float) -> torch.Tensor:
    """Gradient reversal layer (Ganin & Lempitsky 2015): identity forwards, -strength backwards."""
    return _ReverseGradient.apply(value, strength)


def reversal_ramp(progress: float) -> float:
    """Strength of the reversal, 2 / (1 + exp(-10 p)) - 1 for p in [0, 1] (DANN, MMLD)."""
    return 2.0 / (1.0 + math.exp(-10.0 * min(max(progress, 0.0), 1.0))) - 1.0


class DomainExtractor(nn.Module):
    """G: a two-layer MLP from image features to domain features.

    Image features are standardised by one mean vector and one scale first. Behind the MLP, z is
    centred on the training images, so that the cosine to a centroid tells domains apart instead of
    measuring a direction that all images share, and passes a fixed linear map that removes what is
    left of the class (the identity unless `erase` is on).
    """

    def __init__(self, embed_dim: int, hidden: int, dim: int, generator: torch.Generator) -> None:
        super().__init__()
        self.hidden = seeded_linear(embed_dim, hidden, generator)
        self.out = seeded_linear(hidden, dim, generator)
        self.register_buffer("input_mean", torch.zeros(embed_dim))
        self.register_buffer("input_scale", torch.ones(()))
        self.register_buffer("output_mean", torch.zeros(dim))
        self.register_buffer("erasure", torch.eye(dim))

    def standardise(self, features: torch.Tensor) -> torch.Tensor:
        """Image features [N, D] -> what G sees, [N, D] with about unit variance."""
        return (features - self.input_mean) * self.input_scale

    def perceptron(self, features: torch.Tensor) -> torch.Tensor:
        """The MLP's raw output [N, Z], which is what the adversary sees."""
        return self.out(F.relu(self.hidden(self.standardise(features))))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Domain features z [N, Z] of image features [N, D]."""
        return (self.perceptron(features) - self.output_mean) @ self.erasure.T


def seeded_linear(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    """A linear layer whose start comes from `generator` and touches no global random state."""
    layer = nn.utils.skip_init(nn.Linear, inputs, outputs)
    nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
    nn.init.uniform_(layer.bias, -1 / math.sqrt(inputs), 1 / math.sqrt(inputs), generator=generator)
    return layer


class AdversarialTraining:
    """Trains G against the auxiliary classifier C on cached image features.

    L_adv = CE(C(GRL(G(f))), y): C descends it and G ascends it (arXiv 2511.00067, step 1). Alone,
    a constant z would be G's optimum. So z must also, together with the class label, reconstruct
    f: what the label does not explain has to stay in z, and what it does explain is not worth
    keeping. The share of within-class variance that z explains is logged each epoch.
    """

    def __init__(
        self,
        features: torch.Tensor,
        labels: torch.Tensor,
        n_classes: int,
        settings: ExtractorSettings,
        generator: torch.Generator,
    ) -> None:
        """Set up G, C, the decoder and their optimisers for features [N, D] and labels [N]."""
        embed_dim = features.shape[1]
        hidden = settings.hidden or max(embed_dim // 2, 2)
        dim = settings.dim or max(embed_dim // 4, 2)
        self.features, self.labels = features, labels
        self.n_classes, self.settings, self.generator = n_classes, settings, generator
        self.extractor = DomainExtractor(embed_dim, hidden, dim, generator)
        self.extractor.input_mean.copy_(features.mean(dim=0))
        spread = features.var(dim=0, unbiased=False).mean().sqrt()
        self.extractor.input_scale.copy_(1.0 / spread.clamp_min(1e-6))
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
        """Centre z on the training images and remove the class directions that are left."""
        raw = self.extractor.perceptron(self.features)
        self.extractor.output_mean.copy_(raw.mean(dim=0))
        # With nearly as many classes as dimensions the projection would leave nothing of z.
        if self.settings.erase and self.n_classes - 1 <= raw.shape[1] // 2:
            centred = raw - self.extractor.output_mean
            self.extractor.erasure.copy_(class_erasure(centred, self.labels, self.n_classes))

    def _step(self, features: torch.Tensor, labels: torch.Tensor, strength: float) -> None:
        z = self.extractor.perceptron(features)
        for _ in range(self.settings.adversary_steps):
            loss = F.cross_entropy(self.adversary(z.detach()), labels)
            self.adversary_optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.adversary_optimizer.step()
        adversarial = F.cross_entropy(self.adversary(reverse_gradient(z, strength)), labels)
        reconstruction = F.mse_loss(
            self._reconstruct(z, labels), self.extractor.standardise(features)
        )
        self.extractor_optimizer.zero_grad(set_to_none=True)
        (adversarial + self.settings.reconstruction * reconstruction).backward()
        self.extractor_optimizer.step()

    def _reconstruct(self, z: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return self.decoder(torch.cat([z, F.one_hot(labels, self.n_classes).to(z)], dim=1))

    @torch.no_grad()
    def explained_variance(self, features: torch.Tensor, labels: torch.Tensor) -> float:
        """Share of the within-class variance of f that a linear map of z explains.

        The map is the best one on the training images, found in closed form: the decoder can lag
        far behind it, above all after few steps. A collapsed z gives 0; on images other than the
        training ones a z without information falls a little below.
        """
        train_z, train_x = self._within_class(self.features, self.labels)
        gram = train_z.T @ train_z
        ridge = 1e-6 * gram.diagonal().mean().clamp_min(1e-12)
        identity = torch.eye(len(gram), dtype=gram.dtype)
        linear_map = torch.linalg.solve(gram + ridge * identity, train_z.T @ train_x)
        z, x = self._within_class(features, labels)
        residual = (x - z @ linear_map).square().sum()
        return float(1.0 - residual / x.square().sum().clamp_min(1e-12))

    def _within_class(
        self, features: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """z [N, Z] and standardised f [N, D], less the training mean of the image's class."""
        counts = torch.bincount(self.labels, minlength=self.n_classes).clamp_min(1)[:, None]
        centred = []
        for function in (self.extractor, self.extractor.standardise):
            train = function(self.features).double()
            sums = train.new_zeros(self.n_classes, train.shape[1])
            means = sums.index_add_(0, self.labels, train) / counts
            centred.append(function(features).double() - means[labels])
        return centred[0], centred[1]

    @torch.no_grad()
    def adversary_accuracy(self, features: torch.Tensor, labels: torch.Tensor) -> float:
        """How often C itself recognises the class from z."""
        z = self.extractor.perceptron(features)
        return float((self.adversary(z).argmax(dim=1) == labels).float().mean())

    def modules(self) -> dict[str, nn.Module]:
        """The trained parts by name, for checkpoints."""
        return {"extractor": self.extractor, "adversary": self.adversary, "decoder": self.decoder}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The optimisers by name, for checkpoints."""
        return {"adversary": self.adversary_optimizer, "extractor": self.extractor_optimizer}
