"""Scores of candidates on folds that leave out groups of images."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

import torch

from ldpf.errors import LdpfError, SettingsError
from ldpf.fusion.fitting import calibrated

if TYPE_CHECKING:
    from ldpf.domains.folds import GroupFold
    from ldpf.methods.candidates import Candidates
    from ldpf.models.base import Classifier

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
    by_fold = [
        [model.accuracy(fold.judged.features, fold.judged.labels) for model in in_fold]
        for fold, in_fold in _models(candidates, names, folds)
    ]
    return {name: fmean(own) for name, own in zip(names, zip(*by_fold, strict=True), strict=True)}


def fold_likelihoods(
    candidates: Candidates, names: Sequence[str], folds: Iterable[GroupFold]
) -> dict[str, float]:
    """Mean log-likelihood over folds in nats, after one temperature for all folds of a candidate.

    The arguments and errors are those of `fold_scores`.
    """
    kept = list(_models(candidates, names, folds))
    labels = [fold.judged.labels for fold, _ in kept]
    return {
        name: fmean(
            likelihoods(
                [in_fold[i].logits(fold.judged.features).float() for fold, in_fold in kept], labels
            )
        )
        for i, name in enumerate(names)
    }


def likelihoods(logits: Sequence[torch.Tensor], labels: Sequence[torch.Tensor]) -> list[float]:
    """Mean log-likelihood of each fold in nats, after one temperature for all of them.

    Args:
        logits: [N, K] of each fold.
        labels: [N] of each fold.
    """
    likely = calibrated(torch.cat(list(logits)), torch.cat(list(labels)))
    return [float(part.mean()) for part in likely.split([len(own) for own in labels])]


def _models(
    candidates: Candidates, names: Sequence[str], folds: Iterable[GroupFold]
) -> Iterator[tuple[GroupFold, list[Classifier]]]:
    """Folds with what each candidate is without what the fold judges by."""
    none = True
    for fold in folds:
        try:
            in_fold = [candidates.in_fold(name, fold) for name in names]
        except LdpfError as error:
            log.warning("group %d judges nothing: %s", fold.group, error)
            continue
        none = False
        yield fold, in_fold
    if none:
        raise SettingsError(
            "No group of images could be left out, so nothing can be compared; give more images, "
            "or take a rule without folds such as 'validation'."
        )
