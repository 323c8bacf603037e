"""One model from all given images: the work of `ldpf train`."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ldpf.backbones.hub import BUNDLED
from ldpf.data import require_trainable
from ldpf.errors import SettingsError
from ldpf.evaluation.batches import logits_in_batches
from ldpf.evaluation.metrics import accuracy
from ldpf.experiments.run_folder import RESULT_VERSION
from ldpf.experiments.selection import get_selection
from ldpf.features.feature_set import FeatureSet
from ldpf.inspection.leaks import check_split
from ldpf.inspection.seen_images import write_seen_images
from ldpf.methods import Method, make_method
from ldpf.methods.overrides import applicable, known_names, with_parts, with_settings
from ldpf.methods.presets import get_preset
from ldpf.models.folder import finish_interrupted_save
from ldpf.models.kept_groups import groups_described
from ldpf.models.provenance import training_provenance
from ldpf.models.saving import read_config
from ldpf.training.callbacks import Tracker
from ldpf.training.recipe import get_recipe
from ldpf.utils.locks import locked_folder
from ldpf.utils.paths import full_path
from ldpf.utils.registry import part_settings
from ldpf.utils.text import count, did_you_mean, quoted
from ldpf.utils.ways import named
from ldpf.version import __version__
from ldpf.workflows.defaults import N_DOMAINS, SELECTION
from ldpf.workflows.diagnosing import SOURCE, quick_findings, source_record
from ldpf.workflows.inputs import AnyBackbone, Images, ListedImages, list_images
from ldpf.workflows.leaks import SEEN_IMAGES, hint_at_bursts, report_leaks
from ldpf.workflows.model_writing import (
    TRAINING,
    check_model_folder,
    check_same_model,
    train_into,
)
from ldpf.workflows.outputs import check_outputs
from ldpf.workflows.search import chooser, search_space
from ldpf.workflows.training_result import Training

if TYPE_CHECKING:
    from ldpf.experiments.search import SearchSpace
    from ldpf.models.base import Classifier

log = logging.getLogger("ldpf")


def train(
    data: Images | ListedImages,
    out: str | Path,
    *,
    backbone: AnyBackbone | None = None,
    method: str | Method = "ldpf",
    n_domains: int | str = N_DOMAINS,
    tau: float | None = None,
    recipe: str | None = None,
    preset: str = "default",
    settings: Mapping[str, Any] | None = None,
    search: Sequence[str] = (),
    trials: int | None = None,
    selection: str = SELECTION,
    train_fraction: float = 0.8,
    seed: int = 0,
    track: str | Path | None = None,
    fail_on_leaks: bool = False,
    advice: bool = True,
    overwrite: bool = False,
    device: str = "auto",
    command: str | None = None,
) -> Training:
    """Train a classifier on labeled images and keep it in a folder.

    Domains need not be known. Known ones are only compared with the discovered ones, unless the
    method needs them. The same call resumes an interrupted training, and does nothing if the model
    is finished.

    Args:
        data: labeled images.
        out: folder for the model.
        backbone: frozen model to build on; None for `openai/clip-vit-base-patch16`, and "nano" for
            the demo set.
        method: a name in `ldpf.methods.METHODS`, or a method with its settings; then `recipe`,
            `preset`, `n_domains` and `tau` have no effect.
        n_domains: how many latent domains to look for, or the name of a rule that chooses, such as
            "auto".
        tau: temperature of the fusion weights: with a small value only the most similar latent
            domain counts, with a large value all count the same. None for the preset's own.
        recipe: "steady", "fast" or "paper"; None for the preset's own.
        preset: "default", or "paper" for the configuration of the paper.
        settings: other values by dotted name, as in `{"recipe.learning_rate": 0.01}`; they override
            the arguments above.
        search: settings to choose from several values, such as "tau=0.1,0.3".
        trials: combinations to try; None for every one.
        selection: what `search` chooses by; see `ldpf.experiments.selection`.
        train_fraction: share of the images to learn from; the others choose the best prompts.
        seed: another number gives another random start.
        track: folder for curves that TensorBoard shows.
        fail_on_leaks: stop before the training if held-out images are also training images, or if
            images are in two classes. Otherwise the log warns of them.
        advice: compare the model with simple methods on the same images, to recommend one.
        overwrite: replace a model in `out` that was trained with other data or settings.
        device: "auto", "cpu" or "cuda".
        command: stored in the model's provenance as the command that made it.

    Raises:
        SettingsError: an impossible setting, or `out` is in the folder of the images.
        DataError: the images cannot be used; or there are leaks, with `fail_on_leaks`.
        ModelError: `out` holds other files, or a model of other data or settings.
    """
    folder = full_path(out, named("out"))
    learner = method_of(method, recipe, n_domains, tau, settings, preset)
    space = search_space(search, trials, selection, learner)
    if space is not None:
        space.check_unset(settings or {})
    check_outputs(data, folders={"out": folder, "track": track})
    early = {
        "method": part_settings(learner),
        "train_fraction": train_fraction,
        "seed": seed,
    }
    with locked_folder(folder, repair=finish_interrupted_save):
        check_model_folder(folder)
        if not overwrite:
            check_same_model(folder, early)
        tracker = None if track is None else Tracker(track)
        images = list_images(data)
        dataset = images.dataset
        require_trainable(dataset)
        # Refused here rather than after the encoding.
        dataset.split(train_fraction, seed=seed)
        frozen = images.open_backbone(_lasting_name(backbone), device)
        style = any_needs_style(learner, space, seed)
        features = images.encode(frozen, style=style).features
        learn, validation, test = features.split(train_fraction, seed=seed)
        log.info(
            "learning from %s, choosing on %s held out",
            count(len(learn), "image"),
            f"{len(validation):,}",
        )
        shares = learn.split_words(validation.joined(test))
        if shares is not None:
            log.info("%s", shares)
        hint_at_bursts(features)
        leaks = report_leaks(check_split(learn, (validation, test)), fail=fail_on_leaks)
        grouped = groups_described(features, images.source.group_by)
        judged = validation if len(validation) else learn
        baseline = _accuracy(make_method("zero-shot").fit(learn, validation, frozen), judged)
        run = {
            "library_version": __version__,
            "result_version": RESULT_VERSION,
            "data_digest": features.digest(),
            "fingerprint": frozen.fingerprint,
            **early,
            **grouped,
        }
        provenance = {
            **training_provenance(
                dataset.name,
                learner,
                learn,
                validation,
                seed=seed,
                train_fraction=train_fraction,
                test=test,
                domain_names=None if features.domains is None else features.domain_names,
            ),
            "zero_shot_validation_accuracy": baseline,
            "data_digest": features.digest(),
            "command": command,
            SOURCE: source_record(images.source),
            **grouped,
        }
        choose = None
        if space is not None:
            described = {**space.described(), "selection": selection}
            by_rule = {**described, **get_selection(selection).described()}
            run, provenance = {**run, "search": described}, {**provenance, "search": by_rule}
            choose = chooser(space, selection, learner, learn, validation, frozen, seed)
        classifier = train_into(
            folder,
            learner,
            learn,
            validation,
            frozen,
            seed,
            run,
            provenance,
            tracker,
            choose,
            advice=advice,
            overwrite=overwrite,
        )
        write_seen_images(folder / TRAINING / SEEN_IMAGES, learn.joined(validation))
        kept = read_config(folder)["provenance"]
        return Training(
            model=folder,
            classifier=classifier,
            backbone=frozen,
            features=features,
            train=learn,
            validation=validation,
            accuracy=_accuracy(classifier, judged),
            zero_shot_accuracy=baseline,
            provenance=kept,
            leaks=leaks,
            shares=shares,
            findings=quick_findings(folder, classifier, frozen, learn, validation, kept, leaks),
        )


def method_of(
    method: str | Method = "ldpf",
    recipe: str | None = None,
    n_domains: int | str = N_DOMAINS,
    tau: float | None = None,
    settings: Mapping[str, Any] | None = None,
    preset: str = "default",
) -> Method:
    """The method that the arguments of `train` describe, which see.

    Raises:
        SettingsError: one of them cannot be.
    """
    settings = settings or {}
    if isinstance(method, Method):
        return _with_all(method, settings)
    way = None if recipe is None else get_recipe(recipe)
    made = make_method(method, way, n_domains, preset=get_preset(preset))
    asked = {} if tau is None else {"tau": tau}
    usual = with_settings(made, applicable(made, asked))
    # A rule that `settings` choose takes the temperature as well.
    return _with_all(usual, {**applicable(with_parts(usual, settings), asked), **settings})


def any_needs_style(learner: Method, space: SearchSpace | None, seed: int) -> bool:
    """Whether a method, or a candidate of its search, needs style statistics."""
    candidates = [] if space is None else space.candidates(learner, seed=seed)
    return any(
        one.needs_style for one in (learner, *(with_settings(learner, c) for c in candidates))
    )


def _with_all(method: Method, settings: Mapping[str, Any]) -> Method:
    """A copy of `method` with `settings`; raises SettingsError where it has no such setting."""
    known = known_names(with_parts(method, settings))
    if unknown := [name for name in settings if name not in known]:
        near = did_you_mean(unknown[0], known)
        raise SettingsError(
            f"{method.name} has no setting {quoted(unknown[0])}.{near} There are "
            f"{', '.join(known)}."
        )
    return with_settings(method, settings)


def _accuracy(classifier: Classifier, features: FeatureSet) -> float:
    return accuracy(logits_in_batches(classifier, features).argmax(dim=1), features.labels)


def _lasting_name(backbone: AnyBackbone | None) -> AnyBackbone | None:
    """A folder's full path, so that the model finds it again from everywhere."""
    if not isinstance(backbone, str | Path) or backbone in BUNDLED:
        return backbone
    folder = full_path(backbone, "backbone")
    return str(folder.resolve()) if folder.is_dir() else backbone
