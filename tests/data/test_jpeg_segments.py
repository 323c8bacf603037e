"""JPEG files: metadata that Pillow stumbles over, and kinds that it does not read."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from ldpf.data import read_image
from ldpf.data.images import check_images
from ldpf.data.jpeg_segments import segments, without_metadata


def jpeg(**options):
    across, down = np.meshgrid(np.arange(40), np.arange(30))
    pixels = np.stack([6 * across, 8 * down, 3 * (across + down)], axis=-1).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", **options)
    return stream.getvalue()


def segment(marker, data):
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def rotated():
    exif = Image.Exif()
    exif[0x0112] = 6
    return jpeg(exif=exif)


def with_segment(content, part):
    return content[:2] + part + content[2:]


def read(tmp_path, content):
    (tmp_path / "a.jpg").write_bytes(content)
    return np.asarray(read_image(tmp_path / "a.jpg"))


BROKEN = {
    "a profile that ends": segment(0xE2, b"ICC_PROFILE\0"),
    "inks that end": segment(0xEE, b"Adobe"),
    "JFIF that ends": segment(0xE0, b"JFIF\0"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_metadata_costs_no_picture(tmp_path, name):
    content = with_segment(rotated(), BROKEN[name])
    expected = read(tmp_path, rotated())
    assert expected.shape == (40, 30, 3)  # upright
    assert np.array_equal(read(tmp_path, content), expected)
    assert check_images([tmp_path / "a.jpg"]) == []


def test_inks_stay_as_they_were_stored(tmp_path):
    stream = io.BytesIO()
    Image.new("CMYK", (16, 16), (0, 200, 100, 30)).save(stream, "JPEG", quality=95)
    plain = read(tmp_path, stream.getvalue())
    broken = with_segment(stream.getvalue(), BROKEN["a profile that ends"])
    assert np.array_equal(read(tmp_path, broken), plain)


def test_without_metadata_only_rotation_and_inks_are_left():
    content = with_segment(rotated(), segment(0xFE, b"a comment") + segment(0xE5, b"other"))
    kept = without_metadata(io.BytesIO(content))
    markers = [marker for marker, _, _ in segments(kept)]
    assert [m for m in markers if 0xE0 <= m <= 0xFE] == [0xE1]
    pixels = content[content.index(b"\xff\xdb") :]  # from the first table on
    kept.seek(0)
    assert kept.read().endswith(pixels)


@pytest.mark.parametrize(
    ("marker", "bits", "kind"),
    [
        (0xC1, 12, "a JPEG of 12 bits"),
        (0xC3, 8, "a lossless JPEG"),
        (0xC5, 8, "a hierarchical JPEG"),
        (0xF7, 8, "a JPEG-LS file"),
    ],
)
def test_kinds_that_are_not_read_are_named(tmp_path, marker, bits, kind):
    content = bytearray(jpeg())
    frame = next(start for found, start, _ in segments(io.BytesIO(content)) if found == 0xC0)
    content[frame + 1], content[frame + 4] = marker, bits
    (tmp_path / "a.jpg").write_bytes(content)
    (bad,) = check_images([tmp_path / "a.jpg"])
    assert bad.reason.startswith(f"{kind}, which Pillow does not read; save it as")


def test_a_jpeg_without_a_frame_is_named_by_its_beginning(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff\xfe\0\4me\xff\xd9")
    (bad,) = check_images([tmp_path / "a.jpg"])
    assert bad.reason.startswith("not an image, or its header is damaged (it begins with")


def test_more_segments_than_are_looked_at_cost_no_picture(tmp_path):
    content = with_segment(jpeg(), segment(0xFE, b"x") * 20_000)
    assert np.array_equal(read(tmp_path, content), read(tmp_path, jpeg()))
