import io

import pytest
from PIL import Image

from ldpf.data.header_facts import (
    HeaderError,
    is_slow,
    is_unlimited,
    jpeg2000_levels,
    jpeg_header,
    require_no_padding,
    tiff_header,
    webp_size,
)


def saved(kind: str, size=(80, 50), mode="RGB", **options) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size).save(stream, kind, **options)
    return stream.getvalue()


def test_an_ordinary_jpeg_keeps_no_coefficients():
    header = jpeg_header(io.BytesIO(saved("JPEG")))
    assert (header.coefficients, header.scans, header.pixels) == (0, 1, 4000)


@pytest.mark.parametrize(("subsampling", "values"), [(0, 3.0), (1, 2.0), (2, 1.5)])
def test_a_progressive_jpeg_keeps_two_bytes_of_every_value(subsampling, values):
    data = saved("JPEG", progressive=True, subsampling=subsampling)
    header = jpeg_header(io.BytesIO(data))
    assert header.coefficients == 2 * values * 4000
    assert header.scans == data.count(b"\xff\xda")


def test_scans_of_a_second_image_in_the_file_do_not_count():
    data = saved("JPEG", progressive=True)
    assert jpeg_header(io.BytesIO(data + data)).scans == jpeg_header(io.BytesIO(data)).scans


@pytest.mark.parametrize("filler", [b"\xff" * 20_000, b"\xff\xfe\x00\x02" * 20_000])
def test_a_jpeg_with_endless_segments_is_refused(filler):
    data = saved("JPEG")
    with pytest.raises(HeaderError, match="more than 10,000 segments"):
        jpeg_header(io.BytesIO(data[:2] + filler + data[2:]))


def test_a_jpeg_of_padding_is_refused():
    data = saved("JPEG")
    padded = data[:-2] + b"\xff" * 2**21 + data[-2:]
    with pytest.raises(HeaderError, match="4,000 pixels in 2,09"):
        require_no_padding(io.BytesIO(padded), len(padded))


def test_a_film_behind_a_jpeg_is_no_padding():
    data = saved("JPEG") + bytes(range(255)) * 2**13
    stream = io.BytesIO(data)
    require_no_padding(stream, len(data))
    assert stream.tell() == len(data)  # looked at to its end


@pytest.mark.parametrize(
    ("mode", "options"),
    [("RGB", {}), ("RGB", {"lossless": True}), ("RGBA", {"lossless": True}), ("RGBA", {})],
)
def test_the_size_of_a_webp_is_in_its_first_bytes(mode, options):
    assert webp_size(saved("WEBP", (431, 77), mode, **options)[:256]) == (431, 77)


@pytest.mark.parametrize("head", [b"", b"RIFF", saved("PNG")[:256]])
def test_what_is_no_webp_has_no_such_size(head):
    assert webp_size(head) is None


@pytest.mark.parametrize("big", [False, True])
def test_a_tiff_says_how_it_is_packed(big):
    data = saved("TIFF", compression="tiff_lzw", big_tiff=big, tiffinfo={274: 6, 278: 50})
    header = tiff_header(io.BytesIO(data))
    assert header is not None
    assert (header.compression, header.piece, header.turned) == (5, 80 * 50 * 3, True)
    assert header.most_values == 3  # bits of each channel


@pytest.mark.parametrize("data", [b"", b"II*\0", b"II*\0\xff\xff\xff\xff" + bytes(8), saved("PNG")])
def test_no_tiff_or_one_cut_off_says_nothing(data):
    header = tiff_header(io.BytesIO(data))
    assert header is None or header.piece == 0


def test_a_compressed_tiff_may_be_slow_and_one_of_the_usual_kinds_is_not():
    slow = {}
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg", "lzma"):
        stream = io.BytesIO(saved("TIFF", compression=compression))
        slow[compression] = is_slow(Image.open(stream), stream)
    assert slow == {
        "raw": False,
        "tiff_lzw": False,
        "tiff_adobe_deflate": False,
        "jpeg": True,
        "lzma": True,
    }


def test_decoders_that_take_a_file_at_once_are_known_by_its_beginning():
    heads = {kind: saved(kind)[:256] for kind in ("JPEG", "PNG", "WEBP", "GIF", "JPEG2000")}
    assert [kind for kind, head in heads.items() if is_unlimited(head)] == ["JPEG2000"]


@pytest.mark.parametrize("levels", [1, 3, 6])
def test_how_often_a_jpeg_2000_can_be_halved(levels):
    data = saved("JPEG2000", (300, 300), num_resolutions=levels)
    assert jpeg2000_levels(io.BytesIO(data)) == levels - 1
