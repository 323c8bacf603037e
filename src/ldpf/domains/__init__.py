"""Latent domains: domain features without the class, clusters of them, and what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ldpf.domains.clustering.base import CLUSTERERS, Clusterer, Clustering
from ldpf.domains.disentangle.base import DISENTANGLERS, Disentangler
from ldpf.domains.how_many.base import HOW_MANY, HowMany
from ldpf.utils.lazy import lazy_names

if TYPE_CHECKING:
    from ldpf.domains.discovery import DomainDiscovery
    from ldpf.domains.disentangle.maps import DomainExtractor, DomainMap, LinearMap
    from ldpf.domains.fitted import FittedDomains
    from ldpf.domains.settings import DiscoverySettings

_HOMES = {
    "DiscoverySettings": "ldpf.domains.settings",
    "DomainDiscovery": "ldpf.domains.discovery",
    "DomainExtractor": "ldpf.domains.disentangle.maps",
    "DomainMap": "ldpf.domains.disentangle.maps",
    "FittedDomains": "ldpf.domains.fitted",
    "LinearMap": "ldpf.domains.disentangle.maps",
}

__all__ = [
    "CLUSTERERS",
    "DISENTANGLERS",
    "HOW_MANY",
    "Clusterer",
    "Clustering",
    "DiscoverySettings",
    "Disentangler",
    "DomainDiscovery",
    "DomainExtractor",
    "DomainMap",
    "FittedDomains",
    "HowMany",
    "LinearMap",
]

__getattr__ = lazy_names(__name__, _HOMES)
