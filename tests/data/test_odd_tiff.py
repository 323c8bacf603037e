"""TIFF files that Pillow opens and would read wrongly, and those with a preview in front."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from ldpf.data import read_image
from ldpf.data.header_facts import is_slow, tiff_header
from ldpf.data.images import check_images, rgb_image
from ldpf.data.memory_needed import page_to_read
from ldpf.data.opening import opened_image

RGB = np.random.default_rng(0).integers(0, 256, (20, 37, 3), dtype=np.uint8)
DEEP = RGB.astype(np.uint16) * 257


def tiff(pages, order="<"):
    """A TIFF of pages, each tags by number, and its strips or tiles."""
    content = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    for number, (tags, parts) in enumerate(pages):
        tags, body = dict(tags), b"".join(parts)
        start = len(content) + 2 + 12 * (len(tags) + 2) + 4
        places = [start + sum(map(len, parts[:i])) for i in range(len(parts))]
        where = 324 if 322 in tags else 273
        tags[where] = ("I", places)
        tags[where + 1 if where == 324 else 279] = ("I", [len(part) for part in parts])
        table, extra = struct.pack(order + "H", len(tags)), b""
        for tag, (form, numbers) in sorted(tags.items()):
            packed = struct.pack(f"{order}{len(numbers)}{form}", *numbers)
            if len(packed) > 4:
                place = start + len(body) + len(extra)
                extra, packed = extra + packed, struct.pack(order + "I", place)
            kind = {"H": 3, "I": 4, "B": 1}[form]
            table += struct.pack(order + "HHI", tag, kind, len(numbers)) + packed.ljust(4, b"\0")
        following = start + len(body) + len(extra)
        last_page = number == len(pages) - 1
        content += table + struct.pack(order + "I", 0 if last_page else following) + body + extra
    return content


def page(pixels, strips, *, planes=False, bits=8, photometric=2, **more):
    """Tags of a page of uncompressed pixels [H, W, C], and its strips."""
    height, width, channels = pixels.shape
    tags = {
        256: ("I", [width]), 257: ("I", [height]), 258: ("H", [bits] * channels),
        259: ("H", [1]), 262: ("H", [photometric]), 277: ("H", [channels]),
        278: ("I", [height]), 284: ("H", [2 if planes else 1]),
    }  # fmt: skip
    if photometric == 2 and channels == 4:
        tags[338] = ("H", [2])
    return tags | {int(tag.removeprefix("t")): value for tag, value in more.items()}, strips


def in_planes(pixels, order, bits=16, **more):
    kind = np.dtype(np.uint16).newbyteorder(order)
    strips = [plane.astype(kind).tobytes() for plane in np.moveaxis(pixels, 2, 0)]
    return tiff([page(pixels, strips, planes=True, bits=bits, **more)], order)


def read(tmp_path, content):
    (tmp_path / "a.tif").write_bytes(content)
    assert check_images([tmp_path / "a.tif"]) == []
    return np.asarray(read_image(tmp_path / "a.tif"))


# Planes


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("channels", [3, 4])
def test_16_bit_color_in_planes_is_what_it_is_pixel_by_pixel(tmp_path, order, channels):
    opaque = np.full((*DEEP.shape[:2], channels - 3), 65535, np.uint16)
    pixels = np.concatenate([DEEP, opaque], axis=2)
    assert np.array_equal(read(tmp_path, in_planes(pixels, order)), RGB)


def test_16_bit_planes_in_tiles_of_which_some_are_cut(tmp_path):
    padded = np.zeros((32, 48, 3), "<u2")
    padded[:20, :37] = DEEP
    tiles = [
        padded[top : top + 16, left : left + 16, channel].tobytes()
        for channel in range(3)
        for top in (0, 16)
        for left in (0, 16, 32)
    ]
    tags, _ = page(DEEP, [], planes=True, bits=16)
    tags = {**tags, 322: ("I", [16]), 323: ("I", [16])}
    del tags[278]
    assert np.array_equal(read(tmp_path, tiff([(tags, tiles)])), RGB)


@pytest.mark.parametrize("order", ["<", ">"])
def test_12_bits_in_16_in_planes_use_the_whole_range(tmp_path, order):
    twelve = RGB.astype(np.uint16) << 4 | RGB >> 4
    content = in_planes(twelve, order, t281=("H", [4095] * 3))
    assert np.array_equal(read(tmp_path, content), RGB)


def test_a_picture_that_was_opened_elsewhere_is_put_right_too():
    opened = Image.open(io.BytesIO(in_planes(DEEP, "<")))
    assert np.array_equal(np.asarray(rgb_image(opened)), RGB)


def test_16_bit_inks_in_planes_are_refused(tmp_path):
    inks = np.concatenate([DEEP, DEEP[..., :1]], axis=2)
    (tmp_path / "a.tif").write_bytes(in_planes(inks, "<", photometric=5))
    (bad,) = check_images([tmp_path / "a.tif"])
    assert bad.reason.startswith("a TIFF of 16 bits with each of its inks apart")


def test_8_bit_planes_stay_as_they_are(tmp_path):
    strips = [plane.tobytes() for plane in np.moveaxis(RGB, 2, 0)]
    assert np.array_equal(read(tmp_path, tiff([page(RGB, strips, planes=True)])), RGB)


# Palettes


@pytest.mark.parametrize("factor", [1, 257], ids=["bytes", "16 bits"])
def test_a_palette_of_bytes_has_its_colors(tmp_path, factor):
    colors = np.random.default_rng(1).integers(0, 256, (3, 256))
    numbers = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    colored = (colors * factor).flatten().tolist()
    content = tiff([page(numbers, [numbers.tobytes()], photometric=3, t320=("H", colored))])
    expected = colors.T[numbers[..., 0]]
    assert np.array_equal(read(tmp_path, content), expected)


# A preview in front


def preview(**more):
    small = np.ascontiguousarray(RGB[::4, ::4])
    return page(small, [small.tobytes()], t254=("I", [1]), **more)


def whole(**more):
    return page(RGB, [RGB.tobytes()], **more)


def test_a_preview_in_front_is_passed_over(tmp_path):
    assert np.array_equal(read(tmp_path, tiff([preview(), whole()])), RGB)
    assert np.array_equal(read(tmp_path, tiff([preview(), preview(), whole()])), RGB)


def test_where_all_pages_are_previews_or_none_is_the_first_one_is_read(tmp_path):
    assert np.array_equal(read(tmp_path, tiff([preview()])), RGB[::4, ::4])
    assert np.array_equal(read(tmp_path, tiff([preview(), preview()])), RGB[::4, ::4])
    other = np.ascontiguousarray(255 - RGB)
    pages = [whole(), page(other, [other.tobytes()])]
    assert np.array_equal(read(tmp_path, tiff(pages)), RGB)


def test_what_decoding_costs_is_that_of_the_page_that_is_read():
    content = tiff([preview(), whole(t259=("H", [50002]), t274=("H", [6]))])  # JPEG XL
    stream = io.BytesIO(content)
    assert page_to_read(stream) == 1
    place = tiff_header(stream).following
    header = tiff_header(stream, place)
    assert (header.compression, header.turned, header.is_preview) == (50002, True, False)
    lzma = tiff([preview(), whole(t259=("H", [34925]))])
    with opened_image("a.tif", lzma, 10**6, apart=False, header_only=True) as source:
        assert source.image.tell() == 1
        assert is_slow(source.image, io.BytesIO(lzma))


def test_pages_in_a_circle_end(tmp_path):
    content = bytearray(tiff([preview(), preview()]))
    header = tiff_header(io.BytesIO(content))
    (tags,) = struct.unpack_from("<H", content, header.following)
    struct.pack_into("<I", content, header.following + 2 + 12 * tags, 8)
    assert np.array_equal(read(tmp_path, bytes(content)), RGB[::4, ::4])


# Tags of programs


def test_a_large_tag_of_a_program_costs_no_picture(tmp_path):
    content = tiff([whole(t65000=("H", [7] * 500_000))])
    assert np.array_equal(read(tmp_path, content), RGB)


def test_a_large_tag_that_is_looked_at_is_refused(tmp_path):
    (tmp_path / "a.tif").write_bytes(tiff([whole(t340=("H", [7] * 500_000))]))
    (bad,) = check_images([tmp_path / "a.tif"])
    assert bad.reason == "a TIFF tag of 500,000 numbers, above the limit of 400,000"
