"""Latent domains: domain features without the class, clusters of them, and what they mean."""

from ldpf.domains.clustering.base import CLUSTERERS, Clusterer, Clustering
from ldpf.domains.discovery import DomainDiscovery
from ldpf.domains.disentangle.base import DISENTANGLERS, Disentangler
from ldpf.domains.disentangle.maps import DomainExtractor, DomainMap, LinearMap
from ldpf.domains.fitted import FittedDomains
from ldpf.domains.how_many.base import HOW_MANY, HowMany
from ldpf.domains.ood import OutsideCheck
from ldpf.domains.settings import DiscoverySettings

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
    "OutsideCheck",
]
