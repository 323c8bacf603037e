"""A visual head beside learned prompts, both calibrated and added."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ldpf.domains import DiscoverySettings, DomainDiscovery
from ldpf.domains.clustering.spherical import SphericalKMeans
from ldpf.domains.disentangle.leace import Leace
from ldpf.models.combined_classifier import combine
from ldpf.models.linear_classifier import LinearClassifier

if TYPE_CHECKING:
    import torch

    from ldpf.features.feature_set import FeatureSet
    from ldpf.heads.base import VisualHead
    from ldpf.models.base import Classifier


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
) -> Classifier:
    """The classifier and a visual head with equal shares, or the classifier alone for `none`.

    A head that balances latent domains takes those of the classifier; where it has none they are
    found in closed form.

    Args:
        classifier: trained on `train`.
        head: to be fitted to `train`.
        train: labeled images.
        validation: other images of the same sources, which both temperatures are fitted to; `train`
            is used where there are none.
        seed: of the search for latent domains.

    Raises:
        SettingsError: `train` cannot fill the latent domains.
        DataError: all training images are of one class.
    """
    if not head.fits:
        return classifier
    names = tuple(train.class_names)
    groups = _groups(classifier, train, validation, seed) if head.balances else None
    fitted = head.fit(train.features, train.labels, groups, n_classes=len(names))
    linear = LinearClassifier(
        head.registered_name, names, fitted.weight.float(), fitted.bias.float()
    )
    judged = validation if len(validation) else train
    combined = combine(classifier.method, [classifier, linear], judged)
    accuracies = {
        "prompt_validation_accuracy": classifier.accuracy(judged.features, judged.labels),
        "head_validation_accuracy": linear.accuracy(judged.features, judged.labels),
        "validation_accuracy": combined.accuracy(judged.features, judged.labels),
    }
    return replace(combined, training={**classifier.training, **combined.training, **accuracies})


def _groups(
    classifier: Classifier, train: FeatureSet, validation: FeatureSet, seed: int
) -> torch.Tensor:
    """Latent domain of each training image, [N]."""
    if classifier.latent is not None:
        return classifier.latent.assign(train.features)
    discovery = DomainDiscovery(train, validation, closed_form_discovery(), seed)
    discovery.run()
    return discovery.assignments
