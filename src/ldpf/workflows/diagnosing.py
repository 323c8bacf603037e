"""What is wrong with a model or its data: the work of `ldpf diagnose`."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ldpf.doctor import SIGNS, Case, Finding, Status, examine
from ldpf.doctor.base import ordered_signs
from ldpf.errors import DataError, LdpfError, SettingsError
from ldpf.experiments.recreate import is_of_benchmark, is_training_data, split_as_trained
from ldpf.models.saving import read_config
from ldpf.utils.paths import full_path, missing_path_error
from ldpf.utils.ways import named
from ldpf.workflows.inputs import (
    AnyBackbone,
    Images,
    ListedImages,
    TrainedModel,
    list_images,
    load_trained,
)
from ldpf.workflows.photos import ListedPhotos, list_photos
from ldpf.workflows.source import DataSource

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.features.feature_set import FeatureSet
    from ldpf.inspection.leaks import LeakReport
    from ldpf.models.base import Classifier

log = logging.getLogger("ldpf")

SOURCE = "data_source"
"""Where a model's provenance keeps how its training images were read."""

MOST_AFTER_TRAINING = 3000
"""Images that signs which take long look at after a training, to end it soon."""


@dataclass(frozen=True)
class Diagnosis:
    """What every sign says of a model.

    Attributes:
        model: its folder.
        findings: the serious ones first, then notices, what is fine, what was not measured.
        n_train, n_held_out, n_photos: images that were looked at.
        labeled: whether the labels of the new images are known.
    """

    model: Path
    findings: tuple[Finding, ...]
    n_train: int
    n_held_out: int
    n_photos: int
    labeled: bool

    def of(self, status: Status) -> list[Finding]:
        """The findings of one status."""
        return [one for one in self.findings if one.status is status]

    @property
    def serious(self) -> bool:
        """Whether anything serious was found."""
        return bool(self.of(Status.SERIOUS))

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "model": str(self.model),
            "serious": self.serious,
            "n_train": self.n_train,
            "n_held_out": self.n_held_out,
            "n_new": self.n_photos,
            "labeled": self.labeled,
            "signs": [one.to_json() for one in self.findings],
        }


def diagnose(
    model: str | Path,
    data: Images | None = None,
    *,
    training: Images | None = None,
    signs: Iterable[str] | None = None,
    backbone: AnyBackbone | None = None,
    cache_dir: Path | None = None,
    device: str = "auto",
) -> Diagnosis:
    """Measure every sign that something is wrong with a model or its images.

    What a sign needs and is not there is said in its finding, and the others are measured.

    Args:
        model: a model folder.
        data: images of a new site, with or without labels. The model's own training images count
            as such.
        training: the images that the model was trained on; None for where they were then, if they
            are still there.
        signs: names in `ldpf.doctor.SIGNS`; None for all.
        backbone: where the backbone lies now; None for where it was during training.
        cache_dir: where features of the training images are kept; None for the usual place.
        device: "auto", "cpu" or "cuda".

    Raises:
        SettingsError: there is no such sign.
        DataError: images that cannot be used, or `training` holds others than the model's.
        ModelError: the folder holds no model, or another backbone than its own is given.
    """
    chosen = None if signs is None else list(signs)
    for name in chosen or ():
        if name not in SIGNS:
            raise SettingsError(SIGNS.unknown(name))
    folder = Path(model)
    names = read_config(folder)["class_names"]
    photos = None if data is None else list_photos(data, names, folder)
    source = _training_source(training, folder, cache_dir)
    trained = load_trained(folder, backbone, device)
    case = _case(trained, photos, source, asked=training is not None)
    return Diagnosis(
        model=folder,
        findings=tuple(examine(case, chosen)),
        n_train=0 if case.train is None else len(case.train),
        n_held_out=0 if case.held_out is None else len(case.held_out),
        n_photos=0 if case.photos is None else len(case.photos),
        labeled=case.labeled,
    )


def quick_findings(
    folder: Path,
    classifier: Classifier,
    backbone: Backbone,
    train: FeatureSet,
    held_out: FeatureSet,
    origin: Mapping[str, Any],
    leaks: LeakReport,
) -> tuple[Finding, ...]:
    """What the signs that cost little say of a model right after its training.

    Args:
        folder: of the model.
        classifier, backbone: the model.
        train, held_out: images it learned from, and those held out, perhaps none.
        origin: its provenance.
        leaks: what `check_split` found before the training.
    """
    case = Case(
        classifier=classifier,
        backbone=backbone,
        train=train,
        held_out=held_out,
        settings=origin["method_settings"],
        recorded=origin.get("latent_domains") or {},
        seed=origin["seed"],
        leaks=leaks,
        most_images=MOST_AFTER_TRAINING,
        model_path=shlex.quote(str(folder)),
        training_path=shlex.quote(origin[SOURCE]["source"]),
    )
    return tuple(examine(case, ordered_signs(quick_only=True)))


def report_findings(trained: TrainedModel, images: ListedImages) -> tuple[Finding, ...]:
    """What the signs say of a model for its report, without those that train another one.

    Args:
        trained: the model.
        images: labeled ones of its classes; perhaps those it was trained on.
    """
    source = _training_source(None, trained.folder, images.source.cache_dir)
    case = _case(trained, ListedPhotos(images, labeled=True), source, asked=False)
    names = [name for name in ordered_signs() if not SIGNS.facts(name).get("trains", False)]
    return tuple(examine(case, names))


