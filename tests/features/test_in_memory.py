from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from ldpf.data.in_memory import LabeledImages
from ldpf.data.pictures_in_memory import to_picture
from ldpf.errors import DataError
from ldpf.features.extract import encode_dataset, extract_features

PIXELS = np.random.default_rng(0).integers(0, 256, (10, 12, 3), dtype=np.uint8)


def png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def endless_pictures(count: int, **names) -> LabeledImages:
    def rows():
        for i in range(count):
            pixels = np.random.default_rng(i).integers(0, 256, (10, 12, 3), dtype=np.uint8)
            yield pixels, ("dog", "cat")[i % 2], ("art", "photo")[i % 2]

    return LabeledImages("drawn", rows, **names)


def test_images_are_encoded_as_they_come(tiny_backbone):
    features = extract_features(endless_pictures(7), tiny_backbone, batch_size=3, progress=False)
    assert [shape[0] for shape in tiny_backbone.batches] == [3, 3, 1]
    expected = tiny_backbone.encode_images(
        tiny_backbone.preprocess([to_picture(row[0], "") for row in endless_pictures(7).rows()])
    )
    assert torch.allclose(features.features, expected, atol=1e-3)
    assert features.class_names == ("cat", "dog")
    assert features.labels.tolist() == [1, 0, 1, 0, 1, 0, 1]
    assert features.domain_names == ("art", "photo")
    assert features.paths[6] == "row 6"


def test_damaged_images_are_reported_together(tiny_backbone):
    def rows():
        for i in range(4):
            yield {"bytes": b"none" if i % 2 else png(Image.fromarray(PIXELS))}, "cat", None

    with pytest.raises(DataError) as caught:
        extract_features(LabeledImages("bytes", rows), tiny_backbone, progress=False)
    assert "row 1" in str(caught.value) and "row 3" in str(caught.value)
    assert "2 of 4" in str(caught.value)


def test_no_images_are_refused(tiny_backbone):
    with pytest.raises(DataError, match="'drawn' has no images; give at least one of each class"):
        extract_features(endless_pictures(0), tiny_backbone, progress=False)


def test_every_image_counts_as_encoded_now(tiny_backbone):
    found = encode_dataset(endless_pictures(7), tiny_backbone, progress=False)
    assert (found.encoded, found.cached) == (7, 0)
