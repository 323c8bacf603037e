"""A visual head beside learned prompts, both calibrated and added."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from ldpf.domains import DiscoverySettings, DomainDiscovery
from ldpf.domains.clustering.spherical import SphericalKMeans
from ldpf.domains.disentangle.leace import Leace
from ldpf.methods.head_shares import EQUAL, HeadShare, fitted_head, share_by_folds
from ldpf.models.combining import combine

if TYPE_CHECKING:
    import torch

    from ldpf.features.feature_set import FeatureSet
    from ldpf.heads.base import VisualHead
    from ldpf.models.base import Classifier

log = logging.getLogger("ldpf")


def closed_form_discovery() -> DiscoverySettings:
    """Latent domains that need no prompts and no adversary: erasure of the class, k-means."""
    return DiscoverySettings(disentangle=Leace(), clusterer=SphericalKMeans())


def add_head(
    classifier: Classifier,
    head: VisualHead,
    train: FeatureSet,
    validation: FeatureSet,
    *,
    seed: int = 0,
    shares: str | HeadShare = "folds",
) -> Classifier:
    """The classifier and a visual head beside it, or the classifier alone for `none`.

    A head that balances latent domains takes those of the classifier; where it has none they are
    found in closed form.

    Args:
        classifier: trained on `train`.
        head: to be fitted to `train`.
        train: labeled images.
        validation: other images of the same sources, which both temperatures are fitted to; `train`
            is used where there are none.
        seed: of the search for latent domains.
        shares: one of `SHARES`, or the share itself. Where prompts have no latent domains, `folds`
            are none and shares are equal.

    Raises:
        SettingsError: `train` cannot fill the latent domains.
        DataError: all training images are of one class.
    """
    if not head.fits:
        return classifier
    groups = _groups(classifier, train, validation, seed) if head.balances else None
    linear = fitted_head(head, train, groups)
    if shares == "folds":
        shares = share_by_folds(classifier, head, train, validation)
    elif isinstance(shares, str):
        shares = HeadShare(EQUAL, "Shares are equal, as it was asked for.")
    log.info("%s", shares.reason)
    judged = validation if len(validation) else train
    combined = combine(classifier.method, [classifier, linear], judged, shares.shares)
    accuracies = {
        "prompt_validation_accuracy": classifier.accuracy(judged.features, judged.labels),
        "head_validation_accuracy": linear.accuracy(judged.features, judged.labels),
        "validation_accuracy": combined.accuracy(judged.features, judged.labels),
    }
    report = {**combined.training, **accuracies, "head_share": shares.to_json()}
    return replace(combined, training={**classifier.training, **report})


def _groups(
    classifier: Classifier, train: FeatureSet, validation: FeatureSet, seed: int
) -> torch.Tensor:
    """Latent domain of each training image, [N]."""
    if classifier.latent is not None:
        return classifier.latent.assign(train.features)
    discovery = DomainDiscovery(train, validation, closed_form_discovery(), seed)
    discovery.run()
    return discovery.assignments
