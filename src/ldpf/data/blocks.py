"""A large image in small rectangles, so that converting it takes little memory beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from PIL import Image

BLOCK = 2**19
"""Pixels of a block."""


def blocks(image: Image.Image, factor: int = 1) -> Iterator[tuple[int, int, Image.Image]]:
    """Left, top and pixels of every block of a loaded image, row by row.

    Args:
        image: Of any mode; one of at most `BLOCK` pixels is its only block itself.
        factor: Left and top are multiples of it.
    """
    width, height = image.size
    if width * height <= BLOCK:
        yield 0, 0, image
        return
    across = min(width, max(BLOCK // factor // factor * factor, factor))
    down = max(BLOCK // across // factor, 1) * factor
    for top in range(0, height, down):
        for left in range(0, width, across):
            right, bottom = min(left + across, width), min(top + down, height)
            yield left, top, image.crop((left, top, right, bottom))


def in_blocks(
    image: Image.Image, mode: str, convert: Callable[[Image.Image], Image.Image], factor: int = 1
) -> Image.Image:
    """An image converted block by block.

    Args:
        image: A loaded one.
        mode: Of the result.
        convert: Pixel by pixel; gets blocks of the mode of `image`, gives such of `mode`.
        factor: The sides are divided by it, each pixel being the mean of factor x factor ones.
    """
    width, height = image.size
    result = None
    for left, top, block in blocks(image, factor):
        part = convert(block)
        if factor > 1:
            part = part.reduce(factor)
        if block is image:
            return part
        if result is None:
            result = Image.new(mode, (-(-width // factor), -(-height // factor)))
        result.paste(part, (left // factor, top // factor))
    assert result is not None  # no image is without pixels
    return result
