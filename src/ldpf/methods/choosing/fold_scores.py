"""Scores of candidates on folds that leave out groups of images."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from ldpf.errors import LdpfError, SettingsError

if TYPE_CHECKING:
    from ldpf.domains.folds import GroupFold
    from ldpf.methods.candidates import Candidates

log = logging.getLogger("ldpf")


def fold_scores(
    candidates: Candidates, names: Sequence[str], folds: Iterable[GroupFold]
) -> dict[str, float]:
    """Mean accuracy over folds, by models that have not learned from what a fold judges by.

    A fold that one candidate cannot learn from judges nobody.

    Args:
        candidates: trained on all images.
        names: of those that are judged.
        folds: of the training and validation images.

    Raises:
        SettingsError: no fold is left.
    """
    by_fold = []
    for fold in folds:
        judged = fold.judged
        try:
            in_fold = [candidates.in_fold(name, fold) for name in names]
        except LdpfError as error:
            log.warning("group %d judges nothing: %s", fold.group, error)
            continue
        by_fold.append([model.accuracy(judged.features, judged.labels) for model in in_fold])
    if not by_fold:
        raise SettingsError(
            "No group of images could be left out, so nothing can be compared; give more images, "
            "or take a rule without folds such as 'validation'."
        )
    return {name: fmean(own) for name, own in zip(names, zip(*by_fold, strict=True), strict=True)}
