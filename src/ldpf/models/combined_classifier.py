"""Several classifiers of the same classes, each calibrated, added in log-probability space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn

from ldpf.errors import ModelError, SettingsError
from ldpf.models.base import CLASSIFIERS, Classifier
from ldpf.models.parts import (
    shared_fields,
    with_prefix,
    without_prefix,
)
from ldpf.models.tensor_checks import Shape

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.domains import FittedDomains
    from ldpf.features.feature_set import FeatureSet
    from ldpf.fusion import FusionRule


@CLASSIFIERS.register("combined", prompts=True, keys=("members", "temperatures", "shares"))
@dataclass(frozen=True, eq=False)
class CombinedClassifier(Classifier):
    """logits = sum_i share_i log softmax(logits_i / T_i): a product of calibrated experts.

    A member may know only some of the classes: its logit of a class without training images is
    -inf. The others decide such a class; see `add_log_probabilities`.

    What is asked of prompts (`prompt_logits`, `domain_weights`, `with_fusion`, `latent`,
    `contexts`) is answered by the first member that has prompts.

    Attributes:
        method: name of the method that made it.
        class_names: the K classes, in the order of the logits; those of every member.
        members: the classifiers.
        temperatures: T_i of each member.
        shares: weight of each member, 0 or more; their sum is 1.
        training: what training reports about itself.
        latent: the latent domains of the member with prompts.
        contexts: the learned prompts of that member.
        per_image: whether every member answers an image on its own.
    """

    method: str
    class_names: tuple[str, ...]
    members: tuple[Classifier, ...]
    temperatures: tuple[float, ...]
    shares: tuple[float, ...]
    training: dict[str, Any] = field(default_factory=dict)
    latent: FittedDomains | None = field(init=False, default=None)
    contexts: torch.Tensor | None = field(init=False, default=None)
    per_image: bool = field(init=False, default=True)

    def __post_init__(self) -> None:
        sizes = {len(self.members), len(self.temperatures), len(self.shares)}
        if len(sizes) > 1 or not self.members:
            raise SettingsError(
                f"{len(self.members)} members, {len(self.temperatures)} temperatures and "
                f"{len(self.shares)} shares should be as many as each other, and 1 or more."
            )
        if min(self.shares) < 0 or abs(sum(self.shares) - 1) > 1e-6:
            raise SettingsError(f"shares={self.shares} should be 0 or more with the sum 1.")
        if other := [m for m in self.members if m.class_names != self.class_names]:
            raise SettingsError(
                f"The member {other[0].method!r} has the classes {other[0].class_names}, not "
                f"{self.class_names}; combine classifiers of the same classes in the same order."
            )
        object.__setattr__(self, "latent", self.prompted.latent)
        object.__setattr__(self, "contexts", self.prompted.contexts)
        object.__setattr__(self, "per_image", all(member.per_image for member in self.members))

    @property
    def reads_names(self) -> bool:  # type: ignore[override]
        """Whether any member's answers depend on the words of the class names."""
        return any(member.reads_names for member in self.members)

    @property
    def prompted(self) -> Classifier:
        """The first member with prompts; the first of all where none has any."""
        return self.members[self.prompted_index]

    @property
    def prompted_index(self) -> int:
        """Which member `prompted` is."""
        return next((i for i, member in enumerate(self.members) if _has_prompts(member)), 0)

    @property
    def n_domains(self) -> int:
        """S of the member with prompts."""
        return self.prompted.n_domains

    def logits(self, image_features: torch.Tensor) -> torch.Tensor:
        """Class logits, normalized members added: [N, D] -> [N, K]."""
        logits = [member.logits(image_features) for member in self.members]
        return add_log_probabilities(logits, self.temperatures, self.shares)

    def member_log_probabilities(self, image_features: torch.Tensor) -> list[torch.Tensor]:
        """log softmax(logits / T) of each member: [N, D] -> [N, K] each."""
        return [
            torch.log_softmax(member.logits(image_features) / temperature, dim=-1)
            for member, temperature in zip(self.members, self.temperatures, strict=True)
        ]

    def domain_weights(self, image_features: torch.Tensor) -> torch.Tensor:
        """Fusion weights of the member with prompts: [N, D] -> [N, S]."""
        return self.prompted.domain_weights(image_features)

    def prompt_logits(self, image_features: torch.Tensor) -> torch.Tensor:
        """Class logits under each prompt alone, without the other members: [N, D] -> [N, S, K].

        Raises:
            ModelError: no member has prompts that are the same for all images.
        """
        return self.prompted.prompt_logits(image_features)

    def with_fusion(self, fusion: FusionRule | str) -> CombinedClassifier:
        """The member with prompts under another fusion rule; temperatures and shares stay.

        Raises:
            ModelError: no member fuses prompts.
        """
        return self._with_prompted(self.prompted.with_fusion(fusion))

    def fit_fusion(
        self,
        fusion: FusionRule | str,
        train: FeatureSet,
        validation: FeatureSet,
        backbone: Backbone | None = None,
        *,
        seed: int = 0,
    ) -> CombinedClassifier:
        """See `Classifier.fit_fusion`; temperatures and shares stay."""
        fitted = self.prompted.fit_fusion(fusion, train, validation, backbone, seed=seed)
        return self._with_prompted(fitted)

    def _with_prompted(self, member: Classifier) -> CombinedClassifier:
        members = list(self.members)
        members[self.prompted_index] = member
        return replace(self, members=tuple(members))

    def for_classes(self, class_names: Sequence[str], backbone: Backbone) -> CombinedClassifier:
        """The same model asked about other class names: those without images fall to the prompts.

        Raises:
            ModelError: no member has prompts that carry other names.
        """
        if not _has_prompts(self.prompted):
            raise self._without_names()
        members = tuple(m.for_classes_beside(class_names, backbone) for m in self.members)
        return replace(self, class_names=tuple(class_names), members=members)

    def renamed(self, class_names: Sequence[str], backbone: Backbone) -> CombinedClassifier:
        """Every member renamed: those that know classes by images keep what they know."""
        members = tuple(member.renamed(class_names, backbone) for member in self.members)
        return replace(self, class_names=tuple(class_names), members=members)

    def graph_head(self) -> nn.Module:
        """The members' forms for a graph, added.

        Raises:
            ModelError: a member has none.
        """
        return CombinedHead(self)

    def config(self) -> dict[str, Any]:
        """The configuration of each member; fusion is repeated outside, for summaries."""
        members = [
            {
                "kind": cast(Any, member).registered_name,
                "method": member.method,
                "n_domains": member.n_domains,
                "per_image": member.per_image,
                "fusion": None,
                **member.config(),
            }
            for member in self.members
        ]
        shown = members[self.prompted_index]
        return {
            **{key: shown[key] for key in ("fusion", "fusion_settings") if key in shown},
            "members": members,
            "temperatures": list(self.temperatures),
            "shares": list(self.shares),
        }

    def tensors(self) -> dict[str, torch.Tensor]:
        """Those of member i under `member<i>.`."""
        tensors: dict[str, torch.Tensor] = {}
        for index, member in enumerate(self.members):
            tensors |= with_prefix(_prefix(index), member.tensors())
        return tensors

    @classmethod
    def minus_infinite(cls, config: Mapping[str, Any]) -> tuple[str, ...]:
        """Those of the members."""
        return tuple(
            f"{_prefix(index)}.{name}"
            for index, member in enumerate(_member_configs(config))
            for name in _kind(member).minus_infinite(member)
        )

    @classmethod
    def shapes(
        cls, config: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], backbone: Backbone
    ) -> dict[str, Shape]:
        """Those of the members; a word means one size within a member."""
        shapes: dict[str, Shape] = {}
        for index, member in enumerate(_member_configs(config)):
            prefix = _prefix(index)
            own = _kind(member).shapes(member, without_prefix(prefix, tensors), backbone)
            for name, shape in own.items():
                shapes[f"{prefix}.{name}"] = tuple(
                    f"{prefix}.{size}" if isinstance(size, str) else size for size in shape
                )
        return shapes

    @classmethod
    def from_saved(
        cls, config: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], backbone: Backbone
    ) -> CombinedClassifier:
        """Rebuild every member from its configuration and checked tensors."""
        members = tuple(
            _kind(member).from_saved(member, without_prefix(_prefix(index), tensors), backbone)
            for index, member in enumerate(_member_configs(config))
        )
        return cls(
            **shared_fields(config),
            members=members,
            temperatures=tuple(config["temperatures"]),
            shares=tuple(config["shares"]),
        )


