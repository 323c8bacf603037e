"""Folder names that mean a split (`train_images`, `TEST`, `validation-data`), not a domain."""

from __future__ import annotations

import re
from collections.abc import Collection

from ldpf.errors import DataError

_TRAIN, _VALIDATION, _TEST = "train", "val", "test"

_SPLITS = {
    **dict.fromkeys(("train", "training", "trainval"), _TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "crossval"), _VALIDATION),
    **dict.fromkeys(("test", "testing", "eval", "evaluation", "holdout", "heldout"), _TEST),
}
# Words that say what a split holds or which variant of it this is. Words that could make it the
# name of a thing (`test tube`, `train station`) are none of them.
_AFFIXES = frozenset(
    {"set", "sets", "data", "dataset", "datasets", "image", "images", "img", "imgs", "pic", "pics"}
    | {"picture", "pictures", "photo", "photos", "sample", "samples", "file", "files", "jpg", "png"}
    | {"folder", "dir", "split", "splits", "part", "subset", "batch", "full", "small", "large"}
    | {"simple", "easy", "medium", "hard", "tiny", "mini", "final", "raw", "public", "private"}
    | {"labeled", "labelled", "unlabeled", "unlabelled", "all", "a", "b", "v"}
)
_JOINED = re.compile(rf"({'|'.join(_SPLITS)})({'|'.join(_AFFIXES)})")  # trainset, testdata
_WORD = re.compile(r"[^\W\d_]+|\d+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")  # TrainingSet


def split_kind(name: str) -> str | None:
    """`train`, `val` or `test` for a name that means a split and nothing else, or None.

    Case, numbers and words such as set, data or images around it do not matter: `TRAIN`,
    `training_set`, `images-val2017` and `TestSet` are splits; `trainer`, `test_tube`, `train
    station` and `dev kit` are not.
    """
    kind, rest = _taken_apart(name)
    return None if rest else kind


def split_folders(names: Collection[str]) -> list[str]:
    """Those of folders side by side that are splits, sorted.

    Names with any other word in them (`seg_train`, `seg_test`) are splits where all of them share
    that word and there are splits of more than one kind.
    """
    plain = [name for name in names if split_kind(name) is not None]
    if len(plain) < len(names):
        parts = [_taken_apart(name) for name in names]
        kinds = {kind for kind, _ in parts}
        if None not in kinds and len(kinds) > 1 and len({rest for _, rest in parts}) == 1:
            return sorted(names)
    return sorted(plain)


def are_splits(names: Collection[str]) -> bool:
    """Whether folders side by side are splits: at least a training one and a held-out one."""
    kinds = {_taken_apart(name)[0] for name in split_folders(names)}
    return _TRAIN in kinds and len(kinds) > 1


def shared_split_kinds(names: Collection[str]) -> dict[str, str] | None:
    """The kind of split of each name, where all are splits, one of them for training; or None."""
    if not are_splits(names) or len(split_folders(names)) < len(names):
        return None
    return {name: kind for name in names if (kind := _taken_apart(name)[0]) is not None}


def refuse_split_domains(names: Collection[str], where: str) -> None:
    """Refuse domains of a table or a list that are splits.

    Args:
        names: Of the domains.
        where: What they were given as, such as "the column domain of list.csv".

    Raises:
        DataError: All of them are names of splits, a training one among them.
    """
    if are_splits(names) and len(split_folders(names)) == len(names):
        raise DataError(
            f"{where} holds splits, not domains: {', '.join(sorted(names))}; a split is a column "
            "of its own, called split, with train, val or test; leave domain out where it is "
            "unknown"
        )


def _taken_apart(name: str) -> tuple[str | None, tuple[str, ...]]:
    """The kind of split of the first word that means one, and the words that mean other things."""
    kinds: list[str] = []
    rest: list[str] = []
    for word in _WORD.findall(_HUMP.sub(" ", name)):
        folded = word.casefold()
        joined = _JOINED.fullmatch(folded)
        if kind := _SPLITS.get(joined[1] if joined else folded):
            kinds.append(kind)
        elif not (folded in _AFFIXES or folded.isdigit()):
            rest.append(folded)
    return (kinds[0] if kinds else None), tuple(rest)
