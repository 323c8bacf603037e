"""Training into a model folder: resumes after an interruption and repeats nothing."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ldpf.domains.diagnosis import NOTED
from ldpf.domains.diagnostics import measure_latent
from ldpf.errors import ModelError
from ldpf.expectation import with_expectation
from ldpf.expectation.advice import advise
from ldpf.methods.overrides import with_settings
from ldpf.models.folder import CONFIG, TENSORS
from ldpf.models.saving import check_output_folder, load_model, read_config, write_model
from ldpf.training.callbacks import CHECKPOINT, ProgressLog, RunRecord, track_log
from ldpf.utils.constraints import Text
from ldpf.utils.json_files import json_text, read_json_or_none, settings_hash, write_json
from ldpf.utils.own_folders import DAMAGED, new_folder, set_aside
from ldpf.utils.registry import part_settings
from ldpf.utils.schema import Record
from ldpf.utils.stopping import says_on_stop
from ldpf.utils.temporary import is_litter, remove_litter
from ldpf.utils.text import quoted
from ldpf.utils.ways import named, setting
from ldpf.workflows.leaks import SEEN_IMAGES

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

SETTINGS = "settings.json"
_SETTINGS = Record({"hash": Text(), "settings": Record()})
"""What that file holds."""
"""File inside that with the settings that the model is of."""

ADVICE = "advice"
"""Where a model's provenance keeps what it was compared with."""

TRIALS = "trials"
"""Folder inside that for the trainings of a search, until the end."""

_OURS = {SETTINGS, TRIALS, CHECKPOINT, SEEN_IMAGES, "metrics.jsonl"}


def check_model_folder(folder: Path) -> None:
    """Refuse a folder with other things in it; one with an unfinished training is fine.

    Raises:
        ModelError: see `ldpf.models.saving.check_output_folder`.
    """
    if not (folder.is_dir() and _is_begun(folder)):
        check_output_folder(folder)


def _is_begun(folder: Path) -> bool:
    """Whether a folder holds nothing but what a training that was cut off leaves behind.

    At any moment: the first thing that is made is the folder of the log, before its settings.
    """
    outer, record = _names(folder), folder / TRAINING
    if not outer <= {TRAINING, TENSORS, CONFIG} or (folder / CONFIG).exists():
        return False
    return not record.exists() or (record.is_dir() and _names(record) <= _OURS)


def _names(folder: Path) -> set[str]:
    """Names of what lies in a folder, without litter, and of what was set aside as before."""
    names = {entry.name for entry in folder.iterdir() if not is_litter(entry.name)}
    return {name.rpartition(DAMAGED)[0] or name for name in names}


def check_same_model(folder: Path, run: Mapping[str, Any]) -> None:
    """Refuse to replace a model that was trained with other data or settings.

    Args:
        folder: the model's.
        run: settings of the new training, or a part of them.

    Raises:
        ModelError: there is such a model; names what differs.
    """
    if (digest := _finished_as(folder)) is None:
        return
    before = read_json_or_none(folder / TRAINING / SETTINGS, _SETTINGS)
    known = before["settings"] if before is not None and before["hash"] == digest else {}
    now = json.loads(json_text(dict(run)))
    if settings_hash(dict(run)) == digest or all(known.get(key) == now[key] for key in now):
        return
    differs = [key for key in now if known.get(key) != now[key]] if known else []
    raise ModelError(
        f"The folder {str(folder)!r} holds a model that was trained with other data or settings"
        f"{_difference(known, now, differs)}; give another folder with {named('out')}, or "
        f"replace the model with {setting('overwrite')}."
    )


