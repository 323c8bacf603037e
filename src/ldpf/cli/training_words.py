"""What `ldpf train` prints: what it read, what came out, and the latent domains."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ldpf.cli.console import counts_table, say, show
from ldpf.cli.latent import measure_latent
from ldpf.utils.text import count
from ldpf.workflows.source import describe

if TYPE_CHECKING:
    from ldpf.features.feature_set import FeatureSet
    from ldpf.models.prompt_classifier import PromptClassifier

log = logging.getLogger("ldpf")


def held_out_accuracy(classifier: PromptClassifier, features: FeatureSet) -> float:
    """Share of right answers on labelled features."""
    from ldpf.evaluation.metrics import accuracy

    return accuracy(classifier.logits(features.features).argmax(dim=1), features.labels)


def summary(
    model: Path,
    classifier: PromptClassifier,
    learnt: FeatureSet,
    judged: FeatureSet,
    provenance: dict[str, Any],
) -> dict[str, Any]:
    """What `--json` prints: what was learnt from, and what came of it."""
    latent = classifier.latent
    return {
        "model": str(model),
        "method": classifier.method,
        **{key: value for key, value in provenance.items() if key != "method_settings"},
        "class_names": list(classifier.class_names),
        "validation_accuracy": held_out_accuracy(classifier, judged),
        "latent_domains": None if latent is None else measure_latent(latent, learnt, judged),
    }


def print_data(
    features: FeatureSet, learnt: FeatureSet, held_out: FeatureSet, n_test: int, method: str
) -> None:
    """Say what was read, and what of it is for what."""
    discovered = features.domains is None and method == "ldpf"
    unknown = ": they will be discovered" if discovered else ""
    say(f"Read {describe(features)}{unknown}.")
    left_out = f"; {n_test:,} marked test are left out" if n_test else ""
    say(f"Learning from {len(learnt):,}, choosing on {len(held_out):,} held out{left_out}.")


def print_result(
    classifier: PromptClassifier,
    learnt: FeatureSet,
    judged: FeatureSet,
    baseline: float,
    held_out: bool,
) -> None:
    """Say how good the model is, beside zero-shot, and what its latent domains are.

    Args:
        classifier: that was trained.
        learnt: images it learnt from.
        judged: images to judge by.
        baseline: accuracy of zero-shot on these.
        held_out: whether these were held out.
    """
    where = "held-out" if held_out else "training (there are too few images to hold some out)"
    own = held_out_accuracy(classifier, judged)
    say()
    say(f"Accuracy on {count(len(judged), where + ' image')}: {own:.1%}", style="bold")
    say(f"Ready-made model without training (zero-shot), on the same images: {baseline:.1%}")
    if own < baseline:
        log.warning(
            "training did not pay on these images: zero-shot is better; more images may help"
        )
    if classifier.latent is not None:
        _print_latent(classifier, learnt, judged)


def _print_latent(classifier: PromptClassifier, learnt: FeatureSet, judged: FeatureSet) -> None:
    from ldpf.domains.diagnosis import discovery_words, similarity_words
    from ldpf.domains.diagnostics import cross_table

    assert classifier.latent is not None
    measured = measure_latent(classifier.latent, learnt, judged)
    say()
    say(f"Latent domains ({count(len(learnt), 'training image')}):")
    names, rows = ["all"], [np.array(measured["sizes"])]
    if learnt.domains is not None:
        assigned = classifier.latent.assign(learnt.features)
        known = cross_table(
            learnt.domains, assigned, len(learnt.domain_names), classifier.n_domains
        )
        names, rows = [*names, *learnt.domain_names], [*rows, *known]
    show(counts_table(np.stack(rows).tolist(), names, "known domain" if len(rows) > 1 else ""))
    for sentence in discovery_words(measured):
        say(f"- {sentence}")
    for sentence in similarity_words(classifier.training.get("prompt_similarity", [])):
        say(f"- {sentence}")