class CombinedHead(nn.Module):
    """A combined classifier in an exported graph: features [N, D] to logits [N, K], weights."""

    def __init__(self, classifier: CombinedClassifier) -> None:
        """Take the form of every member; raises ModelError where one has none."""
        super().__init__()
        self.heads = nn.ModuleList(member.graph_head() for member in classifier.members)
        self.prompted = classifier.prompted_index
        self.temperatures, self.shares = classifier.temperatures, classifier.shares

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits and weights of features [N, D]."""
        answers = [head(features) for head in self.heads]
        logits = add_log_probabilities([a[0] for a in answers], self.temperatures, self.shares)
        return logits, answers[self.prompted][1]


def add_log_probabilities(
    logits: Sequence[torch.Tensor], temperatures: Sequence[float], shares: Sequence[float]
) -> torch.Tensor:
    """sum_i share_i log softmax(logits_i / T_i), over the members that know the class.

    Where a member gives -inf to a class, the shares of the others are scaled to the sum 1, so the
    class is neither impossible nor favored: it has their log-probability. It stays -inf where no
    member with a share knows it.

    Args:
        logits: [N, K] of each member.
        temperatures: T_i of each member.
        shares: of each member, with the sum 1.

    Returns:
        [N, K].
    """
    total = torch.zeros_like(logits[0])
    known_share = torch.zeros_like(logits[0])
    for own, temperature, share in zip(logits, temperatures, shares, strict=True):
        log_probability = torch.log_softmax(own / temperature, dim=-1)
        known = own != -torch.inf
        total = total + share * torch.where(known, log_probability, 0.0)
        known_share = known_share + share * known.to(own.dtype)
    return torch.where(known_share > 0, total / known_share, -torch.inf)


def _has_prompts(member: Classifier) -> bool:
    if isinstance(member, CombinedClassifier):
        return _has_prompts(member.prompted)
    kind = getattr(member, "registered_name", "")
    return kind in CLASSIFIERS and bool(CLASSIFIERS.facts(kind).get("prompts", False))


def _prefix(index: int) -> str:
    return f"member{index}"


def _kind(member: Mapping[str, Any]) -> type[Classifier]:
    return cast("type[Classifier]", CLASSIFIERS.get(member["kind"]))


def _member_configs(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The configuration of each member, with the names that stand once for all of them.

    Raises:
        ModelError: a member is of no known kind, or lacks an entry that its kind needs.
    """
    shared = {key: config[key] for key in ("method", "class_names", "n_classes")}
    members = [{**shared, **member} for member in config["members"]]
    for index, member in enumerate(members):
        kind = member.get("kind", "")
        if kind not in CLASSIFIERS:
            raise ModelError(
                f"Member {index} of the combined model is of the kind {kind!r}, but this library "
                f"knows {', '.join(CLASSIFIERS)}; install the package that trained it."
            )
        needed = ("n_domains", "per_image", *CLASSIFIERS.facts(kind).get("keys", ()))
        if missing := [key for key in needed if key not in member]:
            raise ModelError(
                f"Member {index} of the combined model lacks {', '.join(missing)}; the file was "
                "changed or cut. Train again."
            )
    return members
