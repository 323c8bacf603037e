"""Measurements of finished latent domains on given images, for `train` and `domains`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ldpf.domains import FittedDomains
    from ldpf.features.feature_set import FeatureSet


def measure_latent(
    latent: FittedDomains, features: FeatureSet, held_out: FeatureSet
) -> dict[str, Any]:
    """Sizes, and what the latent domains share with classes and with known domains.

    Args:
        latent: extractor and centroids.
        features: images to put into latent domains; the probe learns from them.
        held_out: other images of the same classes, which the probe is measured on.

    Returns:
        The entries of `DomainDiscovery.measure()` that can be had without its decoder and
        adversary: `sizes`, `probe_accuracy`, `raw_probe_accuracy`, `chance`, `class_nmi`,
        `domain_nmi` and `domain_ari` (None where domains are unknown).
    """
    import torch

    from ldpf.domains.diagnostics import ari, chance, linear_probe_accuracy, nmi

    assigned = latent.assign(features.features)
    n_classes = len(features.class_names)

    def probe(train: torch.Tensor, test: torch.Tensor) -> float:
        return linear_probe_accuracy(train, features.labels, test, held_out.labels, n_classes)

    known = features.domains
    return {
        "sizes": torch.bincount(assigned, minlength=latent.n_domains).tolist(),
        "probe_accuracy": probe(
            latent.domain_features(features.features), latent.domain_features(held_out.features)
        ),
        "raw_probe_accuracy": probe(features.features, held_out.features),
        "chance": chance(held_out.labels),
        "class_nmi": nmi(assigned, features.labels),
        "domain_nmi": None if known is None else nmi(assigned, known),
        "domain_ari": None if known is None else ari(assigned, known),
    }
