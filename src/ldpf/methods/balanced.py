"""Heads on image features that count every latent domain the same: baselines without text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from ldpf.domains import DiscoverySettings, DomainDiscovery
from ldpf.heads.balance import cell_weights
from ldpf.heads.base import VisualHead, as_head
from ldpf.heads.gda_balanced import BalancedDiscriminant
from ldpf.heads.linear_probe_balanced import BalancedProbe
from ldpf.methods.base import METHODS, Method
from ldpf.methods.with_head import closed_form_discovery
from ldpf.models.linear_classifier import LinearClassifier

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.features.feature_set import FeatureSet
    from ldpf.training.callbacks import RunRecord


@METHODS.register("linear-probe-balanced")
@dataclass(frozen=True)
class BalancedHead(Method):
    """Linear probe in which every latent domain and class has the same weight (ours).

    Latent domains are found in closed form (no prompts, no adversary), and each image weighs
    1 / n(s, k), with n(s, k) the training images of its latent domain and class. Nothing is chosen
    on validation, so validation images serve only to be judged.

    Attributes:
        head: fitted with the latent domains and these weights.
        discovery: how latent domains are found.
    """

    name: str = "linear-probe-balanced"
    head: VisualHead = field(default_factory=BalancedProbe)
    discovery: DiscoverySettings = field(default_factory=closed_form_discovery)
    aliases: ClassVar[Mapping[str, str]] = {
        "n_domains": "discovery.n_domains",
        "disentangle": "discovery.disentangle",
    }

    def __post_init__(self) -> None:
        object.__setattr__(self, "head", as_head(self.head))

    def fit(
        self,
        train: FeatureSet,
        validation: FeatureSet,
        backbone: Backbone,
        *,
        seed: int = 0,
        record: RunRecord | None = None,
    ) -> LinearClassifier:
        """Find latent domains of `train` and fit the head to it.

        Raises:
            SettingsError: `train` cannot fill the latent domains.
            DataError: all training images are of one class.
        """
        discovery = DomainDiscovery(train, validation, self.discovery, seed)
        discovery.run()
        n_classes = len(train.class_names)
        # A head that balances by itself is the same with these weights as without.
        weights = cell_weights(train.labels, discovery.assignments, n_classes)
        head = self.head.fit(
            train.features,
            train.labels,
            discovery.assignments,
            n_classes=n_classes,
            sample_weight=weights,
        )
        classifier = LinearClassifier(
            self.name,
            tuple(train.class_names),
            head.weight.float(),
            head.bias.float(),
        )
        judged = validation if len(validation) else train
        classifier.training.update(
            text_passes=0,
            validation_accuracy=classifier.accuracy(judged.features, judged.labels),
            latent_sizes=discovery.class_table().sum(axis=1).tolist(),
        )
        return classifier


@METHODS.register("gda-balanced")
def gda_balanced() -> BalancedHead:
    """Gaussian discriminant with class means averaged over latent domains (ours)."""
    return BalancedHead("gda-balanced", BalancedDiscriminant())
