"""The dataset: which files, which class each, and, where somebody wrote it down, which domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ldpf.data.boxes import split_box
from ldpf.data.images import MAX_PIXELS, BadImage, bad_images_message, check_images
from ldpf.data.reading_names import refuse_twins
from ldpf.data.splits import make_split
from ldpf.errors import DataError
from ldpf.utils.progress import progress_bar

SPLIT_NAMES = ("train", "val", "test")


@dataclass(frozen=True, eq=False)
class ImageDataset:
    """Image files with class ids and, where known, domain ids. Nothing is decoded here.

    Attributes:
        name: The name of the folder or manifest, shown in tables.
        root: The folder relative paths start from.
        paths: N paths relative to `root`, with ``/``; absolute where a file lies outside `root`.
            If an image is a part of a picture, its box follows the path; see `ldpf.data.boxes`.
        labels: [N] int64, class ids into `class_names`.
        class_names: Readable names, in the order of their folder names.
        domains: [N] int64, domain ids into `domain_names`; None where domains are unknown.
        domain_names: As the folders or the manifest spell them; empty where domains are unknown.
        splits: [N] strings ``train``, ``val`` or ``test`` from a manifest, else None.
        groups: [N] names of groups that must stay on one side of a split, such as bursts or
            patients, see `ldpf.data.groups`; None without groups.
        skipped: Files left out because they cannot be used, with reasons.
        walked: The folder that was walked for images, so that no result is written into it; None
            for a manifest and other lists.

    Raises:
        DataError: The arrays are inconsistent, or a path occurs twice.
    """

    name: str
    root: Path
    paths: tuple[str, ...]
    labels: np.ndarray
    class_names: tuple[str, ...]
    domains: np.ndarray | None = None
    domain_names: tuple[str, ...] = ()
    splits: np.ndarray | None = None
    groups: np.ndarray | None = None
    skipped: tuple[BadImage, ...] = ()
    walked: Path | None = None

    def __post_init__(self) -> None:
        for field in ("labels", "domains", "splits", "groups"):
            values = getattr(self, field)
            if values is not None and values.shape != (len(self.paths),):
                raise DataError(
                    f"the dataset {self.name!r} has {len(self.paths):,} paths but {field} of shape "
                    f"{values.shape}; give one entry for each path"
                )
        _check_ids(self.name, "labels", self.labels, "class_names", self.class_names)
        refuse_twins(
            self.class_names,
            range(len(self.class_names)),
            "class",
            "give them different class_names",
        )
        if self.domains is not None:
            _check_ids(self.name, "domains", self.domains, "domain_names", self.domain_names)
        if len(set(self.paths)) < len(self.paths):
            seen: set[str] = set()
            twice = next(path for path in self.paths if path in seen or seen.add(path))
            raise DataError(f"the dataset {self.name!r} lists {twice} twice; list each file once")

    def __len__(self) -> int:
        return len(self.paths)

    def file(self, index: int) -> Path:
        """The full path of one image's file."""
        return self.root / split_box(self.paths[index])[0]  # an absolute path replaces the root

    def picture(self, index: int) -> Path:
        """The full path of one image, followed by its box if it has one: what is encoded."""
        return self.root / self.paths[index]

    def subset(self, indices: Sequence[int] | np.ndarray) -> ImageDataset:
        """The images at `indices` (integers, or a mask of N booleans), in that order.

        Class and domain names stay whole, so that ids keep their meaning.
        """
        picked = np.arange(len(self))[np.asarray(indices)] if len(indices) else np.empty(0, int)
        return replace(
            self,
            paths=tuple(self.paths[i] for i in picked),
            labels=self.labels[picked],
            domains=None if self.domains is None else self.domains[picked],
            splits=None if self.splits is None else self.splits[picked],
            groups=None if self.groups is None else self.groups[picked],
        )

    def split(
        self, train_fraction: float = 0.8, *, seed: int
    ) -> tuple[ImageDataset, ImageDataset, ImageDataset]:
        """Training, validation and test images; `FeatureSet.split` gives the same.

        Raises:
            DataError, SettingsError: As `ldpf.data.splits.make_split` does.
        """
        rows = make_split(
            self.splits,
            self.labels,
            self.domains,
            groups=self.groups,
            paths=self.paths,
            train_fraction=train_fraction,
            seed=seed,
        )
        return self.subset(rows.train), self.subset(rows.validation), self.subset(rows.test)

    def without(self, bad: Sequence[BadImage]) -> ImageDataset:
        """The dataset without the files named in `bad`, which are recorded in `skipped`."""
        if not bad:
            return self
        names = {one.path for one in bad}
        keep = np.fromiter((path not in names for path in self.paths), bool, len(self))
        return replace(self.subset(keep), skipped=(*self.skipped, *bad))

    def counts(self) -> np.ndarray:
        """Images per domain and class, [domains (1 where unknown), K] int64."""
        rows = max(1, len(self.domain_names)) if self.domains is not None else 1
        counts = np.zeros((rows, len(self.class_names)), dtype=np.int64)
        domains = np.zeros_like(self.labels) if self.domains is None else self.domains
        np.add.at(counts, (domains, self.labels), 1)  # type: ignore[arg-type]  # NumPy's stub
        return counts


def check_dataset(
    dataset: ImageDataset,
    *,
    skip_bad: bool = False,
    workers: int | None = None,
    progress: bool = True,
    max_pixels: int = MAX_PIXELS,
) -> ImageDataset:
    """Decode every image once and return the dataset, or the dataset without the bad ones.

    `extract_features` needs no check before it: it finds bad files while it encodes.

    Args:
        dataset: What to check.
        skip_bad: Leave bad files out and record them in `skipped`, instead of stopping.
        workers, max_pixels: As in `check_images`.
        progress: Show a progress bar on stderr.

    Raises:
        DataError: There are bad files and `skip_bad` is False: one message listing them.
    """
    files = [dataset.file(i) for i in range(len(dataset))]
    with progress_bar("checking images", len(files), enabled=progress) as advance:
        found = check_images(files, workers, max_pixels=max_pixels, on_done=advance)
    relative = dict(zip(map(str, files), dataset.paths, strict=True))
    bad = [BadImage(relative[one.path], one.reason) for one in found]
    if bad and not skip_bad:
        raise DataError(bad_images_message(bad, len(dataset), dataset.root))
    return dataset.without(bad)


def require_trainable(data: Any) -> None:
    """Refuse to train a classifier on fewer than two classes.

    Loading such a dataset is fine (to predict, or to encode); training on it is not.

    Args:
        data: An `ImageDataset` or a `FeatureSet`: anything with `labels` [N] and `class_names`.

    Raises:
        DataError: Fewer than two classes have images.
    """
    present = [data.class_names[k] for k in np.unique(np.asarray(data.labels))]
    if len(present) < 2:
        seen = f"only {present[0]!r}" if present else "none"
        raise DataError(
            f"a classifier needs images of at least two classes, and these "
            f"{len(data.labels):,} images have {seen}; add a folder for each further class"
        )


def _check_ids(
    dataset: str, field: str, ids: np.ndarray, names_field: str, names: tuple[str, ...]
) -> None:
    if len(ids) and (ids.min() < 0 or ids.max() >= len(names)):
        raise DataError(
            f"the dataset {dataset!r} has {field} from {ids.min()} to {ids.max()} but "
            f"{len(names)} {names_field}; ids must lie between 0 and {len(names) - 1}"
        )
