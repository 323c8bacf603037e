"""Reading class ids and domain ids off a tree of folders: `domain/class/image`, `class/image`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np

from ldpf.data.class_names import check_distinct
from ldpf.data.formats import image_endings
from ldpf.data.image_files import walk_folders
from ldpf.data.left_out import LeftOut
from ldpf.data.reading_names import reads_as
from ldpf.data.split_names import are_splits, split_folders
from ldpf.errors import DataError
from ldpf.utils.constraints import OneOf, check_value
from ldpf.utils.text import normalize, some

LAYOUTS = ("auto", "domain/class", "class")


@dataclass(frozen=True)
class Listing:
    """What a folder tree or a manifest says, before names are made readable.

    Attributes:
        paths: N relative paths (absolute outside the root).
        labels: [N] int64 into `classes`.
        classes: Class folder names or labels, normalized (NFC), sorted.
        domains: [N] int64 into `domain_names`, or None.
        domain_names: Normalized, sorted.
        empty: Folders without images that were left out.
        left_out: Files and folders that were left out, for folder trees.
        groups: [N] names of what must stay together, from a manifest, or None.
    """

    paths: tuple[str, ...]
    labels: np.ndarray
    classes: tuple[str, ...]
    domains: np.ndarray | None
    domain_names: tuple[str, ...]
    empty: tuple[str, ...] = ()
    left_out: LeftOut = field(default_factory=LeftOut)
    groups: np.ndarray | None = None


@dataclass(frozen=True)
class _Leaf:
    """A folder that holds images: its path, the names on the way, its images."""

    path: str
    parts: tuple[str, ...]
    images: list[str]


def list_folders(root: Path, layout: str = "auto") -> Listing:
    """List a folder tree by name alone; no file is opened, so half a million take seconds.

    `auto` takes `domain/class/image` or `class/image` from the depth at which the images lie.
    `layout="class"` takes the first folder below `root` as the class and `layout="domain/class"`
    the first two as domain and class; then images may also lie deeper.
    Folders without images are left out with a warning. Order: by domain, class and file name.

    Args:
        root: An existing folder.
        layout: "auto", "domain/class" or "class".

    Raises:
        DataError: No images; images at several depths or at a depth no layout has; domains or
            classes that are named like splits (`train`, `TEST`, `val_images`); names that differ
            only in case or only in their Unicode spelling; a folder that cannot be read.
        SettingsError: An unknown layout.
    """
    check_value("layout", layout, OneOf(LAYOUTS))
    leaves, empty, left_out = _collect(root)
    if not leaves:
        raise DataError(_no_images(root, left_out))
    levels = _levels(root, leaves, layout)
    classes, labels = _ids("class", leaves, levels - 1)
    domain_names, domains = _ids("domain", leaves, 0) if levels == 2 else ((), None)
    if empty:
        shown = some(empty, limit=5)
        warnings.warn(f"left out {len(empty)} folders without images: {shown}", stacklevel=3)
    paths = chain.from_iterable(
        [f"{leaf.path}/{name}" for name in leaf.images] if leaf.path else leaf.images
        for leaf in leaves
    )
    return Listing(tuple(paths), labels, classes, domains, domain_names, tuple(empty), left_out)


def _collect(root: Path) -> tuple[list[_Leaf], list[str], LeftOut]:
    """Folders with images; folders with neither images nor folders; and what is left out."""
    leaves: list[_Leaf] = []
    empty: list[str] = []
    left_out = LeftOut()
    for folder in walk_folders(root):
        left_out.add(folder)
        if folder.images:
            parts = tuple(folder.path.split("/")) if folder.path else ()
            leaves.append(_Leaf(folder.path, parts, folder.images))
        elif not folder.subfolders and folder.path:
            empty.append(folder.path)
    return leaves, empty, left_out


def _levels(root: Path, leaves: Sequence[_Leaf], layout: str) -> int:
    """1 for `class/image`, 2 for `domain/class/image`."""
    examples = {len(leaf.parts): _example(leaf) for leaf in reversed(leaves)}
    depths = sorted(examples)
    if layout != "auto":
        levels = layout.count("/") + 1
        if depths[0] < levels:
            raise DataError(
                f"layout={layout!r} needs every image at least {levels} folders below {root}, but "
                f"{examples[depths[0]]} lies {depths[0]} below it; move it into its class folder"
            )
        return levels
    if len(depths) > 1:
        listed = " and ".join(f"{examples[depth]} ({depth} folders deep)" for depth in depths)
        raise DataError(
            f"the images in {root} lie at different depths: {listed}; move them all to "
            "class/image or all to domain/class/image, or say layout='class' or "
            "layout='domain/class' to name the first folders and take everything below them"
        )
    depth = depths[0]
    if depth not in (1, 2):
        hint = (
            "put each class into its own folder"
            if depth == 0
            else "point to the folder above the classes or domains, or say layout='class' or "
            "layout='domain/class'"
        )
        raise DataError(
            f"the images in {root} lie {depth} folders deep, for example {examples[depth]}; "
            f"expected class/image or domain/class/image: {hint}"
        )
    _refuse_splits(root, leaves, depth)
    if depth == 2:
        _refuse_contents(root, leaves)
    return depth


def _refuse_splits(root: Path, leaves: Sequence[_Leaf], depth: int) -> None:
    """Refuse folders that are named like splits; `depth` is 1 or 2."""
    tops = {leaf.parts[0] for leaf in leaves}
    splits = split_folders(tops)
    # One of DomainNet's classes is called train, and a folder may hold domains of vehicles: a
    # training and a held-out split side by side, or nothing else, are needed.
    if depth == 2 and (are_splits(tops) or len(splits) == len(tops)):
        raise DataError(
            f"the top folders of {root} are named like splits, not domains: {', '.join(splits)}; "
            "point to one of them, or list the images in a manifest with a split column, or say "
            "layout='domain/class' if they are domains"
        )
    classes = {leaf.parts[depth - 1] for leaf in leaves}
    splits = split_folders(classes)
    if are_splits(classes) and len(splits) == len(classes):
        raise DataError(
            f"the class folders in {root} are named like splits, not classes: {', '.join(splits)}; "
            "put the images of each class into a folder of its own inside them and point to one, "
            "or list the images in a manifest with a split column, or say "
            f"layout={LAYOUTS[3 - depth]!r} if they are classes"
        )


_CONTENTS = frozenset(
    {"images", "image", "imgs", "img", "photos", "pictures", "pics", "jpg", "jpeg", "png", "files"}
    | {"jpegimages", "rgb", "masks", "mask", "labels", "annotations", "gt", "ground truth"}
)
"""What folders are called that say what lies in them: pictures, or the masks of these."""


def _refuse_contents(root: Path, leaves: Sequence[_Leaf]) -> None:
    """Refuse `cat/images/1.jpg`, `cat/masks/1.png`: their classes are the folders above."""
    last = {leaf.parts[1] for leaf in leaves}
    if not all(reads_as(name) in _CONTENTS for name in last):
        return
    masks = " (move the others out, such as masks)" if len(last) > 1 else ""
    raise DataError(
        f"the folders {some(sorted(last))} in {root} are named after what lies in them, not after "
        f"classes, for example {_example(leaves[0])}; say layout='class' to take the folders above "
        f"them as classes{masks}, or layout='domain/class' if they are classes"
    )


def _ids(kind: str, leaves: Sequence[_Leaf], level: int) -> tuple[tuple[str, ...], np.ndarray]:
    """Sorted names at one level of the tree, and an id for every image."""
    where = {leaf.parts[level]: "/".join(leaf.parts[: level + 1]) for leaf in leaves}
    check_distinct(kind, where)
    names = tuple(sorted(normalize(name) for name in where))
    index = {name: i for i, name in enumerate(names)}
    ids = [index[normalize(leaf.parts[level])] for leaf in leaves]
    return names, np.repeat(np.array(ids, dtype=np.int64), [len(leaf.images) for leaf in leaves])


def _example(leaf: _Leaf) -> str:
    return f"{leaf.path}/{leaf.images[0]}" if leaf.path else leaf.images[0]


def _no_images(root: Path, left_out: LeftOut) -> str:
    words = left_out.words()
    found = f"it holds only what is left out: {words}" if words else "it is empty"
    return (
        f"there are no images in {root}: {found}; images end in "
        f"{', '.join(sorted(image_endings()))} and lie in class/image or domain/class/image"
    )
