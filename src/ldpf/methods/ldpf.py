"""LDPF: latent domains, one shared prompt and one prompt per latent domain, fused per image."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import torch
import torch.nn.functional as F

from ldpf.domains import DiscoverySettings, DomainDiscovery, FittedDomains, OutsideCheck
from ldpf.errors import SettingsError
from ldpf.fusion import FusionInputs, FusionRule, as_rule
from ldpf.fusion.fuse import fuse
from ldpf.fusion.similarity import Similarity
from ldpf.fusion.uniform import Uniform
from ldpf.heads.base import VisualHead, as_head
from ldpf.heads.none import NoHead
from ldpf.methods.base import METHODS, Method
from ldpf.methods.sample_weights import WEIGHTS, sample_weights, weighted_mean
from ldpf.methods.with_head import add_head
from ldpf.models.prompt_classifier import PromptClassifier
from ldpf.text.contexts import random_context, similarity_between, worded_context
from ldpf.text.memory_budget import build_encoder, finish_training
from ldpf.training.callbacks import RunRecord
from ldpf.training.learner import Stage
from ldpf.training.loop import PromptTraining
from ldpf.training.recipe import STEADY, Recipe
from ldpf.utils.constraints import COUNT, Number, OneOf, Whole, check_fields, constraint
from ldpf.utils.seed import generator

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.features.feature_set import FeatureSet
    from ldpf.models.base import Classifier
    from ldpf.utils.trees import Tree

log = logging.getLogger("ldpf")

SPECIFIC = frozenset({"specific"})
"""Stage 1: only u_s is updated (L_dsp)."""

AGNOSTIC = frozenset({"agnostic"})
"""Stage 2: only v is updated (L_dap)."""

BOTH = SPECIFIC | AGNOSTIC
"""Both stages in one step: with an image's own prompt in both losses they share their text pass."""

MEASURE_EVERY = 5
"""Rounds of domain discovery between two entries of their measurements in the log."""

STAGES = ("alternating", "sequential", "joint")
"""How the two stages follow each other."""


