"""DPL: a prompt that a network makes from image features, for one image or for a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from ldpf.domains.clustering.matching import group_means
from ldpf.domains.disentangle.maps import seeded_linear
from ldpf.errors import DataError, ModelError
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
from ldpf.text.contexts import INITIAL_WORDS
from ldpf.text.memory_budget import build_encoder
from ldpf.training.callbacks import RunRecord
from ldpf.training.recipe import STEADY, Recipe
from ldpf.utils.constraints import COUNT, COUNT_OR_NONE, check_fields
from ldpf.utils.seed import generator

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.features.feature_set import FeatureSet
    from ldpf.models.base import Classifier


@METHODS.register("dpl", prompts=True)
@dataclass(frozen=True)
class DPL(Method):
    """DPL (Zhang et al. 2021, DPLCLIP): a network makes a prompt from each image alone.

    A three-layer MLP F makes the tokens in front of "a photo of a [class]" from image features. The
    paper's prompt is that of a domain, p_s = (1/n) sum_i F(f_i) over a batch of n of its images.
    Both forms of it are here, and **they are different kinds of method**:

    - `dpl` (`batch` off): n = 1, the generator sees one image, whose answer depends on nothing
      else. No domain label is used. This is the form to compare with other methods.
    - `dpl-batch` (`batch` on): the released form. In training the mean is over the images of each
      true domain, so it needs domain labels. In prediction the images given together are taken as
      one batch of one unknown domain: **an image's answer depends on the others in its batch**, and
      with a whole target set given at once, as the benchmark does, the prompt has seen all of it
      (without labels). Its classifier says `per_image` False.

    Left out: augmentation, and dropout in F. (The released code classifies every image of a step
    with the text features of the first domain; here each has its own domain's.)

    Attributes:
        length: tokens that F makes.
        hidden: units of each of F's two hidden layers; None for D.
        batch: which form.
        training: learning rate, and what bounds the cost of the single-image form.
        head: visual head whose calibrated answers are added to those of the prompts, or its name.
        recipe: how it is trained, within these bounds.
    """

    name: str = "dpl"
    length: int = field(default=8, metadata=COUNT)
    hidden: int | None = field(default=None, metadata=COUNT_OR_NONE)
    batch: bool = False
    training: InstanceTraining = field(default_factory=InstanceTraining)
    head: VisualHead = field(default_factory=NoHead)
    recipe: Recipe = STEADY

    def __post_init__(self) -> None:
        check_fields(self)
        object.__setattr__(self, "head", as_head(self.head))

    @property
    def needs_domains(self) -> bool:
        """Whether it reads the true domains: the batch form does, also where it was set."""
        return self.batch

    @property
    def n_prompts(self) -> int:
        """Prompts trained at once: one for each image of a step, or (about) for each domain."""
        return 3 if self.batch else self.training.images_per_step

    def fit(
        self,
        train: FeatureSet,
        validation: FeatureSet,
        backbone: Backbone,
        *,
        seed: int = 0,
        record: RunRecord | None = None,
    ) -> Classifier:
        """Train on `train`, keep the generator that is best on `validation`.

        Raises:
            DataError: the batch form, and the domains of the images are unknown.
        """
        domains = train.domains
        if self.batch and (domains is None or validation.domains is None):
            raise DataError(
                "The batch form of DPL averages prompts over the images of a domain, but the "
                "domains of the training images are unknown: arrange them as domain/class/image, "
                "give a manifest with a 'domain' column, or take 'dpl', which needs none."
            )
        at_once = self.training.images_per_step
        if self.batch and domains is not None:
            at_once = len(domains.unique())
        tower = backbone.text
        words = tower.token_embeddings(tower.name_tokens(INITIAL_WORDS)).float().cpu()
        maker = DomainPromptGenerator(
            words,
            self.length,
            backbone.embed_dim,
            self.hidden or backbone.embed_dim,
            generator(seed, "prompt generator"),
        )
        classifier = InstancePromptClassifier(
            method=self.name,
            class_names=tuple(train.class_names),
            generator=maker.to(backbone.device),
            encoder=build_encoder(
                backbone, train.class_names, prompts=at_once, length=self.length + len(words)
            ),
            logit_scale=backbone.logit_scale,
            at_once=at_once,
            per_image=not self.batch,
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


@METHODS.register("dpl-batch", prompts=True, needs_domains=True)
def dpl_batch() -> DPL:
    """DPL as released: one prompt for a whole batch, so answers depend on the rest of the batch."""
    return DPL("dpl-batch", batch=True)


@GENERATORS.register("domain-tokens")
class DomainPromptGenerator(PromptGenerator):
    """F: features [n, D] -> contexts [n, M + 4, W], made tokens first and fixed words behind."""

    words: torch.Tensor

    def __init__(
        self,
        words: torch.Tensor,
        length: int,
        embed_dim: int,
        hidden: int,
        draws: torch.Generator,
    ) -> None:
        """Set up three layers in front of `words` [4, W]."""
        super().__init__()
        self.register_buffer("words", words)
        self.length = length
        self.first = seeded_linear(embed_dim, hidden, draws)
        self.second = seeded_linear(hidden, hidden, draws)
        self.last = seeded_linear(hidden, length * words.shape[1], draws)

    @property
    def n_tokens(self) -> int:
        """M + 4: made tokens and fixed words."""
        return self.length + len(self.words)

    def forward(self, features: torch.Tensor, group: torch.Tensor | None = None) -> torch.Tensor:
        """The context of each image, or the mean over the images of each group.

        Args:
            features: [n, D].
            group: [n] ids 0 to G - 1, each of some image; on the CPU, where G can be read off them
                without waiting for a GPU.

        Returns:
            [n, M + 4, W], or [G, M + 4, W].
        """
        hidden = torch.relu(self.second(torch.relu(self.first(features))))
        if group is not None:  # before the last layer: it is linear, so the mean may go first
            n_groups = int(group.max()) + 1
            hidden = group_means(hidden, group.to(hidden.device, non_blocking=True), n_groups)
        made = self.last(hidden).reshape(len(hidden), self.length, -1)
        return torch.cat([made, self.words.expand(len(made), -1, -1)], dim=1)

    @classmethod
    def shapes(cls, embed_dim: int, width: int) -> dict[str, Shape]:
        """The shapes of `state_dict`."""
        return {
            "words": ("words", width),
            "first.weight": ("hidden", embed_dim),
            "first.bias": ("hidden",),
            "second.weight": ("hidden", "hidden"),
            "second.bias": ("hidden",),
            "last.weight": ("made", "hidden"),
            "last.bias": ("made",),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, torch.Tensor]) -> DomainPromptGenerator:
        """Rebuild from a `state_dict`."""
        words, (hidden, embed_dim) = tensors["words"], tensors["first.weight"].shape
        length, rest = divmod(len(tensors["last.bias"]), words.shape[1])
        if rest or not length:
            raise ModelError(
                f"The last layer of DPL's generator has {len(tensors['last.bias'])} outputs, which "
                f"is no multiple of the {words.shape[1]} numbers of a token; train again."
            )
        made = cls(words.clone(), length, embed_dim, hidden, torch.Generator())
        made.load_state_dict(dict(tensors))
        return made
