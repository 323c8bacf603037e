from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from ldpf.data.in_memory import to_picture
from ldpf.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (10, 12, 3), dtype=np.uint8)


def png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(PIXELS),
        PIXELS,
        PIXELS / 255,
        torch.from_numpy(PIXELS).permute(2, 0, 1),
        torch.from_numpy(PIXELS).permute(2, 0, 1).float() / 255,
        {"bytes": png(Image.fromarray(PIXELS)), "path": None},
    ],
    ids=["PIL", "uint8", "floats", "tensor", "float tensor", "bytes"],
)
def test_every_kind_of_image_gives_the_same_picture(image):
    assert np.array_equal(np.asarray(to_picture(image, "row 0")), PIXELS)


@pytest.mark.parametrize("shape", [(10, 12), (10, 12, 1), (1, 10, 12)])
def test_grey_images_become_rgb(shape):
    grey = PIXELS[:, :, 0].reshape(shape)
    picture = np.asarray(to_picture(grey, "row 0"))
    assert np.array_equal(picture, np.repeat(PIXELS[:, :, :1], 3, axis=2))


def test_paths_are_read(tmp_path, write_image):
    file = write_image(tmp_path / "a.png")
    expected = np.asarray(Image.open(file))
    assert np.array_equal(np.asarray(to_picture(str(file), "row 0")), expected)
    assert np.array_equal(np.asarray(to_picture({"path": str(file)}, "row 0")), expected)


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (7, "row 3 is of type int; an image is a PIL image, a path, or an array or tensor of "),
        (np.zeros((4, 4), int), "row 3 is an array int64 (4, 4); pixels are uint8, or floats"),
        (np.zeros((4, 4, 2), np.uint8), "row 3 is an array uint8 (4, 4, 2); pixels are uint8"),
        (
            np.full((4, 4, 3), -1.5),
            "row 3 holds floats from -1.5 to -1.5; pixels are uint8, or floats from 0 to 1. Leave "
            "out Normalize: the backbone has a normalisation of its own",
        ),
        (np.full((4, 4, 3), np.nan), "row 3 holds floats from nan to nan; "),
    ],
)
def test_other_kinds_are_refused(image, sentence):
    with pytest.raises(DataError) as caught:
        to_picture(image, "row 3")
    assert str(caught.value).startswith(sentence)
