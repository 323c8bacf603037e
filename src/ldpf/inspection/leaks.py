"""Leaks: images that are on both sides of a comparison, or under two classes.

A copy of a training image among the held-out ones is answered by heart, so the accuracy on them is
too high for new images. Copies are found by the content of files and by features, see
`ldpf.features.duplicates`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ldpf.errors import DataError
from ldpf.features.duplicates import duplicate_distances, nearest_duplicate, same_content
from ldpf.utils.text import count
from ldpf.utils.ways import named

if TYPE_CHECKING:
    from torch import Tensor

    from ldpf.features.feature_set import FeatureSet

EXAMPLES = 3
"""Pairs that a sentence names."""


@dataclass(frozen=True)
class LeakKind:
    """What two sides are compared, in words.

    Attributes:
        name: in JSON.
        of: an image that is asked about.
        are: what it is if it leaks, after "are".
        advice: what to do, as a sentence; `GROUP_BY` in it stands for that setting.
    """

    name: str
    of: str
    are: str
    advice: str


HELD_OUT = LeakKind(
    "held_out",
    "held-out image",
    "also among the training images",
    "Accuracy on held-out images is too high for new ones. Delete the copies, or keep each with "
    "its original: in a column 'group' of the table, or with GROUP_BY.",
)
TARGET = LeakKind(
    "target",
    "test image",
    "also among the training images",
    "Accuracy there is too high. Delete the copies.",
)
SEEN = LeakKind(
    "seen",
    "image",
    "also among those that the model was trained on",
    "The accuracy on new images will be lower. Measure on other images.",
)
CLASSES = LeakKind(
    "classes",
    "image",
    "also under another class",
    "One of the two labels is wrong, or the picture shows both. Correct the label or delete the "
    "picture.",
)


@dataclass(frozen=True)
class LeakedImage:
    """An image and its copy.

    Attributes:
        path, copy: of the two.
        label, copy_label: names of their classes.
        cosine: of their features; None where the files are the same.
    """

    path: str
    copy: str
    label: str
    copy_label: str
    cosine: float | None

    @property
    def words(self) -> str:
        """The pair in words."""
        how = "the same file" if self.cosine is None else f"cosine {self.cosine:.4f}"
        one, other = self.path, self.copy
        if self.label != self.copy_label:
            one, other = f"{one} ({self.label})", f"{other} ({self.copy_label})"
        return f"{one} and {other} ({how})"


@dataclass(frozen=True)
class Leak:
    """Images of one side that are also on the other.

    Attributes:
        kind: what was compared.
        asked: how many images were asked about.
        images: those that leak, the same files first, then by cosine.
        where: which comparison, such as "target sketch"; empty where there is one.
    """

    kind: LeakKind
    asked: int
    images: tuple[LeakedImage, ...]
    where: str = ""

    @property
    def same_files(self) -> int:
        """Images whose file is on the other side too."""
        return sum(image.cosine is None for image in self.images)

    @property
    def near_duplicates(self) -> int:
        """Images of which there is nearly the same on the other side."""
        return len(self.images) - self.same_files

    def sentence(self) -> str:
        """Counts, examples and what to do; says so where nothing leaks."""
        where = f"{self.where}: " if self.where else ""
        asked = count(self.asked, self.kind.of)
        if not self.images:
            return f"{where}none of {asked} is {self.kind.are}."
        verb = "is" if len(self.images) == 1 else "are"
        return (
            f"{where}{len(self.images):,} of {asked} {verb} {self.kind.are} "
            f"({self.same_files:,} the same file, {self.near_duplicates:,} nearly the same "
            f"picture): {'; '.join(image.words for image in self.images[:EXAMPLES])}."
        )

    def to_json(self) -> dict[str, Any]:
        """Counts and all pairs as plain values."""
        return {
            "kind": self.kind.name,
            "where": self.where,
            "asked": self.asked,
            "same_files": self.same_files,
            "near_duplicates": self.near_duplicates,
            "images": [vars(image) for image in self.images],
        }


@dataclass(frozen=True)
class LeakReport:
    """What a leak check found.

    Attributes:
        leaks: one for each comparison, also those without any image.
    """

    leaks: tuple[Leak, ...]

    @property
    def found(self) -> list[Leak]:
        """The comparisons with leaks."""
        return [leak for leak in self.leaks if leak.images]

    def __bool__(self) -> bool:
        return bool(self.found)

    def paragraph(self) -> str:
        """Counts, examples and what to do; empty where nothing leaks."""
        found = self.found
        parts = [leak.sentence() for leak in found]
        advice = dict.fromkeys(leak.kind.advice for leak in found)
        by = named("group_by")
        return " ".join(
            [
                *(part[0].upper() + part[1:] for part in parts),
                *(one.replace("GROUP_BY", by) for one in advice),
            ]
        )

    def to_json(self) -> list[dict[str, Any]]:
        """Every comparison as plain values."""
        return [leak.to_json() for leak in self.leaks]

    def refuse(self) -> None:
        """Raise DataError with the paragraph if anything leaks."""
        if self:
            raise DataError(f"{self.paragraph()} {go_on()}")


def go_on() -> str:
    """How to work on with what leaks, for who asked to fail on it."""
    return f"Leave {named('fail_on_leaks')} out to go on all the same."


NO_LEAKS = LeakReport(())
"""Of a check that compared nothing."""


def find_leak(
    asked: FeatureSet, others: FeatureSet, kind: LeakKind = HELD_OUT, where: str = ""
) -> Leak:
    """Images of one set that are also in the other.

    Args:
        asked, others: features of one backbone. Contents of files are compared where both have
            them.
        kind: what the two are, in words.
        where: which comparison, in words.
    """
    same = same_content(_contents(asked), _contents(others))
    near, cosines = nearest_duplicate(
        asked.features, others.features, duplicate_distances(asked.features, others.features)
    )
    return Leak(kind, len(asked), _images(asked, others, same, near, cosines), where)


def find_class_leak(data: FeatureSet) -> Leak:
    """Images that are in the data under another class too."""
    contents, labels = _contents(data), data.labels
    ids = labels.numpy()
    same = same_content(contents, contents, query_ids=ids, pool_ids=ids)
    near, cosines = nearest_duplicate(
        data.features,
        data.features,
        duplicate_distances(data.features, data.features),
        query_ids=labels,
        pool_ids=labels,
    )
    return Leak(CLASSES, len(data), _images(data, data, same, near, cosines))


def check_split(train: FeatureSet, held_out: Iterable[FeatureSet]) -> LeakReport:
    """The leak check before a training: held-out against training images, and between classes.

    Args:
        train: images to learn from.
        held_out: sets that are to be new to the model, such as validation and test.
    """
    whole, leaks = train, []
    for part in held_out:
        if len(part):
            leaks.append(find_leak(part, train))
            whole = whole.joined(part)
    return LeakReport((*leaks, find_class_leak(whole)))


def _contents(data: FeatureSet) -> Sequence[bytes | None]:
    if data.contents is None:
        return [None] * len(data)
    return [row.tobytes() if row.any() else None for row in data.contents]


def _images(
    asked: FeatureSet, others: FeatureSet, same: np.ndarray, near: Tensor, cosines: Tensor
) -> tuple[LeakedImage, ...]:
    """The leaking rows of `asked`, in the order of `Leak.images`."""

    def image(row: int, other: int, cosine: float | None) -> LeakedImage:
        return LeakedImage(
            asked.paths[row],
            others.paths[other],
            asked.class_names[int(asked.labels[row])],
            others.class_names[int(others.labels[other])],
            cosine,
        )

    files = [image(row, int(same[row]), None) for row in np.flatnonzero(same >= 0).tolist()]
    # Rounding carries the cosine of equal features above 1.
    rows = [row for row in torch.nonzero(near >= 0)[:, 0].tolist() if same[row] < 0]
    pictures = [image(row, int(near[row]), min(float(cosines[row]), 1.0)) for row in rows]
    pictures.sort(key=lambda one: -(one.cosine or 0.0))  # stable: equal ones in the data's order
    return (*files, *pictures)
