"""What the read-outs of a trained method answer on an episode's test images, and how well."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import nullcontext
from typing import Any

import torch

from ldpf.backbones import Backbone
from ldpf.evaluation.alignment import own_label_cosines
from ldpf.evaluation.calibration import reliability
from ldpf.evaluation.metrics import accuracy, confusion_counts, per_class_accuracy
from ldpf.experiments.episode import Episode
from ldpf.experiments.readouts import Readout, TrainedOn
from ldpf.features.feature_set import FeatureSet
from ldpf.models.base import Classifier
from ldpf.text.templates import SINGLE_TEMPLATE
from ldpf.text.zero_shot import zero_shot_features
from ldpf.utils.quiet import quiet

Tensors = dict[str, torch.Tensor]


def answers_of(
    readouts: Mapping[str, Readout],
    classifier: Classifier,
    episode: Episode,
    backbone: Backbone | None = None,
    aloud: Collection[str] = (),
    temperatures: Mapping[str, float] | None = None,
) -> tuple[list[dict[str, Any]], Tensors, Tensors]:
    """Fit the read-outs that learn to the training images, then look at the test images, once.

    Args:
        readouts: by name.
        classifier: trained on the episode.
        episode: whose test images are asked about.
        backbone: that made the features; None where no rule asks for zero-shot text features.
        aloud: names of read-outs that may log what they have chosen; the others are silent.
        temperatures: of calibrated probabilities, by the names of read-outs that have one.

    Returns:
        A line for each read-out on each test domain, with the expected calibration error `ece` (of
        an oracle, that of the prompts it picks) and, where there is a temperature,
        `calibrated_ece`; the predicted classes [N] of each read-out on all N test images, domain by
        domain, with `labels` and `domains`; and the probabilities [N] of the answers of those
        read-outs that are no oracle, calibrated where there is a temperature.
    """
    known = temperatures or {}
    lines, tests = [], list(episode.tests())
    answers: dict[str, list[torch.Tensor]] = {"labels": [], "domains": []}
    confidence: dict[str, list[torch.Tensor]] = {}
    for _, test in tests:
        assert test.domains is not None
        answers["labels"].append(test.labels)
        answers["domains"].append(test.domains)
    trained_on = TrainedOn(episode.train, episode.validation, backbone, episode.seed)
    readers = {}
    for name, readout in readouts.items():
        with nullcontext() if name in aloud else quiet():
            readers[name] = readout.reader(classifier, trained_on)
    for name, readout in readouts.items():
        for domain, test in tests:
            predictions, logits = readout.answer_logits(readers[name], test.features, test.labels)
            answers.setdefault(name, []).append(predictions)
            if not readout.oracle:
                temperature = known.get(name, 1.0)
                confidence.setdefault(name, []).append(_confidence(logits / temperature))
            lines.append(
                {
                    "method": name,
                    "target": domain,
                    "domain_id": test.domain_names.index(domain),
                    "oracle": readout.oracle,
                    **_measured(predictions, test),
                    **_calibration(logits, test, known.get(name)),
                }
            )
    return lines, _whole(answers), _whole(confidence)


def _measured(predictions: torch.Tensor, test: FeatureSet) -> dict[str, Any]:
    """What the answers [N] to the images of one domain show."""
    n_classes = len(test.class_names)
    return {
        "accuracy": accuracy(predictions, test.labels),
        "n_test": len(test),
        "per_class_accuracy": per_class_accuracy(predictions, test.labels, n_classes),
        "confusion": confusion_counts(predictions, test.labels, n_classes),
    }


def _calibration(
    logits: torch.Tensor, test: FeatureSet, temperature: float | None
) -> dict[str, float]:
    """Expected calibration error of the answers to the images of one domain."""
    right = (logits.argmax(dim=1) == test.labels).numpy()
    both = {"ece": 1.0} | ({} if temperature is None else {"calibrated_ece": temperature})
    errors = {
        name: reliability(_confidence(logits / t).double().numpy(), right).error
        for name, t in both.items()
    }
    return errors | ({} if temperature is None else {"temperature": temperature})


def _confidence(logits: torch.Tensor) -> torch.Tensor:
    """Probability of each answer, [N, K] -> [N]."""
    return logits.softmax(dim=1).max(dim=1).values


def _whole(parts: dict[str, list[torch.Tensor]]) -> Tensors:
    """The domains' parts of each name, one after the other."""
    return {name: torch.cat(values) for name, values in parts.items()}


def alignment_of(episode: Episode, backbone: Backbone) -> torch.Tensor:
    """Cosine [N] of each test image, domain by domain, and the text of its own class."""
    texts = zero_shot_features(episode.test.class_names, [SINGLE_TEMPLATE], backbone)
    return torch.cat(
        [own_label_cosines(test.features, test.labels, texts.cpu()) for _, test in episode.tests()]
    )