def _difference(before: Mapping[str, Any], now: Mapping[str, Any], keys: Sequence[str]) -> str:
    if not keys:
        return ""
    key = "data_digest" if "data_digest" in keys else keys[0]
    if key == "data_digest":
        return " (the images differ)"
    if isinstance(now[key], dict) and isinstance(before.get(key), dict):
        inner = {**before[key], **now[key]}
        other = [name for name in inner if before[key].get(name) != now[key].get(name)]
        return _difference(before[key], {**dict.fromkeys(other), **now[key]}, other)
    return f" ({key} was {quoted(before.get(key))}, and is {quoted(now[key])} now)"


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
    *,
    advice: bool = True,
    overwrite: bool = False,
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
        advice: compare the model with simple methods on the same images.
        overwrite: replace a model of other data or settings.

    Raises:
        ModelError: there is such a model, and it is not to be replaced.
    """
    digest = settings_hash(run)
    if (classifier := _trained_before(folder, digest, backbone)) is not None:
        log.info("this very model was trained before; delete %s to train it again", folder)
        if tracker is not None:
            track_log(folder / TRAINING / "metrics.jsonl", tracker)
            _track_prompts(tracker, classifier, backbone)
        _remove_unfinished(folder / TRAINING)  # of a process that was killed at its very end
        return classifier
    if not overwrite:
        check_same_model(folder, run)
    if (folder / CONFIG).exists():
        log.info("replacing the model in %s, which has other data or settings", folder)
    record = folder / TRAINING
    new_folder(record)
    remove_litter(record)
    settings_file = record / SETTINGS
    if _read_hash(settings_file) != digest:
        shutil.rmtree(record)
        record.mkdir()
        write_json(settings_file, {"hash": digest, "settings": run})
    with says_on_stop(lambda: _what_is_kept(record)):
        return _train_new(
            folder,
            method,
            train,
            validation,
            backbone,
            seed,
            digest,
            provenance,
            tracker,
            search,
            advice=advice,
        )


def _what_is_kept(record: Path) -> str:
    """What the same command does after a training was stopped."""
    if (record / CHECKPOINT).exists():
        return "The same command resumes from the checkpoint."
    if any((record / TRIALS).glob("*/done")):
        return "The same command resumes after the trials that are finished."
    return (
        "The training has no checkpoint yet: the same command starts it again (images that were "
        "encoded are not encoded again)."
    )


def _train_new(
    folder: Path,
    method: Method,
    train: FeatureSet,
    validation: FeatureSet,
    backbone: Backbone,
    seed: int,
    digest: str,
    provenance: dict[str, Any],
    tracker: Tracker | None,
    search: Callable[[Path], Choice] | None,
    *,
    advice: bool,
) -> Classifier:
    """The training that `train_into` is about, where the model is not there yet."""
    record = folder / TRAINING
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
        discovery = classifier.training.get("domains") or {}
        provenance["latent_domains"] = {
            **{name: discovery[name] for name in NOTED if name in discovery},
            **measure_latent(classifier.latent, train, judged),
        }
    classifier = with_expectation(method, classifier, train, validation, backbone, seed=seed)
    if advice:
        compared = advise(classifier, train, validation, backbone, seed=seed)
        provenance[ADVICE] = None if compared is None else compared.to_json()
    write_model(classifier, backbone, folder, provenance=provenance)
    _remove_unfinished(record)
    return classifier


def _remove_unfinished(record: Path) -> None:
    """Remove what only an unfinished training needs, and what a killed one has left."""
    remove_litter(record)
    (record / CHECKPOINT).unlink(missing_ok=True)
    shutil.rmtree(record / TRIALS, ignore_errors=True)


def _track_prompts(tracker: Tracker, classifier: Classifier, backbone: Backbone) -> None:
    if classifier.contexts is not None:
        tracker.add_prompts(backbone.text, classifier.contexts)
    tracker.close()


def _trained_before(folder: Path, digest: str, backbone: Backbone) -> Classifier | None:
    """The model in `folder` if it is of these settings; a damaged one is set aside."""
    if (folder / CONFIG).exists():
        try:
            read_config(folder)
            if _finished_as(folder) == digest:
                return load_model(folder, backbone)[0]
        except ModelError as error:
            tensors = [folder / TENSORS] if (folder / TENSORS).exists() else []
            set_aside(folder / CONFIG, str(error), "the model is trained anew", with_it=tensors)
    return None


def _finished_as(folder: Path) -> str | None:
    """The settings hash of the model in `folder`, "" for one without; None without a whole one."""
    if not (folder / TENSORS).is_file():
        return None
    try:
        return read_config(folder).get("provenance", {}).get("settings_hash") or ""
    except ModelError:
        return None


def _read_hash(file: Path) -> str | None:
    content = read_json_or_none(file, _SETTINGS)
    return None if content is None else content["hash"]
