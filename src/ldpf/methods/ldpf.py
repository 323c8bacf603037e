"""LDPF: latent domains, one shared prompt and one prompt per latent domain, fused per image."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from ldpf.domains import DiscoverySettings, FittedDomains
from ldpf.errors import SettingsError
from ldpf.fusion import FusionRule, as_rule
from ldpf.fusion.similarity import Similarity
from ldpf.heads.base import VisualHead, as_head
from ldpf.heads.none import NoHead
from ldpf.methods.alike import merged
from ldpf.methods.base import METHODS, Method
from ldpf.methods.head_shares import SHARES_SETTING, HeadShare
from ldpf.methods.ldpf_losses import LDPFLearner, assemble_contexts
from ldpf.methods.sample_weights import WEIGHTS
from ldpf.methods.with_head import add_head
from ldpf.models.prompt_classifier import PromptClassifier
from ldpf.text.contexts import similarity_between
from ldpf.text.memory_budget import build_encoder, finish_training
from ldpf.training.callbacks import RunRecord
from ldpf.training.loop import PromptTraining
from ldpf.training.recipe import STEADY, Recipe
from ldpf.utils.constraints import COUNT, Number, OneOf, OrNone, Whole, check_fields, constraint
from ldpf.utils.seed import generator

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.domains.folds import GroupFold
    from ldpf.features.feature_set import FeatureSet
    from ldpf.models.base import Classifier

log = logging.getLogger("ldpf")

STAGES = ("alternating", "sequential", "joint")
"""How the two stages follow each other."""


@METHODS.register(
    "ldpf",
    prompts=True,
    presets=True,
    shares_passes=True,
    fusion="similarity",
    heads=True,
    oracle="ldpf-oracle",
)
@dataclass(frozen=True)
class LDPF(Method):
    """Latent Domain Prompt Fusion: one prompt per latent domain, fused for each image.

    Li, Gholamzadeh Khoee, Yu, ICASSP 2026, arXiv 2511.00067.

    The sentence of class k under latent domain s is [SOS] v u_s [class k] "." [EOS]. Stage 1 trains
    each u_s on the images of its own latent domain (L_dsp), stage 2 trains v with u frozen (L_dap),
    both with the backbone's own temperature. The domain extractor is trained on -L_adv at the same
    time, so the total loss is L = L_dsp + lambda (L_dap - L_adv). docs/method.md lists how we
    decided what the paper leaves open.

    The defaults are ours, chosen for unseen domains: the class is erased in closed form (LEACE)
    instead of by an adversary; domains are clusters of directions, so that an image has the largest
    weight for the domain it belongs to; every latent domain and class has the same weight in the
    loss; prompts share no tokens; and fusion weights are rather even. `ldpf-paper` and the preset
    `paper` have the paper's configuration.

    Attributes:
        discovery: how latent domains are found; `discovery.n_domains` is N_s.
        agnostic_length: M1, tokens of v.
        specific_length: M2, tokens of u_s.
        weight: lambda, for L_dap. It scales the gradient of v, which Adam (the `fast` recipe)
            divides out again, so it matters only with `paper`, and never with `joint`. (L_adv
            trains only the extractor, whose own optimizer makes a factor in front of it a matter of
            `discovery.disentangle`.)
        stages: `alternating` (the stages take turns), `sequential` (all of stage 1, then all of
            stage 2) or `joint` (every step updates both).
        turn: steps of one turn, with `alternating`. Turns of a single step work badly with Adam:
            in each step, v compensates for what u overshot in the step before, and both drift
            apart.
        agnostic_domain: which specific prompt an image uses in L_dap: that of its `own` latent
            domain, `all` (mean of the losses under each), or the `fused` prediction.
        fusion: fusion rule of the prediction, or its name. `tau` is short for `fusion.tau`. A rule
            that learns is fitted to the finished prompts; during training, equal weights are used
            to choose prompts on validation.
        head: visual head whose calibrated answers are added to those of the prompts, or its name.
        shares: weights of prompts and head: chosen on latent domains left out in turn (`folds`;
            equal unless other weights are clearly better) or `equal`.
        sample_weights: what has the same weight in the losses: every image (`none`), every class
            (`class`), or every combination of latent domain and class (`latent-class`).
        alike: used if a rule chooses the number of latent domains (`n_domains=auto`). Consider the
            held-out images that at least one of two prompts classifies wrongly. If both prompts
            give the same answer on this share of them or more, their latent domains are merged
            after training. None merges none.
        recipe: how prompts are trained.
    """

    name: str = "ldpf"
    discovery: DiscoverySettings = field(default_factory=DiscoverySettings)
    agnostic_length: int = field(default=0, metadata=constraint(Whole(at_least=0)))
    specific_length: int = field(default=12, metadata=constraint(Whole(at_least=0)))
    weight: float = field(default=1.0, metadata=constraint(Number(float32=True)))
    stages: str = field(default="alternating", metadata=constraint(OneOf(STAGES)))
    turn: int = field(default=25, metadata=COUNT)
    agnostic_domain: str = field(default="own", metadata=constraint(OneOf(("own", "all", "fused"))))
    fusion: FusionRule = field(default_factory=Similarity)
    head: VisualHead = field(default_factory=NoHead)
    shares: str = field(default="folds", metadata=SHARES_SETTING)
    sample_weights: str = field(default="latent-class", metadata=WEIGHTS)
    alike: float | None = field(
        default=0.35, metadata=constraint(OrNone(Number(at_least=0, at_most=1)))
    )
    recipe: Recipe = STEADY
    aliases: ClassVar[Mapping[str, str]] = {
        "n_domains": "discovery.n_domains",
        "disentangle": "discovery.disentangle",
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
        """Prompts trained at once, one per latent domain. (True domains may be more or fewer.)"""
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
        """Discover domains and train prompts on `train`; keep the prompts as the recipe says.

        True domains in `train` are never used for training, only for measurements in the log,
        unless `discovery.assignment` is `manual`.

        Raises:
            SettingsError: `train` cannot fill the latent domains.
            DataError: true domains are requested, but unknown.
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
        if self.alike is not None and isinstance(self.discovery.n_domains, str):
            held_out = validation if len(validation) else train
            classifier = merged(classifier, train, held_out, self.alike)
        classifier = classifier.fit_fusion(self.fusion, train, validation, backbone, seed=seed)
        return add_head(classifier, self.head, train, validation, seed=seed, shares=self.shares)

    def left_out(
        self,
        classifier: Classifier,
        fold: GroupFold,
        backbone: Backbone,
        *,
        seed: int = 0,
        steps: int = 100,
    ) -> Classifier:
        """See `Method.left_out`; a rule that learns and a visual head are fitted to the fold."""
        if not self.head.fits:
            if self.fusion.needs_fit:
                # Its choice must not know the latent domain that judges it.
                images = fold.train, fold.validation
                classifier = classifier.fit_fusion(self.fusion, *images, backbone, seed=seed)
            return super().left_out(classifier, fold, backbone, seed=seed, steps=steps)
        prompts: Any = classifier
        alone = replace(self, head=NoHead())
        others = alone.left_out(prompts.prompted, fold, backbone, seed=seed, steps=steps)
        share = HeadShare(prompts.shares[1], "Shares are those of the model of all images.")
        return add_head(others, self.head, fold.train, fold.validation, seed=seed, shares=share)
