"""What the kept models of a benchmark's runs show on its images."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from ldpf.errors import DataError
from ldpf.evaluation.per_prompt import prompt_answers
from ldpf.experiments.episode import Episode
from ldpf.experiments.protocols import protocol_of
from ldpf.experiments.readouts import TrainedOn, readout_of
from ldpf.experiments.run_folder import MODEL, run_config
from ldpf.experiments.selection import DEFAULT_SELECTION, SELECTION_RULES, get_selection
from ldpf.inspection.latent_summary import describe_latent
from ldpf.inspection.style_names import nearest_styles
from ldpf.models.saving import load_model
from ldpf.report.from_benchmark import NO_MODELS
from ldpf.utils.progress import progress_bar
from ldpf.utils.ways import named

if TYPE_CHECKING:
    from pathlib import Path

    from ldpf.backbones import Backbone
    from ldpf.features.feature_set import FeatureSet
    from ldpf.models.base import Classifier
    from ldpf.report.findings import Findings, Run

log = logging.getLogger("ldpf")

SOME_MODELS = (
    "{count} of {total} runs kept no model, being of an older version of ldpf, and are missing "
    "where latent domains are shown."
)


def with_images(
    found: Findings, dataset: str, features: FeatureSet, backbone: Backbone
) -> Findings:
    """Add what takes the images: which were tested, and what latent domains make of them.

    Each run's split is made again, and its kept model, where there is one, put to the images of the
    target; those of the first seed also show what its latent domains look like.

    Args:
        found: from `from_benchmark`.
        dataset: name of the data, for the error.
        features: of all images of the benchmark.
        backbone: that made them, the one that the benchmark was run with.

    Raises:
        DataError: the classes of a target's images are not those that were tested.
        ModelError: a kept model is damaged.
    """
    readout = readout_of(found.main)
    runs, trainings = dict(found.runs), list(found.trainings)
    shown = {training.targets[0]: place for place, training in enumerate(trainings)}
    without = 0
    enabled = log.isEnabledFor(logging.INFO)
    with progress_bar("models", len(runs), enabled=enabled) as advance:
        for (target, seed), run in found.runs.items():
            advance(1)
            if run.folder is None:  # the main method has not come here yet
                continue
            episode = _episode(found, run, run.folder, target, seed, dataset, features)
            classifier = _model(run.folder, backbone) if found.trainings else None
            without += classifier is None
            prompts = None
            if classifier is not None:
                sources = TrainedOn(episode.train, episode.validation, backbone, seed)
                reader = readout.reader(classifier, sources)
                prompts = prompt_answers(reader, episode.test.features)
            is_shown = target in shown and run is found.shown(target)
            if classifier is not None and classifier.latent is not None and is_shown:
                latent = describe_latent(classifier.latent, episode.train, episode.test)
                place = shown[target]
                trainings[place] = replace(
                    trainings[place],
                    latent=latent,
                    words=nearest_styles(latent.directions, backbone),
                )
            runs[target, seed] = replace(run, paths=episode.test.paths, prompts=prompts)
    notes = found.notes
    if found.trainings and 0 < without < len(runs):
        notes = (*notes, SOME_MODELS.format(count=without, total=len(runs)))
    return replace(found, runs=runs, trainings=tuple(trainings), no_latent=NO_MODELS, notes=notes)


def _episode(
    found: Findings,
    run: Run,
    folder: Path,
    target: str,
    seed: int,
    dataset: str,
    features: FeatureSet,
) -> Episode:
    """The images that a run learned from and was tested on."""
    settings = run_config(folder, ("train_fraction", "selection"))
    rules = protocol_of(settings)
    fraction = settings["train_fraction"]
    episode = rules.episode(features, target, seed, fraction)
    # What learns nothing has no selection rule.
    asked = settings["selection"]
    rule = get_selection(asked if asked in SELECTION_RULES else DEFAULT_SELECTION)
    episode = rule.prepare(episode, fraction)
    here = [features.class_names[k] for k in episode.test.labels.tolist()]
    if here != [found.class_names[k] for k in run.labels]:
        raise DataError(
            f"The {len(here):,} images of {target!r} in {dataset!r} are not the "
            f"{len(run.labels):,} that were tested; give the same "
            f"{named('data')} as to 'ldpf benchmark'."
        )
    return episode


def _model(folder: Path, backbone: Backbone) -> Classifier | None:
    """The kept model of a run, if it has one with latent domains."""
    if not (folder / MODEL / "config.json").is_file():
        return None
    classifier, _ = load_model(folder / MODEL, backbone)
    return classifier if classifier.latent is not None else None
