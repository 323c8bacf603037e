"""What a training has made: the model folder, its accuracy and what to expect of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ldpf.domains.diagnosis import discovery_words, similarity_words
from ldpf.domains.diagnostics import cross_table
from ldpf.expectation.advice import Advice
from ldpf.features.feature_set import FeatureSet
from ldpf.inspection.leaks import NO_LEAKS, LeakReport
from ldpf.workflows.model_writing import ADVICE

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.doctor import Finding
    from ldpf.expectation import Expectation
    from ldpf.models.base import Classifier


@dataclass(frozen=True)
class Training:
    """A model that was trained, and how good it is.

    Attributes:
        model: its folder.
        classifier: ready to answer.
        backbone: the one it was trained with.
        features: of all images.
        train: those it learned from.
        validation: those held out to choose by; may be empty.
        accuracy: on the images in `judged`.
        zero_shot_accuracy: of the ready-made model, on the same images.
        provenance: what the model folder keeps of how it was trained.
        leaks: copies of training images among those held out, and images under two classes.
        shares: what a split of whole groups has reached, in words; None without groups.
        findings: what the quick signs of `ldpf.doctor` say.
    """

    model: Path
    classifier: Classifier
    backbone: Backbone
    features: FeatureSet
    train: FeatureSet
    validation: FeatureSet
    accuracy: float
    zero_shot_accuracy: float
    provenance: dict[str, Any]
    leaks: LeakReport = NO_LEAKS
    shares: str | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def judged(self) -> FeatureSet:
        """The images it is measured on: those held out or, without any, those learned from."""
        return self.validation if len(self.validation) else self.train

    @property
    def n_test(self) -> int:
        """Images marked test, which were left out."""
        return len(self.features) - len(self.train) - len(self.validation)

    @property
    def expectation(self) -> Expectation | None:
        """What to expect of the model, at a new site too; None where it was not measured."""
        return self.classifier.expectation

    @property
    def advice(self) -> Advice | None:
        """Which method to take on these images; None where none were compared."""
        kept = self.provenance.get(ADVICE)
        return None if kept is None else Advice.from_json(kept)

    @property
    def latent_domains(self) -> dict[str, Any] | None:
        """What was measured of the latent domains; None without any."""
        return self.provenance.get("latent_domains")

    @property
    def by_known_domain(self) -> dict[str, list[int]]:
        """For each known domain, [S] its training images in each latent domain; may be empty."""
        latent, train = self.classifier.latent, self.train
        if latent is None or train.domains is None:
            return {}
        assigned = latent.assign(train.features)
        table = cross_table(train.domains, assigned, len(train.domain_names), latent.n_domains)
        return dict(zip(train.domain_names, table.tolist(), strict=True))

    @property
    def diagnosis(self) -> list[str]:
        """What the measurements of latent domains and prompts mean, in sentences."""
        similarity = self.classifier.training.get("prompt_similarity", [])
        return [*discovery_words(self.latent_domains or {}), *similarity_words(similarity)]

    def to_json(self) -> dict[str, Any]:
        """What was learned from, and what came of it, as plain values."""
        return {
            "model": str(self.model),
            "method": self.classifier.method,
            **{key: value for key, value in self.provenance.items() if key != "method_settings"},
            "class_names": list(self.classifier.class_names),
            "validation_accuracy": self.accuracy,
            "latent_domains": self.latent_domains,
            "expectation": None if self.expectation is None else self.expectation.summary(),
            "leaks": self.leaks.to_json(),
            "advice": None if self.advice is None else self.advice.to_json(),
            "signs": [finding.to_json() for finding in self.findings],
            **({"auto": auto} if (auto := self.classifier.training.get("auto")) else {}),
        }