@METHODS.register(
    "ldpf",
    prompts=True,
    presets=True,
    shares_passes=True,
    fusion="similarity",
    oracle="ldpf-oracle",
)
@dataclass(frozen=True)
class LDPF(Method):
    """Latent Domain Prompt Fusion: a shared prompt, one per latent domain, fused per image.

    Li, Gholamzadeh Khoee, Yu, ICASSP 2026, arXiv 2511.00067.

    The sentence of class k under latent domain s is [SOS] v u_s [class k] "." [EOS]. Stage 1 trains
    each u_s on the images of its own latent domain (L_dsp), stage 2 trains v with u frozen (L_dap),
    both with the backbone's own temperature; the domain extractor trains on -L_adv beside them, so
    that together L = L_dsp + lambda (L_dap - L_adv). What the paper leaves open is set here as
    listed in the method's documentation.

    The defaults are ours, chosen for a domain never seen: the class is erased in closed form
    (LEACE) instead of by an adversary, domains are clusters of directions (so that the domain an
    image belongs to is also the one that weighs most), every latent domain and class counts the
    same, prompts share no tokens, and weights are soft. `ldpf-paper` and the preset `paper` have
    the paper's configuration.

    Attributes:
        discovery: how latent domains are found; `discovery.n_domains` is N_s.
        agnostic_length: M1, tokens of v.
        specific_length: M2, tokens of u_s.
        weight: lambda, for L_dap. It scales the gradient of v, which Adam (the `fast` recipe)
            divides out again, so it matters with `paper` only, and nowhere with `joint`. (L_adv
            trains only the extractor, whose own optimiser makes a factor in front of it a matter of
            `discovery.disentangle`.)
        stages: `alternating` (the stages take turns), `sequential` (stage 1 to its end, then
            stage 2) or `joint` (every step updates both).
        turn: steps of one turn, with `alternating`. Turns of a single step do badly with Adam: v
            undoes in its step what u overshot in the one before, and both drift apart.
        agnostic_domain: which prompt carries an image in L_dap: its `own` latent domain's, `all`
            (mean of the losses under each), or the `fused` prediction.
        fusion: fusion rule of the prediction, or its name. `tau` is short for `fusion.tau`. A rule
            that learns is fitted to the finished prompts; until then they are chosen on validation
            with equal weights.
        head: visual head whose calibrated answers are added to those of the prompts, or its name.
        sample_weights: what counts the same in the losses: `none` (every image), `class`, or
            `latent-class`, every pair of a latent domain and a class.
        recipe: how prompts are trained.
    """

    name: str = "ldpf"
    discovery: DiscoverySettings = field(default_factory=DiscoverySettings)
    agnostic_length: int = field(default=0, metadata=constraint(Whole(at_least=0)))
    specific_length: int = field(default=12, metadata=constraint(Whole(at_least=0)))
    weight: float = field(default=1.0, metadata=constraint(Number()))
    stages: str = field(default="alternating", metadata=constraint(OneOf(STAGES)))
    turn: int = field(default=25, metadata=COUNT)
    agnostic_domain: str = field(default="own", metadata=constraint(OneOf(("own", "all", "fused"))))
    fusion: FusionRule = field(default_factory=Similarity)
    head: VisualHead = field(default_factory=NoHead)
    sample_weights: str = field(default="latent-class", metadata=WEIGHTS)
    recipe: Recipe = STEADY
    aliases: ClassVar[Mapping[str, str]] = {
        "n_domains": "discovery.n_domains",
        "tau": "fusion.tau",
        "discovery.extractor": "discovery.disentangle",
        "discovery.source": "discovery.assignment",
    }

    def __post_init__(self) -> None:
        check_fields(self)
        if self.length < 1:
            raise SettingsError(
                f"agnostic_length={self.agnostic_length} and specific_length="
                f"{self.specific_length} should be at least 1 together."
            )
        object.__setattr__(self, "fusion", as_rule(self.fusion))
        object.__setattr__(self, "head", as_head(self.head))

    @property
    def n_prompts(self) -> int:
        """Prompts trained at once, one a latent domain. (True domains may be more or fewer.)"""
        return self.discovery.expected_domains

    @property
    def length(self) -> int:
        """M = M1 + M2, tokens in front of the class name."""
        return self.agnostic_length + self.specific_length

    def fit(
        self,
        train: FeatureSet,
        validation: FeatureSet,
        backbone: Backbone,
        *,
        seed: int = 0,
        record: RunRecord | None = None,
    ) -> Classifier:
        """Discover domains and train prompts on `train`; keep what is best on `validation`.

        True domains in `train` are never used for training, only for measurements in the log,
        unless `discovery.assignment` is `manual`.

        Raises:
            SettingsError: `train` cannot fill the latent domains.
            DataError: true domains were asked for, but are unknown.
        """
        record = record or RunRecord()
        learner = LDPFLearner(self, train, validation, backbone, seed)
        n_domains = learner.discovery.n_domains
        encoder = build_encoder(backbone, train.class_names, prompts=n_domains, length=self.length)
        training = PromptTraining(learner, encoder, self.recipe, generator(seed, "batches"), record)
        best = training.run()
        contexts = assemble_contexts(best["agnostic"], best["specific"])
        text_features = finish_training(encoder, contexts, backbone)
        classifier = PromptClassifier(
            method=self.name,
            class_names=tuple(train.class_names),
            text_features=text_features,
            logit_scale=backbone.logit_scale,
            contexts=contexts,
            latent=FittedDomains.from_tensors(best["latent"]),
            outside=OutsideCheck.measure(train.features, validation.features, seed=seed),
        )
        report = {
            "text_passes": record.text_passes,
            "steps": training.step,
            "best_step": training.best.step,
            "validation_accuracy": training.best.accuracy,
            "domains": learner.discovery.measure(),
            "n_domains_table": learner.discovery.chosen.table,
            "class_by_domain": learner.discovery.class_table().tolist(),
            "prompt_similarity": similarity_between(text_features).tolist(),
        }
        classifier.training.update(report)
        classifier = classifier.fit_fusion(self.fusion, train, validation, seed=seed)
        return add_head(classifier, self.head, train, validation, seed=seed)


