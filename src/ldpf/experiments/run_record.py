"""What a finished run writes down: what all its result lines say, and its model."""

from __future__ import annotations

import json
import logging
import platform
import shutil
from typing import Any

import torch
import transformers

from ldpf.errors import ModelError
from ldpf.experiments.episode import Episode
from ldpf.experiments.experiment import Experiment
from ldpf.experiments.resources import MeasuredFit
from ldpf.experiments.run_folder import RunFolder
from ldpf.experiments.search import Choice
from ldpf.methods import Method
from ldpf.models.base import Classifier
from ldpf.models.provenance import training_provenance
from ldpf.models.saving import save_model
from ldpf.utils.numerics import numeric_fingerprint
from ldpf.version import __version__

log = logging.getLogger("ldpf")


def common_facts(
    experiment: Experiment,
    method: Method,
    episode: Episode,
    choice: Choice,
    fit: MeasuredFit,
    folder: RunFolder,
) -> dict[str, Any]:
    """What all result lines of a run say."""
    settings, backbone, classifier = folder.settings, experiment.backbone, fit.classifier
    recipe = getattr(method, "recipe", None)  # not everything that learns learns prompts
    return {
        "dataset": settings["dataset"],
        "protocol": settings["protocol"],
        "case": episode.case,
        "sources": episode.sources,
        "seed": episode.seed,
        "recipe": recipe.name if recipe else "none",
        "selection": settings["selection"],
        "train_fraction": settings["train_fraction"],
        # As they will be read back: a tuple is a list in JSON.
        "settings": json.loads(json.dumps(settings["method"])),
        "chosen": choice.settings,
        "per_image": classifier.per_image,
        "n_train": len(episode.train),
        "n_validation": len(episode.validation),
        "seconds": round(fit.seconds, 3),
        "search_seconds": round(choice.seconds, 3),
        "text_passes": classifier.training["text_passes"],
        "peak_memory_mib": round(fit.peak_mib, 1),
        "settings_hash": folder.hash,
        "run": folder.path.name,
        "backbone": backbone.name,
        "fingerprint": backbone.fingerprint,
        "class_names": list(episode.test.class_names),
        "trials": choice.trials,
        "training": classifier.training,
        "versions": versions(),
        "numerics": numeric_fingerprint(backbone.device),
    }


def keep_model(
    experiment: Experiment,
    classifier: Classifier,
    method: Method,
    episode: Episode,
    choice: Choice,
    folder: RunFolder,
) -> None:
    """Keep the trained model as a model folder of its own, which every command can use."""
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
            "protocol": settings["protocol"],
            "selection": settings["selection"],
            "case": episode.case,
            "data_digest": settings["data_digest"],
        },
        "settings_hash": folder.hash,
    }
    if choice.trials:
        provenance |= {
            "search": {**settings["search"], **experiment.selection.described()},
            "chosen": choice.settings,
            "trials": choice.trials,
        }
    try:
        save_model(classifier, experiment.backbone, folder.model, provenance=provenance)
    except ModelError as error:  # the answers of a method under trial are worth keeping without it
        log.warning("The run %s keeps no model: %s", folder.path.name, error)


def versions() -> dict[str, str]:
    """Versions that stand in every result."""
    return {
        "ldpf": __version__,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "python": platform.python_version(),
    }
