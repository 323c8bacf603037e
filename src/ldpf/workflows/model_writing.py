"""Training into a model folder: resumes after an interruption and repeats nothing."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ldpf.domains.diagnostics import measure_latent
from ldpf.errors import ModelError
from ldpf.methods.overrides import with_settings
from ldpf.models.saving import check_output_folder, load_model, read_config, write_model
from ldpf.training.callbacks import ProgressLog, RunRecord, track_log
from ldpf.utils.files import new_folder, read_json_or_none, settings_hash, write_json
from ldpf.utils.registry import part_settings

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.experiments.search import Choice
    from ldpf.features.feature_set import FeatureSet
    from ldpf.methods import Method
    from ldpf.models.base import Classifier
    from ldpf.training.callbacks import Tracker

log = logging.getLogger("ldpf")


TRAINING = "training"
"""Folder inside the model's for the log, the settings and, until the end, the checkpoint."""

TRIALS = "trials"
"""Folder inside that for the trainings of a search, until the end."""


def check_model_folder(folder: Path) -> None:
    """Refuse a folder with other things in it; one with an unfinished training is fine.

    Raises:
        ModelError: see `ldpf.models.saving.check_output_folder`.
    """
    unfinished = (folder / TRAINING / "settings.json").is_file()
    ours = {TRAINING, "model.safetensors"}
    if not (unfinished and {entry.name for entry in folder.iterdir()} <= ours):
        check_output_folder(folder)


def train_into(
    folder: Path,
    method: Method,
    train: FeatureSet,
    validation: FeatureSet,
    backbone: Backbone,
    seed: int,
    run: dict[str, Any],
    provenance: dict[str, Any],
    tracker: Tracker | None = None,
    search: Callable[[Path], Choice] | None = None,
) -> Classifier:
    """Train, resume, or simply load the model of these settings, and keep it in `folder`.

    Args:
        folder: the model's; what belongs to other settings in it is replaced.
        method: with its settings.
        train, validation: images to learn from, and to choose by.
        backbone: that made the features.
        seed: of the training.
        run: everything the result depends on; equal ones resume each other's work.
        provenance: kept in the model.
        tracker: writes curves of the training, also of one that was done before.
        search: chooses settings first, with its trials in the folder given; None keeps those of
            `method`.
    """
    digest = settings_hash(run)
    if _finished_as(folder) == digest:
        log.info("this very model was trained before; delete %s to train it again", folder)
        classifier = load_model(folder, backbone)[0]
        if tracker is not None:
            track_log(folder / TRAINING / "metrics.jsonl", tracker)
            _track_prompts(tracker, classifier, backbone)
        return classifier
    if (folder / "config.json").exists():
        log.info("replacing the model in %s, which has other data or settings", folder)
    record = folder / TRAINING
    new_folder(record)
    settings_file = record / "settings.json"
    if _read_hash(settings_file) != digest:
        shutil.rmtree(record)
        record.mkdir()
        write_json(settings_file, {"hash": digest, "settings": run})
    if search is not None:
        choice = search(record / TRIALS)
        method = with_settings(method, choice.settings)
        provenance = {
            **provenance,
            "method_settings": part_settings(method),
            "chosen": choice.settings,
            "trials": choice.trials,
        }
    callbacks = [ProgressLog(), *([] if tracker is None else [tracker])]
    reporting = RunRecord(record, callbacks=callbacks)
    classifier = method.fit(train, validation, backbone, seed=seed, record=reporting)
    if tracker is not None:
        _track_prompts(tracker, classifier, backbone)
    provenance = {**provenance, "settings_hash": digest}
    if classifier.latent is not None:
        judged = validation if len(validation) else train
        provenance["latent_domains"] = measure_latent(classifier.latent, train, judged)
    write_model(classifier, backbone, folder, provenance=provenance)
    (record / "checkpoint.safetensors").unlink(missing_ok=True)
    shutil.rmtree(record / TRIALS, ignore_errors=True)
    return classifier


def _track_prompts(tracker: Tracker, classifier: Classifier, backbone: Backbone) -> None:
    if classifier.contexts is not None:
        tracker.add_prompts(backbone.text, classifier.contexts)
    tracker.close()


def _finished_as(folder: Path) -> str | None:
    """The settings hash of the model in `folder`; None if there is no whole one."""
    if not (folder / "model.safetensors").is_file():
        return None
    try:
        return read_config(folder).get("provenance", {}).get("settings_hash")
    except ModelError:
        return None


def _read_hash(file: Path) -> str | None:
    content = read_json_or_none(file)
    return content.get("hash") if isinstance(content, dict) else None
