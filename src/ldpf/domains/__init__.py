"""Latent domains: domain features without the class, clusters of them, and what they mean."""

from ldpf.domains.clustering import Clustering, group_means, kmeans, match_to_previous
from ldpf.domains.discovery import DiscoverySettings, DomainDiscovery, GivenDomains
from ldpf.domains.extractor import DomainExtractor, ExtractorSettings
from ldpf.domains.latent import FittedDomains
from ldpf.domains.outside import OutsideCheck

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
