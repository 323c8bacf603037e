"""The automatic choice: methods judged on latent domains left out, and an ensemble of some."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

from ldpf.domains.settings import DiscoverySettings
from ldpf.errors import LdpfError, SettingsError
from ldpf.fusion.base import FusionRule, as_rule
from ldpf.fusion.similarity import Similarity
from ldpf.methods.affordable import affordable, estimated_costs, reference_of
from ldpf.methods.base import METHODS, Method, make_method
from ldpf.methods.choice import ENSEMBLE, HEADINGS, choose, cost_sentence, reason_of, table_rows
from ldpf.methods.choosing.base import CHOICE_RULES, comparing_rules
from ldpf.methods.head_shares import SHARES_SETTING
from ldpf.methods.judging import Judges
from ldpf.methods.left_out import STEPS
from ldpf.methods.overrides import with_settings
from ldpf.methods.variants import get_variant
from ldpf.methods.with_head import closed_form_discovery
from ldpf.models.combining import combine
from ldpf.training.callbacks import RunRecord
from ldpf.training.recipe import STEADY, Recipe
from ldpf.utils.constraints import COUNT, LATER, Number, check_fields, constraint

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.domains.folds import GroupFold
    from ldpf.features.feature_set import FeatureSet
    from ldpf.models.base import Classifier

log = logging.getLogger("ldpf")

CANDIDATES = (
    "zero-shot-ensemble",
    "gda",
    "gda-balanced",
    "linear-probe",
    "linear-probe-balanced",
    "coop",
    "ldpf",
    "ldpf+gda-balanced",
    "ldpf-auto",
)
MEMBERS = ("ldpf", "linear-probe-balanced")
MOST_COST = 6.0
"""How many times as much as one training of LDPF the choice may cost, by a counted estimate."""


@METHODS.register("auto", prompts=True)
@dataclass(frozen=True)
class Auto(Method):
    """An ensemble of prompts and heads, or a single method that is clearly better (ours).

    Latent domains are found once, in closed form, and left out in turn. The answers of a candidate
    on a latent domain that it did not learn from estimate its answers on a new site. All candidates
    have the same folds. The ensemble adds calibrated members in log-probability space, with the
    shares of least regret when one of two sides of the latent domains is left out. A side is a
    larger shift than one latent domain, which may be only a part of a site. The ensemble is kept
    unless a single candidate has a log-likelihood on latent domains left out that is higher by
    `margin` standard errors over domains.

    Folds are cheap. A method that learns no prompts is fitted again in each fold. A method with a
    prompt for each latent domain is trained once on all images, and a fold uses its prompts except
    that of the latent domain left out. This is an approximation: its shared tokens have learned
    from the images that it is tested on. Any other method that trains prompts has a short training
    of `judge_steps` in each fold, so its accuracy is underestimated.

    Attributes:
        candidates: names of methods to compare. `ldpf-RULE` (another fusion rule) and `ldpf+HEAD`
            (with a visual head) use the prompts of `ldpf` and need no training of their own. Those
            in `members` must be among them.
        members: names of the methods in the ensemble.
        joins: names of candidates that join the members if they are as good on latent domains left
            out, that is, if their log-likelihood is not more than `tie` below the best member's.
        tie: that difference, in nats.
        shares: "folds" for shares by sides of the latent domains left out, or "equal".
        pull: weight of the pull of those shares towards equal ones, in nats.
        margin: standard errors by which a single candidate must be better than the ensemble.
        rule: a registered rule of choice that chooses one candidate instead, such as
            "left-out-several"; None for the ensemble and its margin. It has its own folds,
            and their cost is not included in `most_cost`. If no image can be left out for it, the
            ensemble and its margin decide.
        judge_steps: largest number of training steps of prompts in a fold.
        most_cost: limit of the total cost, in trainings of the candidate that fuses prompts, by the
            estimate in `affordable`. Candidates that would exceed it are left out; members never.
        discovery: how latent domains are found, for the folds and for every candidate.
        fusion: fusion rule of candidates that fuse prompts, or its name.
        recipe: how prompts are trained.
    """

    name: str = "auto"
    candidates: tuple[str, ...] = CANDIDATES
    members: tuple[str, ...] = MEMBERS
    joins: tuple[str, ...] = ()
    tie: float = field(default=0.05, metadata=constraint(Number(at_least=0)))
    shares: str = field(default="folds", metadata=SHARES_SETTING)
    pull: float = field(default=0.02, metadata=constraint(Number(at_least=0)))
    margin: float = field(default=2.0, metadata=constraint(Number(at_least=0)))
    rule: str | None = field(default=None, metadata={LATER: True})
    judge_steps: int = field(default=100, metadata=COUNT)
    most_cost: float = field(default=MOST_COST, metadata=constraint(Number(at_least=0)))
    discovery: DiscoverySettings = field(default_factory=closed_form_discovery)
    fusion: FusionRule = field(default_factory=Similarity)
    recipe: Recipe = STEADY
    aliases: ClassVar[Mapping[str, str]] = {
        "n_domains": "discovery.n_domains",
        "disentangle": "discovery.disentangle",
        "tau": "fusion.tau",
    }

    def __post_init__(self) -> None:
        check_fields(self)
        if unknown := [name for name in self.members if name not in self.candidates]:
            raise SettingsError(
                f"members has {unknown[0]!r}, which is not among the candidates "
                f"{', '.join(self.candidates)}; add it there."
            )
        if len(self.members) < 2 or self.name in self.candidates:
            raise SettingsError(
                f"members={self.members} should be 2 or more methods other than {self.name!r}."
            )
        for name in (*self.candidates, *self.joins):
            get_variant(name)
        if self.rule is not None and self.rule not in (rules := comparing_rules()):
            raise SettingsError(
                f"rule={self.rule!r} is no rule that compares candidates; choose from "
                f"{', '.join(rules)}, or None for the ensemble."
            )
        object.__setattr__(self, "fusion", as_rule(self.fusion))

    @property
    def n_prompts(self) -> int:
        """As many as latent domains, and one of CoOp."""
        return self.discovery.expected_domains + 1

    def fit(
        self,
        train: FeatureSet,
        validation: FeatureSet,
        backbone: Backbone,
        *,
        seed: int = 0,
        record: RunRecord | None = None,
    ) -> Classifier:
        """Train and compare all candidates, then keep the ensemble or one of them.

        The comparison is in the classifier's `training["auto"]`: `table`, `chosen`, `reason`,
        `n_folds`, `seconds` in all, and `cost`: how many times as long that is as training the
        candidate that fuses prompts. An interrupted run resumes the training of LDPF.

        Raises:
            SettingsError: `train` cannot fill the latent domains.
            DataError: all training images are of one class.
        """
        started = time.monotonic()
        judges = Judges(self, train, validation, backbone, seed, record or RunRecord())
        names = self._affordable(len(train), judges)
        for name in names:
            judges.train_and_judge(name)
        judges.combine()
        table = judges.table()
        chosen, reason = choose(table, self.margin)
        if self.rule is not None:
            chosen, reason = self._by_rule(judges, names) or (chosen, reason)
        result = judges.classifiers[chosen]
        auto = {
            "table": [row.to_json() for row in table],
            "chosen": chosen,
            "reason": reason,
            "n_domains": judges.n_domains,
            "shares": dict(zip(judges.members, judges.shares, strict=True)),
            "n_folds": len(judges.folds),
            "too_costly": [name for name in self.candidates if name not in names],
            **judges.cost(time.monotonic() - started),
        }
        for row in (HEADINGS, *table_rows(auto)):
            log.info("%-32s %24s %9s %8s", *row)
        log.info("%s", reason)
        if cost := cost_sentence(auto):
            log.info("%s", cost)
        judged = {row.name: row.validation_accuracy for row in table}
        training = {
            **judges.prompt_report(chosen),
            **result.training,
            "validation_accuracy": judged[chosen],
            "text_passes": judges.candidates.text_passes,
            "auto": auto,
        }
        return replace(result, method=self.name, training=training)  # type: ignore[type-var]

    def _by_rule(self, judges: Judges, names: Sequence[str]) -> tuple[str, str] | None:
        """The name and the reason by `rule`; None where no image can be left out for it."""
        assert self.rule is not None
        try:
            choice = CHOICE_RULES.make(self.rule).choose(judges.candidates, names)
        except LdpfError as error:
            log.warning("the rule of choice %r decides nothing: %s", self.rule, error)
            return None
        return choice.names[0], reason_of(self.rule, choice.scores)

    def _affordable(self, n_train: int, judges: Judges) -> list[str]:
        """The candidates that the limit of cost allows; the log names the others."""
        costs = estimated_costs(
            self.candidates,
            lambda name: self.candidate(name, judges.n_domains),
            n_train=n_train,
            n_folds=len(judges.folds) + len(judges.sides) * bool(self.joins),
            fold_steps=self.judge_steps,
        )
        if not costs:
            return list(self.candidates)
        kept, out = affordable(costs, self.members, self.most_cost)
        log.info(
            "estimated cost: %.1f of at most %g trainings of %s",
            sum(costs[name] for name in kept),
            self.most_cost,
            reference_of(self.candidates),
        )
        if out:
            log.warning(
                "candidates left out, with which the choice would cost more than %g trainings of "
                "%s: %s",
                self.most_cost,
                reference_of(self.candidates),
                ", ".join(out),
            )
        return kept

    def candidate(self, name: str, n_domains: int) -> Method:
        """A candidate with this method's recipe, latent domains and fusion rule."""
        variant = get_variant(name)
        method: Any = make_method(variant.method, self.recipe)
        shared = {
            "discovery": replace(self.discovery, n_domains=n_domains),
            "fusion": self.fusion,
        }
        known = {field.name for field in fields(method)}
        method = replace(method, **{key: part for key, part in shared.items() if key in known})
        return with_settings(method, variant.settings)

    def left_out(
        self,
        classifier: Classifier,
        fold: GroupFold,
        backbone: Backbone,
        *,
        seed: int = 0,
        steps: int = STEPS,
    ) -> Classifier:
        """See `Method.left_out`: each member of the ensemble, or the candidate that was chosen."""
        auto, trained = classifier.training["auto"], cast(Any, classifier)
        of_fold = {"seed": seed, "steps": min(steps, self.judge_steps)}
        if auto["chosen"] != ENSEMBLE:
            chosen = self.candidate(auto["chosen"], auto["n_domains"])
            return chosen.left_out(classifier, fold, backbone, **of_fold)
        members = [
            self.candidate(name, auto["n_domains"]).left_out(member, fold, backbone, **of_fold)
            for name, member in zip(auto["shares"], trained.members, strict=True)
        ]
        passes = sum(member.training["text_passes"] for member in members)
        judged = fold.validation if len(fold.validation) else fold.train
        combined = combine(self.name, members, judged, trained.shares)
        return replace(combined, training={**combined.training, "text_passes": passes})
