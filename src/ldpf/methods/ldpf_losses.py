"""The two-stage loss of LDPF on cached features, as the training loop asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from ldpf.domains import DomainDiscovery
from ldpf.fusion import FusionInputs
from ldpf.fusion.fuse import chunks, fuse
from ldpf.fusion.uniform import Uniform
from ldpf.methods.sample_weights import sample_weights, weighted_mean
from ldpf.text.contexts import random_context, worded_context
from ldpf.training.learner import Stage
from ldpf.utils.seed import generator

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.features.feature_set import FeatureSet
    from ldpf.methods.ldpf import LDPF
    from ldpf.utils.trees import Tree

SPECIFIC = frozenset({"specific"})
"""Stage 1: only u_s is updated (L_dsp)."""

AGNOSTIC = frozenset({"agnostic"})
"""Stage 2: only v is updated (L_dap)."""

BOTH = SPECIFIC | AGNOSTIC
"""Both stages in one step: with an image's own prompt in both losses they share their text pass."""

MEASURE_EVERY = 5
"""Rounds of domain discovery between two entries of their measurements in the log."""


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
        self.judged = self.validation.features.to(device), self.validation.labels.to(device)
        self.scale = backbone.logit_scale
        self.n_train = len(train)
        # A rule that learns is fitted to finished prompts, so it cannot choose them.
        self.rule = Uniform() if method.fusion.needs_fit else method.fusion.in_training()
        self.measured = False
        self._domains_changed()

    @property
    def settled(self) -> bool:
        """Whether the latent domains are final; prompts are chosen from then on."""
        return self.discovery.done or self.discovery.n_domains == 1

    @property
    def rounds_left(self) -> int:
        """Rounds of discovery that are left."""
        return self.discovery.rounds_left

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
        groups = self._whole_set() if batch is None else self._by_domain(batch)
        total = torch.zeros((), device=text_features.device)
        for features, (images, labels, weights) in zip(text_features, groups, strict=True):
            if len(labels):
                logits = self.scale * images @ features.T
                losses = F.cross_entropy(logits, labels, reduction="none")
                total = total + (losses if weights is None else losses * weights).sum()
        return total / (self.n_train if batch is None else len(batch))

    def _whole_set(self) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]]:
        """All images by domain: kept until the domains change, copied only if a step needs it."""
        if self.whole_set is None:
            self.whole_set = self._by_domain(torch.arange(self.n_train))
        return self.whole_set

    def _by_domain(
        self, batch: torch.Tensor
    ) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]]:
        """Features, labels and weights of the batch's images, latent domain by latent domain."""
        own = self.discovery.assignments[batch]
        # Divided on the CPU, where the sizes of the parts are known without waiting.
        rows = [self._rows(batch[own == s]) for s in range(self.discovery.n_domains)]
        return [(self.features[r], self.labels[r], self._weights_of(r)) for r in rows]

    def _rows(self, batch: torch.Tensor | None) -> torch.Tensor | slice:
        """The images of a batch as an index on the device of the features."""
        if batch is None:
            return slice(None)
        return batch.to(self.features.device, non_blocking=True)

    def _weights_of(self, rows: torch.Tensor | slice) -> torch.Tensor | None:
        return None if self.weights is None else self.weights[rows]

    def _all_domains_loss(
        self, text_features: torch.Tensor, batch: torch.Tensor | None
    ) -> torch.Tensor:
        rows = self._rows(batch)
        images, labels = self.features[rows], self.labels[rows]
        losses = [
            F.cross_entropy(self.scale * images @ t.T, labels, reduction="none")
            for t in text_features
        ]
        return weighted_mean(torch.stack(losses).mean(dim=0), self._weights_of(rows))

    def _fused_loss(self, text_features: torch.Tensor, batch: torch.Tensor | None) -> torch.Tensor:
        rows = self._rows(batch)
        inputs = FusionInputs(
            self.train_similarities[rows], self.features[rows], text_features, self.scale
        )
        losses = F.cross_entropy(fuse(self.rule, inputs), self.labels[rows], reduction="none")
        return weighted_mean(losses, self._weights_of(rows))

    @torch.no_grad()
    def validation_accuracy(self, text_features: torch.Tensor) -> float:
        """Accuracy of the fused prediction, with weights chosen as for new images."""
        features, labels = self.judged
        inputs = FusionInputs(self.validation_similarities, features, text_features, self.scale)
        # In parts: the logits of all images [N, K] at once may not fit into memory.
        answers = [fuse(self.rule, inputs.select(p)).argmax(dim=1) for p in chunks(inputs)]
        return float((torch.cat(answers) == labels).float().mean())

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
        self.whole_set: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]] | None = None
        self.latent_tensors = latent.tensors()
        # Latent domains are found on the CPU, by k-means; what the steps read is moved once.
        device = self.features.device
        self.validation_similarities = latent.similarities(self.validation.features).to(device)
        if self.method.agnostic_domain == "fused":
            of_train = latent.similarities(self.discovery.train.features)
            self.train_similarities = of_train.to(device)

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