def assemble_contexts(agnostic: torch.Tensor, specific: torch.Tensor) -> torch.Tensor:
    """v [M1, W] and u [S, M2, W] -> contexts [S, M1 + M2, W], the shared tokens first."""
    shared = agnostic.expand(len(specific), -1, -1)
    return torch.cat([shared, specific], dim=1)


class LDPFLearner:
    """The two-stage loss of LDPF on cached features, for `PromptTraining`."""

    def __init__(
        self,
        method: LDPF,
        train: FeatureSet,
        validation: FeatureSet,
        backbone: Backbone,
        seed: int,
    ) -> None:
        """Set up prompts, domain discovery and, on the text tower's device, the features."""
        self.method = method
        draws = generator(seed, "prompts")
        self.discovery = DomainDiscovery(train, validation, method.discovery, seed)
        n_domains, device = self.discovery.n_domains, backbone.device
        agnostic = worded_context(backbone.text, method.agnostic_length, draws)
        specific = random_context((n_domains, method.specific_length, backbone.text.width), draws)
        self.prompts = {"agnostic": agnostic.to(device), "specific": specific.to(device)}
        self.groups = {
            name: torch.nn.Parameter(tokens)
            for name, tokens in self.prompts.items()
            if tokens.numel()
        }
        self.n_phases = len(self.groups) if method.stages == "sequential" else 1
        self.rotation = len(self.groups) if method.stages == "alternating" else 1
        self.features, self.labels = train.features.to(device), train.labels.to(device)
        self.validation = validation if len(validation) else train
        self.scale = backbone.logit_scale
        self.n_train = len(train)
        # A rule that learns is fitted to finished prompts, so it cannot choose them.
        self.rule = Uniform() if method.fusion.needs_fit else method.fusion
        self.measured = False
        self._domains_changed()

    @property
    def settled(self) -> bool:
        """Whether the latent domains are final; prompts are chosen from then on."""
        return self.discovery.done or self.discovery.n_domains == 1

    def stage(self, phase: int, step: int) -> Stage:
        """Which prompts a step updates; with M1 = 0 or M2 = 0 there is only one kind."""
        if len(self.groups) == 1:
            return frozenset(self.groups)
        if self.method.stages == "joint":
            return BOTH
        if self.method.stages == "sequential":
            return SPECIFIC if phase == 0 else AGNOSTIC
        return SPECIFIC if (step // self.method.turn) % 2 == 0 else AGNOSTIC

    def contexts(self, stage: Stage, batch: torch.Tensor | None = None) -> torch.Tensor:
        """[S, M, W], prompts outside `stage` detached; the same for every batch."""
        return assemble_contexts(
            *(self._prompt(name, name in stage) for name in ("agnostic", "specific"))
        )

    def _prompt(self, name: str, trained: bool) -> torch.Tensor:
        tokens = self.groups.get(name, self.prompts[name])
        return tokens if trained else tokens.detach()

    def loss(
        self, text_features: torch.Tensor, batch: torch.Tensor | None, stage: Stage
    ) -> torch.Tensor:
        """L_dsp for stage 1, lambda L_dap for stage 2; in `joint` they are one and the same."""
        if stage != AGNOSTIC or self.method.agnostic_domain == "own":
            loss = self._own_domain_loss(text_features, batch)
        elif self.method.agnostic_domain == "all":
            loss = self._all_domains_loss(text_features, batch)
        else:
            loss = self._fused_loss(text_features, batch)
        return self.method.weight * loss if stage == AGNOSTIC else loss

    def _own_domain_loss(
        self, text_features: torch.Tensor, batch: torch.Tensor | None
    ) -> torch.Tensor:
        """Mean of CE(softmax_k(cos(f, t_k^{s(x)}) / T), y): each image under its own prompt."""
        groups = self.whole_set if batch is None else self._by_domain(batch)
        total = torch.zeros((), device=text_features.device)
        for features, (images, labels, weights) in zip(text_features, groups, strict=True):
            if len(labels):
                logits = self.scale * images @ features.T
                losses = F.cross_entropy(logits, labels, reduction="none")
                total = total + (losses if weights is None else losses * weights).sum()
        return total / (self.n_train if batch is None else len(batch))

    def _by_domain(
        self, batch: torch.Tensor
    ) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]]:
        """Features, labels and weights of the batch's images, latent domain by latent domain."""
        own = self.discovery.assignments[batch]
        rows = [batch[own == s] for s in range(self.discovery.n_domains)]
        return [(self.features[r], self.labels[r], self._weights_of(r)) for r in rows]

    def _weights_of(self, rows: torch.Tensor | slice) -> torch.Tensor | None:
        return None if self.weights is None else self.weights[rows]

    def _all_domains_loss(
        self, text_features: torch.Tensor, batch: torch.Tensor | None
    ) -> torch.Tensor:
        rows = slice(None) if batch is None else batch
        images, labels = self.features[rows], self.labels[rows]
        losses = [
            F.cross_entropy(self.scale * images @ t.T, labels, reduction="none")
            for t in text_features
        ]
        return weighted_mean(torch.stack(losses).mean(dim=0), self._weights_of(rows))

    def _fused_loss(self, text_features: torch.Tensor, batch: torch.Tensor | None) -> torch.Tensor:
        rows = slice(None) if batch is None else batch
        similarities = self.train_similarities[rows].to(self.features.device)
        inputs = FusionInputs(similarities, self.features[rows], text_features, self.scale)
        losses = F.cross_entropy(fuse(self.rule, inputs), self.labels[rows], reduction="none")
        return weighted_mean(losses, self._weights_of(rows))

    @torch.no_grad()
    def validation_accuracy(self, text_features: torch.Tensor) -> float:
        """Accuracy of the fused prediction, with weights chosen as for new images."""
        inputs = FusionInputs(
            self.validation_similarities,
            self.validation.features,
            text_features.cpu(),
            self.scale,
        )
        logits = fuse(self.rule, inputs)
        return float((logits.argmax(dim=1) == self.validation.labels).float().mean())

    def start_round(self) -> dict[str, Any] | None:
        """One round of domain discovery, until all are done; measurements every few rounds."""
        if self.discovery.done:
            # Domains found in closed form have no rounds, and are measured once.
            first, self.measured = not self.measured, True
            return {"domains": self.discovery.measure()} if first else None
        self.measured = True
        self.discovery.round()
        self._domains_changed()
        if self.discovery.done or self.discovery.rounds_done % MEASURE_EVERY == 0:
            return {"domains": self.discovery.measure()}
        return None

    def _domains_changed(self) -> None:
        latent = self.discovery.latent_domains()
        weights = sample_weights(
            self.method.sample_weights,
            self.discovery.train.labels,
            self.discovery.assignments,
            len(self.discovery.train.class_names),
        )
        self.weights = None if weights is None else weights.to(self.features.device)
        # Steps on the whole set use the same groups until the domains change again.
        self.whole_set = self._by_domain(torch.arange(self.n_train))
        self.latent_tensors = latent.tensors()
        self.validation_similarities = latent.similarities(self.validation.features)
        if self.method.agnostic_domain == "fused":
            self.train_similarities = latent.similarities(self.discovery.train.features)

    def state(self) -> Tree:
        """Prompts and discovery."""
        return {
            "prompts": self._prompts_now(),
            "discovery": self.discovery.state(),
            "measured": self.measured,
        }

    def load_state(self, tree: Tree) -> None:
        """Put back what `state` returned."""
        with torch.no_grad():
            for name, parameter in self.groups.items():
                parameter.copy_(tree["prompts"][name])
        self.discovery.load_state(tree["discovery"])
        self.measured = tree["measured"]
        self._domains_changed()

    def snapshot(self) -> Tree:
        """Prompts, and the latent domains they were trained for."""
        return {**self._prompts_now(), "latent": self.latent_tensors}

    def _prompts_now(self) -> Tree:
        return {name: self._prompt(name, False).cpu().clone() for name in self.prompts}
