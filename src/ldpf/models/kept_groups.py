"""What a model keeps of the groups that its split kept whole, and how a report finds them again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ldpf.data.groups import groups_from_paths
from ldpf.errors import DataError
from ldpf.utils.ways import named

if TYPE_CHECKING:
    from ldpf.features.feature_set import FeatureSet


def groups_described(features: FeatureSet, group_by: str | None) -> dict[str, Any]:
    """For the provenance of a model; empty without groups.

    Args:
        features: that a model is trained on.
        group_by: the regular expression that found the groups; None for those of a table.
    """
    if features.groups is None:
        return {}
    return {"groups": {"digest": _digest(features), "group_by": group_by}}


def with_groups_of(features: FeatureSet, origin: Mapping[str, Any]) -> FeatureSet:
    """The images that a model was trained on, with the groups that it was trained with.

    Args:
        features: the same images.
        origin: the provenance of the model.

    Raises:
        DataError: the images come with other groups, or without those that a table had.
    """
    known = origin.get("groups")
    if known is None:
        return replace(features, groups=None)
    if features.groups is None and known["group_by"] is not None:
        groups = groups_from_paths(features.paths, known["group_by"])
        features = replace(features, groups=groups)
    if features.groups is None or _digest(features) != known["digest"]:
        raise DataError(
            "These are the images the model was trained on, but not with the groups that were kept "
            "together then, so nobody can say which were held out; give the same table, or the "
            f"same {named('group_by')}."
        )
    return features


def _digest(features: FeatureSet) -> str:
    assert features.groups is not None
    return hashlib.sha256("\n".join(features.groups.tolist()).encode()).hexdigest()
