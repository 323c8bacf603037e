"""Training into a model folder: going on after an interruption, and repeating nothing."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ldpf.cli.latent import measure_latent
from ldpf.utils.files import new_folder, read_json_or_none

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.experiments.search import Choice
    from ldpf.features.feature_set import FeatureSet
    from ldpf.methods import Method
    from ldpf.models.prompt_classifier import PromptClassifier
    from ldpf.training.callbacks import Tracker
    from ldpf.training.loop import RunRecord

log = logging.getLogger("ldpf")

REPORT_EVERY_S = 5.0

TRAINING = "training"
"""Folder inside the model's for the log, the settings and, until the end, the checkpoint."""

TRIALS = "trials"
"""Folder inside that for the trainings of a search, until the end."""


def check_model_folder(folder: Path) -> None:
    """Refuse a folder with other things in it; one with an unfinished training is fine.

    Raises:
        ModelError: see `ldpf.models.saving.check_output_folder`.
    """
    from ldpf.models.saving import check_output_folder

    unfinished = (folder / TRAINING / "settings.json").is_file()
    ours = {TRAINING, "model.safetensors"}
    if not (unfinished and {entry.name for entry in folder.iterdir()} <= ours):
        check_output_folder(folder)


def train_into(
    folder: Path,
    method: Method,
    learnt: FeatureSet,
    held_out: FeatureSet,
    backbone: Backbone,
    seed: int,
    run: dict[str, Any],
    provenance: dict[str, Any],
    tracker: Tracker | None = None,
    search: Callable[[Path], Choice] | None = None,
) -> PromptClassifier:
    """Train, or go on with, or simply load the model of these settings, and keep it in `folder`.

    Args:
        folder: the model's; what belongs to other settings in it is replaced.
        run: everything the result depends on; equal ones go on with each other's work.
        provenance: kept in the model.
        tracker: writes curves of the training, also of one that was done before.
        search: chooses settings first, with its trials in the folder given; None keeps those of
            `method`.
    """
    from ldpf.methods.overrides import with_settings
    from ldpf.models.saving import load_model, save_model
    from ldpf.training.callbacks import track_log
    from ldpf.utils.files import settings_hash, write_json

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
            "method_settings": asdict(method),
            "chosen": choice.settings,
            "trials": choice.trials,
        }
    reporting = reporting_record(record, tracker)
    classifier = method.fit(learnt, held_out, backbone, seed=seed, record=reporting)
    if tracker is not None:
        _track_prompts(tracker, classifier, backbone)
    # Made whole beside the old model first: save_model wants a folder of its own.
    saved = record / "model"
    shutil.rmtree(saved, ignore_errors=True)
    provenance = {**provenance, "settings_hash": digest}
    if classifier.latent is not None:
        judged = held_out if len(held_out) else learnt
        provenance["latent_domains"] = measure_latent(classifier.latent, learnt, judged)
    save_model(classifier, backbone, saved, provenance=provenance)
    # Killed here, there is no model rather than one with another model's description.
    (folder / "config.json").unlink(missing_ok=True)
    for name in ("model.safetensors", "config.json"):
        (saved / name).replace(folder / name)
    saved.rmdir()
    (record / "checkpoint.safetensors").unlink(missing_ok=True)
    shutil.rmtree(record / TRIALS, ignore_errors=True)
    return classifier


def reporting_record(folder: Path, tracker: Tracker | None = None) -> RunRecord:
    """A record in `folder` that also says every few seconds how far training has come."""
    from ldpf.training.callbacks import TrackedRecord

    class Reporting(TrackedRecord):
        said = time.monotonic()
        best = 0.0

        def add(self, **line: Any) -> None:
            super().add(**line)
            accuracy = line.get("validation_accuracy")
            self.best = max(self.best, accuracy or 0.0)
            if accuracy is not None and time.monotonic() - self.said >= REPORT_EVERY_S:
                self.said = time.monotonic()
                log.info(
                    "step %d: validation accuracy %.1f%%, best so far %.1f%%",
                    line["step"],
                    100 * accuracy,
                    100 * self.best,
                )

    return Reporting(folder, tracker=tracker)


def _track_prompts(tracker: Tracker, classifier: PromptClassifier, backbone: Backbone) -> None:
    if classifier.contexts is not None:
        tracker.add_prompts(backbone.text, classifier.contexts)
    tracker.close()


def _finished_as(folder: Path) -> str | None:
    """The settings hash of the model in `folder`; None if there is no whole one."""
    from ldpf.errors import ModelError
    from ldpf.models.saving import read_config

    if not (folder / "model.safetensors").is_file():
        return None
    try:
        return read_config(folder).get("provenance", {}).get("settings_hash")
    except ModelError:
        return None


def _read_hash(file: Path) -> str | None:
    content = read_json_or_none(file)
    return content.get("hash") if isinstance(content, dict) else None
