from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from ldpf.app.gallery import SAMPLES, THUMBNAIL, TYPICAL_EACH, make_gallery
from ldpf.data import load_dataset
from ldpf.domains import DomainExtractor, FittedDomains
from ldpf.features.extract import extract_features


@pytest.fixture
def known(image_tree, tiny_backbone, tmp_path):
    """Two classes in two domains, their features, and latent domains over them."""
    dataset = load_dataset(image_tree({f"{d}/{c}": 5 for d in "ab" for c in ("cat", "dog")}))
    features = extract_features(dataset, tiny_backbone, cache_dir=tmp_path, progress=False)
    extractor = DomainExtractor(16, 8, 4, torch.Generator().manual_seed(0)).requires_grad_(False)
    return dataset, features, FittedDomains(extractor, extractor(features.features[[0, 12]]))


def test_typical_images_are_squares_for_each_latent_domain(known):
    gallery = make_gallery(*known)
    assigned = known[2].assign(known[1].features).numpy()
    sizes = [min(TYPICAL_EACH, int(n)) for n in np.bincount(assigned, minlength=2)]
    assert [len(group) for group in gallery.typical] == sizes
    assert {image.size for group in gallery.typical for image in group} == {(THUMBNAIL, THUMBNAIL)}


def test_samples_go_evenly_over_the_classes_and_are_the_same_again(known):
    first, again = make_gallery(*known), make_gallery(*known)
    names = [name for _, name in first.samples]
    assert len(names) == len(set(names)) == SAMPLES
    assert sum("cat" in name for name in names) == SAMPLES // 2
    assert names == [name for _, name in again.samples]
    assert names != [name for _, name in make_gallery(*known, seed=1).samples]


def test_of_images_with_boxes_the_crops_are_shown(tiny_backbone, tmp_path):
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, 20:] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    rows = ["path,label,x,y,w,h", "a.png,dark,0,0,20,20", "a.png,light,20,0,20,20"]
    (tmp_path / "boxes.csv").write_text("\n".join(rows))
    dataset = load_dataset(tmp_path / "boxes.csv")
    features = extract_features(dataset, tiny_backbone, cache_dir=tmp_path / "c", progress=False)
    samples = make_gallery(dataset, features, None).samples
    assert sorted((image.size, image.getpixel((5, 5))) for image, _ in samples) == [
        ((20, 20), (0, 0, 0)),
        ((20, 20), (255, 255, 255)),
    ]


def test_without_latent_domains_there_are_samples_only(known):
    gallery = make_gallery(known[0], known[1], None)
    assert gallery.typical == () and len(gallery.samples) == SAMPLES


def test_an_image_that_has_gone_is_left_out(known):
    for path in known[1].paths[:19]:
        (known[0].root / path).unlink()
    gallery = make_gallery(*known)
    assert sum(len(group) for group in gallery.typical) <= 1
    assert len(gallery.samples) <= 1
