"""Latent domains: domain features without the class, clusters of them, and what they mean."""

from ldpf.domains.assignment import DiscoverySettings, GivenDomains
from ldpf.domains.clustering import Clustering, group_means, kmeans, match_to_previous
from ldpf.domains.discovery import DomainDiscovery
from ldpf.domains.disentangle.adversarial import DomainExtractor, ExtractorSettings
from ldpf.domains.fitted import FittedDomains
from ldpf.domains.ood import OutsideCheck

__all__ = [
    "Clustering",
    "DiscoverySettings",
    "DomainDiscovery",
    "DomainExtractor",
    "ExtractorSettings",
    "FittedDomains",
    "GivenDomains",
    "OutsideCheck",
    "group_means",
    "kmeans",
    "match_to_previous",
]
