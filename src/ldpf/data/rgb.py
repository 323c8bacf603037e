"""An opened image of any mode as 8-bit RGB, upright, in little more memory than its own."""

from __future__ import annotations

import functools
from typing import Any, BinaryIO

from PIL import ExifTags, Image, ImageCms, ImageOps

from ldpf.data.blocks import blocks, in_blocks
from ldpf.data.deep_color import brightened
from ldpf.data.header_facts import jpeg2000_levels
from ldpf.data.limits import reduction
from ldpf.data.odd_tiff import put_right
from ldpf.data.pixel_ranges import (
    FEW_LEVELS,
    eight_bits,
    has_range,
    without_no_data,
)
from ldpf.data.significant_bits import significant_bits_of


def to_rgb(image: Image.Image, *, own: bool = False) -> Image.Image:
    """An image that is open already as 8-bit RGB, upright, by the rules of `read_image`.

    One of more than `ldpf.data.limits.WHOLE_PIXELS` becomes smaller: JPEG and JPEG 2000 while they
    are decoded, others as means of squares of pixels.

    Args:
        image: Of any mode; loaded here if it is not yet.
        own: Whether no one else uses it, so that what only serves further frames may be freed.

    Raises:
        NoValuesError: It holds no finite value.
        ValueError: It lacks its palette.
    """
    put_right(image)
    bits = significant_bits_of(image)
    bright = brightened(image, bits)
    image.load()
    if image.mode == "P" and image.palette is None:
        raise ValueError("its colors are numbers of a palette, which is missing")
    if own:
        _free_decoder(image)
    source = image if bright is None else bright
    picture = _converted(source, bits, reduction(*source.size))
    upright = _upright(image, picture)
    if FEW_LEVELS in picture.info:
        upright.info[FEW_LEVELS] = picture.info[FEW_LEVELS]
    return upright


def decode_smaller(image: Any, stream: BinaryIO) -> None:
    """Let a large image that is not loaded be decoded at a fraction of its size, if it can be.

    Args:
        image: Opened.
        stream: Its file; the position may change.
    """
    if not getattr(image, "tile", None):
        return
    width, height = image.size
    factor = reduction(width, height)
    if factor == 1:
        return
    if image.format in ("JPEG", "MPO"):
        image.draft(None, (max(1, width // factor), max(1, height // factor)))
    elif image.format == "JPEG2000":
        image.reduce = min(factor.bit_length() - 1, jpeg2000_levels(stream))  # halved as often


def _free_decoder(image: Any) -> None:
    """Free what the decoder of WebP and AVIF keeps for further frames: twice the image."""
    if image.format in ("WEBP", "AVIF"):
        image._decoder = None
        image.fp = None


def _converted(image: Image.Image, bits: int | None, factor: int) -> Image.Image:
    """The loaded image as RGB, both sides divided by `factor`."""
    if has_range(image):
        return eight_bits(image, bits, factor).convert("RGB")
    if image.mode == "LAB":
        transform = _lab_to_rgb()
        # Typed as None, which it is only where the image is changed in place.
        return in_blocks(
            image,
            "RGB",
            lambda block: ImageCms.applyTransform(block, transform),  # type: ignore[arg-type]
            factor,
        )
    image = _straight(image)
    if not image.has_transparency_data:
        return without_no_data(image, factor)
    # Alpha that is zero everywhere (or a mask of 0 and 1 for 0 and 255) hides the whole image.
    hidden = all(_greatest_alpha(block) <= 1 for _, _, block in blocks(image))
    return in_blocks(image, "RGB", _without_alpha if hidden else _on_white, factor)


def _straight(image: Image.Image) -> Image.Image:
    """Gray with premultiplied alpha, which Pillow converts in two steps; others as they are."""
    return image.convert("LA") if image.mode == "La" else image


def _greatest_alpha(block: Image.Image) -> int:
    return int(block.convert("RGBA").getchannel("A").getextrema()[1])  # type: ignore[arg-type]


def _without_alpha(block: Image.Image) -> Image.Image:
    return block.convert("RGBA").convert("RGB")


def _on_white(block: Image.Image) -> Image.Image:
    rgba = block.convert("RGBA")
    white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, rgba).convert("RGB")


@functools.cache
def _lab_to_rgb() -> ImageCms.ImageCmsTransform:
    lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(lab, rgb, "LAB", "RGB")


def _upright(image: Image.Image, rgb: Image.Image) -> Image.Image:
    """Apply the EXIF rotation of the loaded `image` to `rgb`."""
    try:
        if image.format == "JXL":  # turned by its decoder; the EXIF tag does not count there
            return rgb
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        if orientation == 1:
            return rgb
        # The orientation alone: `exif_transpose` fails where any other tag is damaged.
        rgb.info = {}
        rgb.getexif()[ExifTags.Base.Orientation] = orientation
        return ImageOps.exif_transpose(rgb)
    except Exception:  # broken metadata must not cost a good picture
        return rgb
