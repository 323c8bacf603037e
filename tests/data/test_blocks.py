import numpy as np
import pytest
from PIL import Image

from ldpf.data import blocks
from ldpf.data.blocks import in_blocks


def noise(size):
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("size", [(37, 53), (1, 1000), (1000, 1), (200, 7)])
@pytest.mark.parametrize("block", [1, 16, 150, 10**6])
def test_in_blocks_every_pixel_is_converted_once(size, block, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", block)
    image = noise(size)
    converted = in_blocks(image, "L", lambda part: part.convert("L"))
    assert converted.tobytes() == image.convert("L").tobytes()


@pytest.mark.parametrize("size", [(37, 53), (1, 1000), (1000, 1), (60, 61)])
@pytest.mark.parametrize("factor", [2, 3, 7])
def test_reduced_in_blocks_agrees_with_reduced_at_once(size, factor, monkeypatch):
    image = noise(size)
    expected = image.reduce(factor)
    monkeypatch.setattr(blocks, "BLOCK", 150)
    reduced = in_blocks(image, "RGB", lambda part: part.convert("RGB"), factor)
    assert reduced.size == expected.size
    assert reduced.tobytes() == expected.tobytes()
