from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ldpf.domains import DomainExtractor, FittedDomains
from ldpf.inspection.latent_summary import describe_latent
from ldpf.inspection.typical_images import (
    class_by_class,
    typical_images,
    typical_of,
    typical_panels,
)
from ldpf.utils.seed import generator


@pytest.fixture
def latent():
    extractor = DomainExtractor(16, 8, 4, generator(0, "extractor"))
    extractor.requires_grad_(False)
    return FittedDomains(extractor, torch.randn(3, 4, generator=generator(0, "centroids")))


def test_classes_take_turns():
    #                 0    1    2    3    4    5
    order = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.0])
    labels = np.array([7, 7, 7, 3, 3, 7])
    members = np.array([0, 1, 2, 3, 4])  # image 5 lies in another latent domain
    assert class_by_class(order, labels, members, 4).tolist() == [0, 3, 1, 4]
    assert class_by_class(order, labels, members, 99).tolist() == [0, 3, 1, 4, 2]
    assert class_by_class(order, labels, np.array([], np.int64), 3).tolist() == []


def test_each_latent_domain_shows_its_own_images_nearest_first():
    assigned, labels = np.array([0, 1, 0, 1]), np.zeros(4, np.int64)
    distances = np.array([0.4, 0.3, 0.2, 0.1])
    rows = typical_images(assigned, distances, labels, 3, 5)
    assert [part.tolist() for part in rows] == [[2, 0], [3, 1], []]


def test_a_summary_chooses_the_same_images_as_the_latent_domains(make_features, latent):
    data = make_features(6)
    rows = [part.tolist() for part in typical_of(latent, data, 4)]
    assert rows == describe_latent(latent, data).typical(4)


def test_panels_count_all_images_and_show_some(make_features, latent):
    data = make_features(6)
    panels = typical_panels(latent, data, Path("root"), 2)
    sizes = torch.bincount(latent.assign(data.features), minlength=3).tolist()
    assert [panel.subtitle.split()[0] for panel in panels] == [str(size) for size in sizes]
    assert [len(panel.files) for panel in panels] == [min(2, size) for size in sizes]
    assert all(file.parts[0] == "root" for panel in panels for file in panel.files)
