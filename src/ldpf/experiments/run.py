"""One run: choose settings where asked, train, and look at the test images once."""

from __future__ import annotations

import json
import platform
import shutil
from typing import Any

import torch
import transformers

from ldpf.backbones import Backbone
from ldpf.evaluation.metrics import accuracy, confusion_counts, per_class_accuracy
from ldpf.experiments.plan import BenchmarkPlan
from ldpf.experiments.protocol import LEAVE_ONE_DOMAIN_OUT, Episode
from ldpf.experiments.readouts import READOUTS
from ldpf.experiments.resources import timed_fit
from ldpf.experiments.results import RESULT_VERSION, RunFolder
from ldpf.experiments.search import Choice
from ldpf.experiments.selection import TARGET_ORACLE
from ldpf.features.feature_set import FeatureSet
from ldpf.methods import Method
from ldpf.methods.overrides import with_settings
from ldpf.models.base import Classifier
from ldpf.models.prompt_classifier import PromptClassifier
from ldpf.models.provenance import training_provenance
from ldpf.models.saving import save_model
from ldpf.training.callbacks import RunRecord
from ldpf.training.shared_passes import Member
from ldpf.utils.registry import part_settings
from ldpf.utils.resources import peak_memory_mib, reset_peak_memory
from ldpf.version import __version__


def run_settings(
    method: Method,
    name: str,
    dataset_name: str,
    digest: str,
    backbone: Backbone,
    episode: Episode,
    plan: BenchmarkPlan,
) -> dict[str, Any]:
    """Everything the result of a run depends on, ready for JSON and for the hash."""
    # The target oracle takes images out of the test, which matters to those that learn nothing too.
    selected = method.learns or plan.selection == TARGET_ORACLE
    settings = {
        "result_version": RESULT_VERSION,
        "dataset": dataset_name,
        "data_digest": digest,
        "fingerprint": backbone.fingerprint,
        "method_name": name,
        "method": part_settings(method),
        "target": episode.case,
        "seed": episode.seed,
        "train_fraction": plan.train_fraction,
        "selection": plan.selection if selected else "none",
    }
    if plan.protocol != LEAVE_ONE_DOMAIN_OUT:
        settings["protocol"] = plan.protocol
    if plan.search is not None and plan.search.candidates(method, episode.seed) != [{}]:
        settings["search"] = plan.search.described()
    return settings


def run_one(
    method: Method,
    episode: Episode,
    backbone: Backbone,
    folder: RunFolder,
    member: Member | None = None,
    choice: Choice | None = None,
) -> list[dict[str, Any]]:
    """Train, then look at the test images once: a line for the method and each read-out of it.

    Args:
        method: with its own settings.
        episode: as the selection rule wants it.
        backbone: that made the features.
        folder: where log, checkpoint and results go.
        member: its part where runs share their text passes.
        choice: settings to train with instead, and how they were found.

    Returns:
        A line for each read-out on each test domain.
    """
    choice = choice or Choice({})
    method = with_settings(method, choice.settings)
    record = RunRecord(folder.open(), member=member)
    reset_peak_memory()
    classifier, seconds = timed_fit(
        method, episode.train, episode.validation, backbone, episode.seed, record
    )
    peak = peak_memory_mib()
    recipe = getattr(method, "recipe", None)  # not everything that learns learns prompts
    shared = {
        "dataset": folder.settings["dataset"],
        "protocol": folder.settings.get("protocol", LEAVE_ONE_DOMAIN_OUT),
        "case": episode.case,
        "sources": episode.sources,
        "seed": episode.seed,
        "recipe": recipe.name if recipe else "none",
        "selection": folder.settings["selection"],
        "train_fraction": folder.settings["train_fraction"],
        # As they will be read back: a tuple is a list in JSON.
        "settings": json.loads(json.dumps(folder.settings["method"])),
        "chosen": choice.settings,
        "per_image": classifier.per_image,
        "n_train": len(episode.train),
        "n_validation": len(episode.validation),
        "seconds": round(seconds, 3),
        "search_seconds": round(choice.seconds, 3),
        "text_passes": classifier.training["text_passes"],
        "peak_memory_mib": round(peak, 1),
        "shared_with": member.others if member else 0,
        "settings_hash": folder.hash,
        "run": folder.path.name,
        "backbone": backbone.name,
        "fingerprint": backbone.fingerprint,
        "class_names": list(episode.test.class_names),
        "trials": choice.trials,
        "training": classifier.training,
        "versions": versions(),
    }
    chosen_by_target = method.learns and shared["selection"] == TARGET_ORACLE
    trained_as = folder.settings["method_name"]
    readouts = {n: one for n, one in READOUTS.items() if one.trained_as == trained_as}
    tests = list(episode.tests())
    answers: dict[str, list[torch.Tensor]] = {
        "labels": [test.labels for _, test in tests],
        "domains": [test.domains for _, test in tests],
    }
    confidence: dict[str, list[torch.Tensor]] = {}
    results = []
    for name, readout in readouts.items():
        answered = [readout.answer(classifier, test.features, test.labels) for _, test in tests]
        answers[name] = [predictions for predictions, _ in answered]
        if not readout.oracle:
            confidence[name] = [sure for _, sure in answered if sure is not None]
        for (domain, test), predictions in zip(tests, answers[name], strict=True):
            results.append(
                {
                    "method": name,
                    "target": domain,
                    "domain_id": test.domain_names.index(domain),
                    "oracle": readout.oracle or chosen_by_target,
                    **shared,
                    **_measured(predictions, test),
                }
            )
    _keep_model(classifier, method, episode, backbone, folder, choice)
    folder.finish(results, _whole(answers), _whole(confidence))
    return results


def _whole(parts: dict[str, list[torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The domains' parts of each name, one after the other."""
    return {name: torch.cat(values) for name, values in parts.items()}


def _keep_model(
    classifier: Classifier,
    method: Method,
    episode: Episode,
    backbone: Backbone,
    folder: RunFolder,
    choice: Choice,
) -> None:
    """Keep learnt prompts as a model folder of their own, which every command can use."""
    if not isinstance(classifier, PromptClassifier) or classifier.contexts is None:
        return
    shutil.rmtree(folder.model, ignore_errors=True)  # of a run that was cut off here
    settings = folder.settings
    provenance = {
        **training_provenance(
            settings["dataset"],
            method,
            episode.train,
            episode.validation,
            seed=episode.seed,
            train_fraction=settings["train_fraction"],
            domain_names=episode.sources,
        ),
        "benchmark": {
            "protocol": settings.get("protocol", LEAVE_ONE_DOMAIN_OUT),
            "case": episode.case,
            "data_digest": settings["data_digest"],
        },
        "settings_hash": folder.hash,
    }
    if choice.trials:
        provenance |= {
            "search": {**settings["search"], "selection": settings["selection"]},
            "chosen": choice.settings,
            "trials": choice.trials,
        }
    save_model(classifier, backbone, folder.model, provenance=provenance)


def _measured(predictions: torch.Tensor, test: FeatureSet) -> dict[str, Any]:
    """What the answers [N] to the images of one domain say."""
    n_classes = len(test.class_names)
    return {
        "accuracy": accuracy(predictions, test.labels),
        "n_test": len(test),
        "per_class_accuracy": per_class_accuracy(predictions, test.labels, n_classes),
        "confusion": confusion_counts(predictions, test.labels, n_classes),
    }


def versions() -> dict[str, str]:
    """Versions that stand in every result."""
    return {
        "ldpf": __version__,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "python": platform.python_version(),
    }
