"""What is odd about a set of images, before anything is trained: the work of `ldpf data check`."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ldpf.data import EmbeddedImages, ImageDataset
from ldpf.data.images import BadImage
from ldpf.data.survey import FileFacts, copies, survey_files
from ldpf.doctor.base import NotMeasured
from ldpf.doctor.signs.label_errors import cross_validated, suspects
from ldpf.errors import DataError
from ldpf.features.duplicates import duplicate_distances, nearest_duplicate
from ldpf.inspection.leaks import NO_LEAKS, TARGET, LeakReport, check_split, find_leak
from ldpf.utils.locks import locked_file
from ldpf.utils.paths import full_path, missing_path_error
from ldpf.utils.progress import progress_bar
from ldpf.utils.ways import named
from ldpf.workflows.data_check_sheet import write_sheet
from ldpf.workflows.inputs import AnyBackbone, Images, ListedImages, list_images
from ldpf.workflows.outputs import check_outputs
from ldpf.workflows.photos import list_unlabeled
from ldpf.workflows.source import DataSource

if TYPE_CHECKING:
    from ldpf.features.feature_set import FeatureSet

log = logging.getLogger("ldpf")

MORE_PROBABLE = 1.5
"""A label is suspicious if another class is so many times as probable, to a probe that never saw
the image. Below, images are hard to tell rather than labeled wrong."""


@dataclass(frozen=True)
class ByFeatures:
    """What only the features of a backbone tell.

    Attributes:
        backbone: its name.
        near_copies: pairs of paths that are nearly the same picture and not the same file, with the
            cosine of their features, the nearest first.
        leaks: between the splits that a training would use, between domains, and between classes.
        suspects: paths whose label is probably wrong, the least likely label first.
        suspect_lines: a line for each of them.
        not_measured: why there are no suspects; empty where they were looked for.
    """

    backbone: str
    near_copies: tuple[tuple[str, str, float], ...]
    leaks: LeakReport
    suspects: tuple[str, ...]
    suspect_lines: tuple[str, ...]
    not_measured: str = ""


@dataclass(frozen=True)
class DataCheck:
    """What is odd about a set of images.

    Attributes:
        dataset: what was checked.
        facts: of every file, in its order; paths as in the dataset.
        no_labels: why labels were not read; empty where they were.
        copies: groups of the same file, as places in `facts`.
        features: what a backbone tells; None where none was asked.
        sheet: the contact sheet of oddities; None where there are none.
    """

    dataset: ImageDataset
    facts: tuple[FileFacts, ...]
    no_labels: str = ""
    copies: tuple[tuple[int, ...], ...] = ()
    features: ByFeatures | None = None
    sheet: Path | None = None

    @property
    def bad(self) -> list[FileFacts]:
        """Files that cannot be used, those that a manifest names and that are not there first."""
        missing = [FileFacts(one.path, error=one.reason) for one in self.dataset.skipped]
        return [*missing, *(one for one in self.facts if one.error is not None)]

    @property
    def blank(self) -> list[FileFacts]:
        """Pictures that show nothing."""
        return [one for one in self.facts if one.blank is not None]

    @property
    def dark(self) -> list[FileFacts]:
        """Pictures that are nearly black."""
        return [one for one in self.facts if one.dark]

    @property
    def small(self) -> list[FileFacts]:
        """Pictures with a very short side."""
        return [one for one in self.facts if one.small]

    @property
    def other_ending(self) -> list[FileFacts]:
        """Files whose ending says another format than their content."""
        return [one for one in self.facts if one.other_ending]

    @property
    def sizes(self) -> Counter[str]:
        """How many pictures have each size."""
        return Counter(f"{one.width} x {one.height}" for one in self.facts if one.error is None)

    @property
    def formats(self) -> Counter[str]:
        """How many pictures have each format and mode."""
        return Counter(f"{one.format} {one.mode}" for one in self.facts if one.error is None)

    @property
    def under_two_classes(self) -> list[tuple[int, ...]]:
        """Groups of the same file that have several labels."""
        labels = self.dataset.labels
        return [group for group in self.copies if len({int(labels[i]) for i in group}) > 1]

    @property
    def is_serious(self) -> bool:
        """Whether something must be mended before training.

        A file that cannot be read, a blank picture, a file under two classes, or one among the
        training images and among the held-out ones.
        """
        found = () if self.features is None else self.features.leaks.leaks
        same_file = any(leak.same_files for leak in found)
        return bool(self.bad or self.blank or self.under_two_classes or same_file)

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        data = self.dataset
        domains = data.domain_names or ("all",)
        counts = {
            domain: dict(zip(data.class_names, row, strict=True))
            for domain, row in zip(domains, data.counts().tolist(), strict=True)
        }
        found = self.features
        return {
            "data": str(data.root),
            "images": len(data),
            "no_labels": self.no_labels,
            "counts": counts,
            "sizes": dict(self.sizes.most_common()),
            "formats": dict(self.formats.most_common()),
            "bytes": sum(one.size_bytes for one in self.facts),
            "unreadable": [{"path": one.path, "reason": one.error} for one in self.bad],
            "blank": [{"path": one.path, "reason": one.blank} for one in self.blank],
            "dark": [one.path for one in self.dark],
            "small": [one.path for one in self.small],
            "other_ending": [{"path": p.path, "format": p.format} for p in self.other_ending],
            "copies": [[self.facts[i].path for i in group] for group in self.copies],
            "under_two_classes": [
                [self.facts[i].path for i in group] for group in self.under_two_classes
            ],
            "features": None
            if found is None
            else {
                "backbone": found.backbone,
                "near_copies": [list(pair) for pair in found.near_copies],
                "leaks": found.leaks.to_json(),
                "suspicious_labels": list(found.suspect_lines),
                "suspicious_labels_not_measured": found.not_measured,
            },
            "sheet": None if self.sheet is None else str(self.sheet),
            "serious": self.is_serious,
        }


def check_data(
    data: Images,
    *,
    backbone: AnyBackbone | None = None,
    out: str | Path | None = None,
    device: str = "auto",
) -> DataCheck:
    """Look for what is odd about a set of images, before anything is trained.

    Args:
        data: labeled images; or images without labels, of which less can be said.
        backbone: finds nearly the same pictures, leaks between splits and suspicious labels; None
            for what needs no model.
        out: PNG file for a contact sheet of oddities; none is written where nothing is odd.
        device: "auto", "cpu" or "cuda", for the backbone.

    Raises:
        DataError: there are no images, or these are embeddings.
        SettingsError: `out` lies in the folder of the images.
        BackboneError: the backbone cannot be loaded.
    """
    check_outputs(data, files={"out": out})
    images, no_labels = _listed(data)
    dataset = images.dataset
    if isinstance(dataset, EmbeddedImages):
        raise DataError(
            f"{images.source.source!r} holds embeddings; there are no image files to check"
        )
    frozen = None if backbone is None else images.open_backbone(backbone, device)
    files = [dataset.picture(i) for i in range(len(dataset))]
    enabled = log.isEnabledFor(logging.INFO)
    with progress_bar("reading images", len(files), enabled=enabled) as advance:
        facts = survey_files(files, on_done=advance)
    facts = [replace(one, path=path) for one, path in zip(facts, dataset.paths, strict=True)]
    result = DataCheck(dataset, tuple(facts), no_labels, tuple(map(tuple, copies(facts))))
    bad = [BadImage(one.path, one.error) for one in facts if one.error is not None]
    if frozen is not None and len(bad) < len(facts):
        good = ListedImages(dataset.without(bad), images.source)
        features = good.encode(frozen).features
        result = replace(
            result, features=_by_features(features, frozen.name, labeled=not no_labels)
        )
    if out is None:
        return result
    file = full_path(out, named("out"))
    with locked_file(file):  # makes its folder, too
        return replace(result, sheet=write_sheet(result, file))


def _listed(data: Images) -> tuple[ListedImages, str]:
    """The images, and why their labels were not read."""
    if isinstance(data, ImageDataset):
        return list_images(data), ""
    # Files of a manifest that are not there are a finding here, and stop nothing.
    source = replace(data if isinstance(data, DataSource) else DataSource(data), skip_bad=True)
    try:
        return list_images(source), ""
    except DataError as error:
        path = Path(source.source).expanduser()
        if not path.exists():
            raise missing_path_error(path) from error
        if not path.is_dir():
            raise
        return list_unlabeled(source), str(error)


def _by_features(features: FeatureSet, name: str, *, labeled: bool) -> ByFeatures:
    near = _near_copies(features)
    if not labeled:
        return ByFeatures(name, near, NO_LEAKS, (), (), "the labels are not known")
    groups = torch.zeros_like(features.labels) if features.domains is None else features.domains
    try:
        probabilities = cross_validated(
            features.features, features.labels, groups, seed=0, together=features.groups
        )
    except NotMeasured as error:
        return ByFeatures(name, near, _leaks(features), (), (), str(error))
    rows, lines = suspects(features, probabilities)
    own = probabilities.gather(1, features.labels[:, None])[:, 0]
    sure = (probabilities.max(dim=1).values >= MORE_PROBABLE * own).tolist()
    kept = [(features.paths[i], line) for i, line in zip(rows, lines, strict=True) if sure[i]]
    paths, lines = tuple(path for path, _ in kept), tuple(line for _, line in kept)
    return ByFeatures(name, near, _leaks(features), paths, lines)


def _near_copies(features: FeatureSet) -> tuple[tuple[str, str, float], ...]:
    """Pairs of nearly the same picture, each once, without those of the same file."""
    f = features.features
    ids = torch.arange(len(f))
    match, cosines = nearest_duplicate(f, f, duplicate_distances(f, f), query_ids=ids, pool_ids=ids)
    pairs: dict[tuple[int, int], float] = {}
    for row in (match >= 0).nonzero()[:, 0].tolist():
        other = int(match[row])
        if not _same_file(features, row, other):
            pairs.setdefault((min(row, other), max(row, other)), min(float(cosines[row]), 1.0))
    nearest = sorted(pairs.items(), key=lambda item: -item[1])
    return tuple((features.paths[a], features.paths[b], cosine) for (a, b), cosine in nearest)


def _same_file(features: FeatureSet, one: int, other: int) -> bool:
    if features.contents is None or not features.contents[one].any():
        return False
    return bool(np.array_equal(features.contents[one], features.contents[other]))


def _leaks(features: FeatureSet) -> LeakReport:
    """Between the splits of a training with seed 0, between domains, and between classes."""
    try:
        train, validation, test = features.split(seed=0)
    except DataError:  # too few images to be split; a training says so
        train, validation, test = features, None, None
    report = check_split(train, [part for part in (validation, test) if part is not None])
    leaks = list(report.leaks)
    if features.domains is not None:
        for d, domain in enumerate(features.domain_names):
            inside = features.domains == d
            if inside.any() and not inside.all():
                part, rest = features.subset(inside), features.subset(~inside)
                leaks.append(find_leak(part, rest, TARGET, f"domain {domain}"))
    return LeakReport(tuple(leaks))
