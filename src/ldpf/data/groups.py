"""Groups: images that belong together, such as a burst, a patient or a slide, and stay together.

A group is a name for each image; two images of one name are never on both sides of a split. The
empty name stands for an image that is alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ldpf.data.boxes import split_box
from ldpf.data.labels import (
    is_missing,
    plain_label,
    plain_value,
)
from ldpf.data.odd_names import say_odd_names
from ldpf.data.rows import listed
from ldpf.errors import DataError, SettingsError
from ldpf.utils.text import count, looks_like, visible
from ldpf.utils.ways import setting

ALONE = ""
"""The group of an image that belongs to no other."""


def as_groups(values: Iterable[Any], n_images: int, what: str = "images") -> np.ndarray:
    """Groups as a person gives them, as names.

    Args:
        values: a name or whole number for each image, in anything that `read_labels` takes; None,
            NaN or an empty text for one that is alone.
        n_images: how many images there are.
        what: they are, for the message.

    Returns:
        [N] strings, without what cannot be seen of them: a group that is spelled in two ways of
        Unicode, or with a space behind it, is one.

    Raises:
        DataError: there are not equally many, or a group is neither a name nor a whole number.
    """
    plain = [plain_value(value) for value in listed(values, "group")]
    if len(plain) != n_images:
        raise DataError(f"n_groups={len(plain):,} should be n_{what}={n_images:,}.")
    names = []
    for row, value in enumerate(plain):
        nothing = is_missing(value) or value == b""
        nothing = nothing or (isinstance(value, str) and not looks_like(value))
        names.append(ALONE if nothing else visible(str(plain_label(value, row, "group"))))
    say_odd_names(
        sorted({*names} - {ALONE}), "group", "call it otherwise; leave it empty for images alone"
    )
    return np.array(names, dtype=np.str_)


def groups_from_paths(paths: Sequence[str], pattern: str) -> np.ndarray:
    """The group of each image from its path.

    Args:
        paths: N relative paths, with ``/``; boxes behind them are not looked at.
        pattern: a regular expression that is searched in each path. The group is what
            ``(?P<group>...)`` matches; without such a name the first parentheses, and without any
            the whole match. Where nothing matches, an image is alone.

    Returns:
        [N] strings.

    Raises:
        SettingsError: `pattern` is no regular expression, or matches no path.
    """
    try:
        search = re.compile(pattern)
    except re.error as error:
        raise SettingsError(
            f"{setting('group_by', pattern)} is no regular expression ({error}); write, for "
            r"example, '(?P<group>[^/]+)_\d+\.jpg$'."
        ) from error
    which: int | str = "group" if "group" in search.groupindex else min(search.groups, 1)
    found = [search.search(split_box(path)[0]) for path in paths]
    names = [(match[which] or ALONE) if match else ALONE for match in found]
    if paths and not any(names):
        raise SettingsError(
            f"{setting('group_by', pattern)} matches none of the {count(len(paths), 'path')}, such "
            f"as {paths[0]}; paths are relative to the folder of the images, with /."
        )
    return np.array(names, dtype=np.str_)


def group_ids(groups: np.ndarray) -> np.ndarray:
    """[N] int64, equal where images belong together; an image that is alone has its own."""
    names, ids = np.unique(groups, return_inverse=True)
    ids = ids.astype(np.int64)
    alone = np.flatnonzero(groups == ALONE)
    ids[alone] = len(names) + np.arange(len(alone))
    return ids


def group_keys(groups: np.ndarray) -> np.ndarray:
    """[N] int64, equal where names are equal in this or any other set; -1 for an image alone."""
    names, ids = np.unique(groups, return_inverse=True)
    keys = [
        -1
        if name == ALONE
        else int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest()) >> 1
        for name in names.tolist()
    ]
    return np.array(keys, dtype=np.int64)[ids]


def belongs_to(groups: np.ndarray | None, others: np.ndarray | None) -> np.ndarray | None:
    """Which of N images belong together with one of the others, [N] bool; None without groups."""
    if groups is None or others is None:
        return None
    return np.isin(groups, others) & (groups != ALONE)


def require_whole(groups: np.ndarray, splits: np.ndarray, paths: Sequence[str]) -> None:
    """Refuse given splits that divide a group.

    Args:
        groups, splits: [N] names.
        paths: of the images, for the message.

    Raises:
        DataError: a group has images in two splits.
    """
    first: dict[str, int] = {}
    for row, group in enumerate(groups.tolist()):
        if group == ALONE:
            continue
        other = first.setdefault(group, row)
        if splits[other] != splits[row]:
            raise DataError(
                f"the group {group!r} has images in two splits: {paths[other]} in "
                f"{str(splits[other])!r} and {paths[row]} in {str(splits[row])!r}; give all images "
                "of a group the same split"
            )
