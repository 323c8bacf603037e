"""Metadata of any size: read past it, unpack no bomb."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin
from PIL.PngImagePlugin import MAX_TEXT_CHUNK, PngInfo

from ldpf.data import read_image
from ldpf.data.images import check_images
from ldpf.data.png_chunks import significant_bits, without_bad_metadata

MEGABYTE = 2**20


def picture():
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunks(*chunks, at_end=False):
    """The picture as PNG with further chunks behind the header, or behind the pixels."""
    stream = io.BytesIO()
    picture().save(stream, "PNG")
    content = stream.getvalue()
    place = len(content) - 12 if at_end else 8 + 25
    return content[:place] + b"".join(chunks) + content[place:]


def reads_well(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    assert check_images([tmp_path / "a.png"]) == []
    return np.array_equal(np.asarray(read_image(tmp_path / "a.png")), np.asarray(picture()))


TEXT = b"x" * (3 * MEGABYTE)
PACKED = zlib.compress(TEXT)
PROFILE = zlib.compress(np.random.default_rng(0).bytes(3 * MEGABYTE // 2))

LARGE = {
    "tEXt": chunk(b"tEXt", b"Comment\0" + TEXT),
    "tEXt beyond all limits": chunk(b"tEXt", b"Comment\0" + TEXT * 25),
    "zTXt": chunk(b"zTXt", b"Comment\0\0" + PACKED),
    "iTXt packed": chunk(b"iTXt", b"Comment\0\1\0en\0\0" + PACKED),
    "iTXt plain": chunk(b"iTXt", b"Comment\0\0\0en\0\0" + TEXT),
    "profile": chunk(b"iCCP", b"icc\0\0" + PROFILE),
    "EXIF": chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\0\0\0\0\0" + TEXT),
    "unknown": chunk(b"prVt", TEXT),
}


@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("at_end", [False, True], ids=["before", "behind"])
def test_large_metadata_costs_no_picture(tmp_path, name, at_end):
    assert reads_well(tmp_path, with_chunks(LARGE[name], at_end=at_end))


@pytest.mark.slow
def test_many_texts_that_are_large_together_cost_no_picture(tmp_path):
    one = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * (MEGABYTE - 100)))
    assert reads_well(tmp_path, with_chunks(*[one] * 70))


def test_large_metadata_as_pillow_writes_it(tmp_path):
    info = PngInfo()
    info.add_text("a", "x" * 3 * MEGABYTE, zip=True)
    info.add_itxt("b", "ä" * 2 * MEGABYTE, zip=True)
    profile = np.random.default_rng(1).bytes(3 * MEGABYTE // 2)
    picture().save(tmp_path / "a.png", pnginfo=info, icc_profile=profile)
    assert reads_well(tmp_path, (tmp_path / "a.png").read_bytes())


@pytest.mark.slow
def test_a_bomb_is_skipped_not_unpacked():
    bomb = zlib.compress(bytes(200 * MEGABYTE), 9)
    content = with_chunks(chunk(b"zTXt", b"Comment\0\0" + bomb))
    tracemalloc.start()
    try:
        kept = without_bad_metadata(io.BytesIO(content))
        assert tracemalloc.get_traced_memory()[1] < 8 * MEGABYTE
    finally:
        tracemalloc.stop()
    assert kept.read() == with_chunks()


def test_small_metadata_is_kept_and_the_stream_is_the_same():
    small = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * (MAX_TEXT_CHUNK - 1)))
    stream = io.BytesIO(with_chunks(small, chunk(b"tEXt", b"Author\0me")))
    assert without_bad_metadata(stream) is stream and stream.tell() == 0


def test_the_rotation_is_kept_when_a_large_text_goes(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    info = PngInfo()
    info.add_text("a", "x" * 3 * MEGABYTE, zip=True)
    picture().save(tmp_path / "a.png", exif=exif, pnginfo=info)
    assert read_image(tmp_path / "a.png").size == (30, 40)


WRONG = {
    "checksum of a text": chunk(b"tEXt", b"Author\0me")[:-4] + bytes(4),
    "checksum of a profile": LARGE["profile"][:-4] + bytes(4),
    "checksum of an unknown one": chunk(b"prVt", b"x" * 200_000)[:-4] + bytes(4),
    "length of gAMA": chunk(b"gAMA", b"a"),
    "length of cHRM": chunk(b"cHRM", b"abcdefg"),
    "length of sRGB": chunk(b"sRGB", b""),
    "length of pHYs": chunk(b"pHYs", b"ab"),
    "length of acTL": chunk(b"acTL", b"ab"),
    "profile without a name": chunk(b"iCCP", b"x" * 200),
    "packing of a text": chunk(b"zTXt", b"Author\0\5me"),
    "packing of a profile": chunk(b"iCCP", b"icc\0\7" + PACKED[:50]),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("at_end", [False, True], ids=["before", "behind"])
def test_broken_metadata_costs_no_picture(tmp_path, name, at_end):
    assert reads_well(tmp_path, with_chunks(WRONG[name], at_end=at_end))


def test_a_broken_chunk_of_pixels_is_bad(tmp_path):
    content = with_chunks()
    place = content.index(b"IDAT") + 4 + 20  # in the packed pixels
    (tmp_path / "a.png").write_bytes(content[:place] + bytes(8) + content[place + 8 :])
    (bad,) = check_images([tmp_path / "a.png"])
    assert bad.reason.startswith("damaged or cut off")


def test_a_png_of_xcode_is_named(tmp_path):
    content = with_chunks()
    (tmp_path / "a.png").write_bytes(content[:8] + chunk(b"CgBI", bytes(4)) + content[8:])
    (bad,) = check_images([tmp_path / "a.png"])
    assert bad.reason.startswith("a PNG as Xcode packs it into apps for iPhones (CgBI)")


def test_a_file_that_ends_in_a_chunk_is_bad_not_endless(tmp_path):
    (tmp_path / "a.png").write_bytes(with_chunks()[:60] + b"\xff\xff\xff\xffzTXt")
    (bad,) = check_images([tmp_path / "a.png"])
    assert bad.reason.startswith("damaged or cut off")


def test_significant_bits_are_read_before_the_pixels_only():
    assert significant_bits(io.BytesIO(with_chunks(chunk(b"sBIT", b"\5\6\5")))) == 6
    assert significant_bits(io.BytesIO(with_chunks())) is None
    late = with_chunks(chunk(b"sBIT", b"\5\6\5"), at_end=True)
    assert significant_bits(io.BytesIO(late)) is None


# Other formats


@pytest.mark.parametrize("ending", ["jpg", "webp", "tif", "avif"])
def test_a_large_profile_costs_no_picture_of_other_formats(tmp_path, ending):
    profile = np.random.default_rng(1).bytes(3 * MEGABYTE // 2)
    picture().save(tmp_path / f"a.{ending}", icc_profile=profile)
    assert check_images([tmp_path / f"a.{ending}"]) == []
    assert read_image(tmp_path / f"a.{ending}").size == (40, 30)


def test_a_jpeg_of_hundreds_of_segments_is_read(tmp_path):
    picture().save(tmp_path / "a.jpg")
    content = (tmp_path / "a.jpg").read_bytes()
    segment = b"\xff\xed\xff\xff" + b"Photoshop 3.0\0" + bytes(65_533 - 14)
    comment = b"\xff\xfe\xff\xff" + b"x" * 65_533
    (tmp_path / "a.jpg").write_bytes(content[:2] + segment * 60 + comment * 60 + content[2:])
    assert check_images([tmp_path / "a.jpg"]) == []
    assert read_image(tmp_path / "a.jpg").size == (40, 30)


def test_a_tiff_with_large_tags_is_read(tmp_path):
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[270] = "x" * 3 * MEGABYTE  # the description
    info[700] = TEXT  # XMP
    info.tagtype[700] = 1
    picture().save(tmp_path / "a.tif", tiffinfo=info)
    assert check_images([tmp_path / "a.tif"]) == []
    assert np.array_equal(np.asarray(read_image(tmp_path / "a.tif")), np.asarray(picture()))


@pytest.mark.slow
def test_a_gif_with_a_large_comment_is_read(tmp_path):
    picture().save(tmp_path / "a.gif", comment=TEXT)
    assert check_images([tmp_path / "a.gif"]) == []
    assert read_image(tmp_path / "a.gif").size == (40, 30)