def source_record(source: DataSource) -> dict[str, Any]:
    """How images were read, for a model's provenance: what `DataSource` takes."""
    given = source.source
    place = given if given == "demo" else str(full_path(given).absolute())
    names = source.class_names
    return {
        "source": place,
        "layout": source.layout,
        "class_names": None if names is None else str(full_path(names).absolute()),
        "benchmark": source.benchmark,
        "skip_bad": source.skip_bad,
        "group_by": source.group_by,
        "columns": source.columns,
        "margin": source.margin,
    }


def _recorded(origin: Mapping[str, Any]) -> DataSource | None:
    """How the training images were read; None where the model does not say."""
    record = origin.get(SOURCE)
    if not record:
        return None
    # A later version may record more.
    known = {field.name for field in fields(DataSource)}
    record = {name: value for name, value in record.items() if name in known}
    names = record.get("class_names")
    return DataSource(**{**record, "class_names": None if names is None else Path(names)})


def _training_source(
    training: Images | None, folder: Path, cache_dir: Path | None
) -> Images | None:
    """The training images, read as in training unless it is said otherwise; None where unknown.

    Raises:
        DataError: they were given, and there is no such path.
    """
    recorded = _recorded(read_config(folder).get("provenance", {}))
    if recorded is not None:
        recorded = replace(recorded, cache_dir=cache_dir)
    if training is None:
        return recorded
    if not isinstance(training, str | Path):
        return training
    if training != "demo" and not full_path(training).exists():
        raise missing_path_error(Path(training))
    return (
        DataSource(training, cache_dir=cache_dir)
        if recorded is None
        else replace(recorded, source=training)
    )


def _case(
    trained: TrainedModel, photos: ListedPhotos | None, training: Images | None, *, asked: bool
) -> Case:
    """What there is to look at; images that were not asked for may be missing."""
    origin = trained.config.get("provenance", {})
    case = Case(
        classifier=trained.classifier,
        backbone=trained.backbone,
        settings=origin.get("method_settings", {}),
        recorded=origin.get("latent_domains") or trained.classifier.training.get("domains") or {},
        seed=origin.get("seed", 0),
        model_path=shlex.quote(str(trained.folder)),
    )
    if photos is not None:
        features = photos.encode(trained.backbone, trained.classifier.class_names)
        source = photos.images.source
        if photos.labeled and is_training_data(features, origin):
            log.info("these are the images the model was trained on")
            return _split(case, source, trained)
        place = shlex.quote(str(source.source))
        case = replace(case, photos=features, labeled=photos.labeled, photos_path=place)
    if training is None:
        return case
    if asked:
        return _split(case, training, trained)
    assert isinstance(training, DataSource)
    place = str(training.source)
    case = replace(case, training_path=shlex.quote(place))
    if place != "demo" and not Path(place).exists():
        reason = f"the training images are no longer in {place}: give their place with "
        reason += named("training")
        return replace(case, why_no_training=reason)
    try:
        return _split(case, training, trained)
    except LdpfError as error:
        return replace(case, why_no_training=f"the training images cannot be used: {error}")


def _split(case: Case, training: Images, trained: TrainedModel) -> Case:
    """Divide the training images as training did.

    Raises:
        DataError: they are others.
    """
    origin = trained.config.get("provenance", {})
    images = list_images(training)
    source = str(images.source.source)
    features = images.encode(trained.backbone).features
    as_then = is_training_data(features, origin)
    learned, parts = features, None
    if is_of_benchmark(origin):  # which domains it learned from says the protocol
        features = features.with_classes_of(trained.classifier.class_names)
        parts = split_as_trained(features, origin)
        learned = parts[0].joined(parts[1])
        if case.photos is None and len(parts[2]):  # as the benchmark has measured it
            case = replace(case, photos=parts[2], labeled=True, photos_path=shlex.quote(source))
    counts = torch.bincount(learned.labels, minlength=len(learned.class_names)).tolist()
    here = {name: n for name, n in zip(learned.class_names, counts, strict=True) if n}
    then = {name: n for name, n in origin.get("class_counts", {}).items() if n}
    if here != then:
        raise DataError(
            f"The {len(learned):,} images in {source!r} are not the {origin.get('n_images', 0):,} "
            f"that the model in {str(trained.folder)!r} was trained on: {_difference(here, then)}. "
            f"Give those with {named('training')}, read with the same {named('class_names')}."
        )
    if not as_then:
        log.warning(
            "the image features in %s are not bit for bit those of the training; the images may "
            "have changed, or were encoded on another device",
            source,
        )
    if parts is None:
        features = features.with_classes_of(trained.classifier.class_names)
        parts = split_as_trained(features, origin)
    learn, held_out, _ = parts
    return replace(case, train=learn, held_out=held_out, training_path=shlex.quote(source))


def _difference(here: Mapping[str, int], then: Mapping[str, int]) -> str:
    name = next(name for name in {**then, **here} if here.get(name, 0) != then.get(name, 0))
    return f"{here.get(name, 0):,} of the class {name!r} instead of {then.get(name, 0):,}"
