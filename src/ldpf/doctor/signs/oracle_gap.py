"""Prompts that know more than their fusion makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ldpf.doctor.base import SIGNS, Measurement, NotMeasured, Sign, Unit
from ldpf.doctor.case import NEEDS_DOMAINS, Case
from ldpf.domains.diagnosis import judge_gap
from ldpf.errors import ModelError
from ldpf.evaluation.metrics import oracle_predictions
from ldpf.methods import make_method
from ldpf.methods.overrides import applicable, with_settings

if TYPE_CHECKING:
    from ldpf.features.feature_set import FeatureSet
    from ldpf.methods import Method
    from ldpf.models.base import Classifier

CONTROL = "ldpf-random"
"""Prompts of a random split of the training images."""


@SIGNS.register("oracle-gap", title="Oracle gap", order=5, trains=True)
@dataclass(frozen=True)
class OracleGap(Sign):
    """Choosing the best prompt for each image would be much better than fusing them.

    U_sel counts an image as right if any prompt is (arXiv 2511.00067, table 3). It grows with the
    number of prompts even where they differ by chance, so as many prompts are trained on a random
    split of the training images, with the same settings. The figure is the model's gap to its U_sel
    minus the gap of that control to its own.
    """

    threshold: float = 0.05
    meaning: ClassVar[str] = (
        "The prompts are specialized, and the fusion picks the wrong one for many images."
    )
    unit: ClassVar[Unit] = Unit.POINTS

    def measure(self, case: Case) -> Measurement:
        """Train the control and compare; takes as long as a training. See `Sign.measure`."""
        where, images = case.judged
        if case.classifier.n_domains < 2:
            raise NotMeasured(NEEDS_DOMAINS)
        try:
            accuracy, bound = _accuracies(case.classifier, images)
        except ModelError as error:  # prompts that depend on the image
            raise NotMeasured(str(error)) from error
        control = train_control(case) if case.control is None else case.control
        by_chance = _accuracies(control, images)
        gap, chance = bound - accuracy, by_chance[1] - by_chance[0]
        words = (
            f"{accuracy:.1%} of {len(images):,} {where} right, {bound:.1%} if the best prompt "
            f"were always chosen: a gap of {100 * gap:.1f} points, {100 * chance:.1f} for prompts "
            f"of a random split ({by_chance[0]:.1%} and {by_chance[1]:.1%})"
        )
        return Measurement(gap - chance, words, (judge_gap(where, accuracy, bound).text,))

    def next_step(self, case: Case, measurement: Measurement) -> str:
        """Choose another fusion rule by images without their own prompt."""
        return case.train_again("--set fusion=auto")


def train_control(case: Case) -> Classifier:
    """Prompts of a random split of the training images, trained as the model was."""
    train = case.training
    if case.backbone is None:
        raise NotMeasured("needs the backbone, to train prompts of a random split")
    held_out = train.subset([]) if case.held_out is None else case.held_out
    method = random_split(case.settings, case.classifier.n_domains)
    return method.fit(train, held_out, case.backbone, seed=case.seed)


def random_split(settings: Mapping[str, Any], n_domains: int) -> Method:
    """The control with the settings of a model, as far as it has them.

    Args:
        settings: of the model's method, as `part_settings` has them; an older version or another
            method may have others, which count for nothing.
        n_domains: S.
    """
    method = make_method(CONTROL, n_domains=n_domains)
    flat = {
        name: value
        for name, value in flattened(settings).items()
        if not name.startswith(("discovery.assignment", "discovery.n_domains", "head"))
    }
    return with_settings(method, applicable(method, flat))


def flattened(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted name, a registered part by its name: `{"fusion": "similarity"}`."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        full = f"{prefix}{name}"
        if isinstance(value, Mapping):
            # A recipe has a name too, but is no part from a registry: its values say it all.
            if "name" in value and name != "recipe":
                flat[full] = value["name"]
            inner = {key: item for key, item in value.items() if key != "name"}
            flat |= flattened(inner, f"{full}.")
        elif name != "name":
            flat[full] = tuple(value) if isinstance(value, list) else value
    return flat


def _accuracies(classifier: Classifier, images: FeatureSet) -> tuple[float, float]:
    """Accuracy of the fused answers, and of U_sel."""
    bound = oracle_predictions(classifier, images.features, images.labels)
    return (
        classifier.accuracy(images.features, images.labels),
        float((bound == images.labels).double().mean()),
    )
