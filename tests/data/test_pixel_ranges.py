"""Images of more than 8 bits: black, white, no data, significant bits, inverted scales."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from ldpf.data import read_image
from ldpf.data.images import check_images, rgb_image
from ldpf.data.pixel_ranges import FEW_LEVELS

NODATA, PHOTOMETRIC, GREATEST = 42113, 262, 281
LOWEST = float(np.finfo(np.float32).min)


def gray(file):
    pixels = np.asarray(read_image(file))
    assert (pixels == pixels[..., :1]).all()
    assert check_images([file]) == []
    return pixels[..., 0].tolist()


def tiff(path, values, **tags):
    """A TIFF as Pillow writes it, with further tags by number."""
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        info[int(tag.removeprefix("t"))] = value
    Image.fromarray(np.asarray(values)).save(path, tiffinfo=info)
    return path


def raw_tiff(path, values, bits, sample_format, photometric=1, order="<", **tags):
    """A TIFF with any sample format and photometric interpretation; one strip, uncompressed."""
    height, width = values.shape[:2]
    channels = values.shape[2] if values.ndim == 3 else 1
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    entries = {
        256: (4, [width]), 257: (4, [height]), 258: (3, [bits] * channels), 259: (3, [1]),
        262: (3, [photometric]), 277: (3, [channels]), 278: (4, [height]), 279: (4, [len(data)]),
        339: (3, [sample_format] * channels), 273: (4, [0]),
    }  # fmt: skip
    entries |= {int(tag.removeprefix("t")): (3, [value] * channels) for tag, value in tags.items()}
    end = 8 + 2 + 12 * len(entries) + 4
    extra = b""
    directory = struct.pack(order + "H", len(entries))
    strip = end + sum(2 * len(n) for _, (kind, n) in entries.items() if kind == 3 and len(n) > 2)
    for tag, (kind, numbers) in sorted(entries.items()):
        numbers = [strip] if tag == 273 else numbers
        packed = struct.pack(order + ("H" if kind == 3 else "I") * len(numbers), *numbers)
        if len(packed) > 4:
            extra, packed = extra + packed, struct.pack(order + "I", end + len(extra))
        directory += struct.pack(order + "HHI", tag, kind, len(numbers)) + packed.ljust(4, b"\0")
    mark = b"II*\0" if order == "<" else b"MM\0*"
    head = mark + struct.pack(order + "I", 8)
    path.write_bytes(head + directory + bytes(4) + extra + data)
    return path


def png(path, values, significant=None, transparent=None):
    """A 16-bit PNG of one to four channels, with the chunks sBIT and tRNS."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    values = np.asarray(values)
    channels = values.shape[2] if values.ndim == 3 else 1
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    height, width = values.shape[:2]
    body = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))
    if significant is not None:
        body += chunk(b"sBIT", bytes([significant] * channels))
    if transparent is not None:
        body += chunk(b"tRNS", struct.pack(">H", transparent))
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    body += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


SIXTEEN = np.array([[0, 257, 25_700, 65_535]], np.uint16)


# Min-is-white


def test_16_bit_min_is_white_comes_out_positive(tmp_path):
    file = raw_tiff(tmp_path / "a.tif", SIXTEEN, 16, 1, photometric=0)
    assert gray(file) == [[255, 254, 155, 0]]


def test_16_bit_black_is_zero_stays_as_it_is(tmp_path):
    file = raw_tiff(tmp_path / "a.tif", SIXTEEN, 16, 1, photometric=1)
    assert gray(file) == [[0, 1, 100, 255]]


def test_big_endian_16_bit(tmp_path):
    file = raw_tiff(tmp_path / "a.tif", SIXTEEN, 16, 1, photometric=1, order=">")
    assert gray(file) == [[0, 1, 100, 255]]


def test_8_bit_and_1_bit_min_is_white_are_inverted_once(tmp_path):
    eight = np.array([[0, 100, 255]], np.uint8)
    assert gray(raw_tiff(tmp_path / "a.tif", eight, 8, 1, photometric=0)) == [[255, 155, 0]]
    assert gray(tiff(tmp_path / "b.tif", eight)) == [[0, 100, 255]]
    one = Image.fromarray(np.array([[0, 255] * 4], np.uint8)).convert("1")
    one.save(tmp_path / "c.tif", compression="group4")
    assert gray(tmp_path / "c.tif") == [[0, 255] * 4]


def test_float_min_is_white_is_inverted(tmp_path):
    values = np.array([[0.0, 0.25, 1.0]], np.float32)
    assert gray(raw_tiff(tmp_path / "a.tif", values, 32, 3, photometric=0)) == [[255, 191, 0]]


@pytest.mark.parametrize("bits", [16, 64])
def test_a_tiff_that_pillow_does_not_read_is_named(tmp_path, bits):
    values = SIXTEEN if bits == 16 else SIXTEEN.astype(np.float64)
    photometric, order = (0, ">") if bits == 16 else (1, "<")
    raw_tiff(tmp_path / "a.tif", values, bits, 1 if bits == 16 else 3, photometric, order)
    (bad,) = check_images([tmp_path / "a.tif"])
    assert "a TIFF of a kind that Pillow does not read" in bad.reason


# No data


@pytest.mark.parametrize("mark", [-9999.0, LOWEST, -3.4e38, 1e38, float("nan"), float("inf")])
def test_a_float_border_without_data_is_white_and_moves_no_other_value(tmp_path, mark):
    values = np.array([[mark, mark, mark], [0.0, 0.5, 1.0]], np.float32)
    assert gray(tiff(tmp_path / "a.tif", values)) == [[255] * 3, [0, 128, 255]]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-1.79769313486231570e+308", -np.inf),
        ("-9999", -9999.0),
        ("-3.4028234663852886e+38", LOWEST),
        ("7", 7.0),
    ],
)
def test_the_no_data_tag_counts_for_floats(tmp_path, text, value):
    values = np.array([[value, value, 1.0], [0.0, 0.5, 1.0]], np.float32)
    file = tiff(tmp_path / "a.tif", values, t42113=text)
    assert gray(file) == [[255, 255, 255], [0, 128, 255]]


def test_the_no_data_tag_counts_for_signed_and_unsigned_integers(tmp_path):
    signed = np.array([[-1, 0, 128, 255]], np.int32)
    assert gray(tiff(tmp_path / "a.tif", signed, t42113="-1")) == [[255, 0, 128, 255]]
    unsigned = np.array([[7, 0, 25_700, 65_535]], np.uint16)
    assert gray(tiff(tmp_path / "b.tif", unsigned, t42113="7")) == [[255, 0, 100, 255]]


def test_the_no_data_tag_counts_for_8_bits_gray_and_color(tmp_path):
    gray_values = np.array([[0, 1, 200, 255]], np.uint8)
    assert gray(tiff(tmp_path / "a.tif", gray_values, t42113="0")) == [[255, 1, 200, 255]]
    color = np.array([[[0, 0, 0], [0, 0, 9], [5, 6, 7]]], np.uint8)
    read = np.asarray(read_image(tiff(tmp_path / "b.tif", color, t42113="0")))
    assert read.tolist() == [[[255, 255, 255], [0, 0, 9], [5, 6, 7]]]


@pytest.mark.parametrize("mark", [-9999, -32768])
def test_a_16_bit_signed_border_keeps_the_levels_of_the_rest(tmp_path, mark):
    values = np.array([[mark, mark, mark], [0, 1000, 4095]], np.int16)
    file = raw_tiff(tmp_path / "a.tif", values, 16, 2)
    assert gray(file) == [[255] * 3, [0, 62, 255]]


def test_a_least_value_with_neighbors_is_no_mark(tmp_path):
    values = np.array([[-9999, -9000, 0, 1]], np.int32)
    assert gray(tiff(tmp_path / "a.tif", values))[0] == [0, 25, 255, 255]


def test_a_tag_that_names_another_value_leaves_the_usual_marks_alone(tmp_path):
    values = np.array([[-9999.0, 0.0, 9999.0]], np.float32)
    assert gray(tiff(tmp_path / "a.tif", values, t42113="-1")) == [[0, 128, 255]]


def test_no_data_of_an_inverted_image_is_white_too(tmp_path):
    values = np.array([[np.nan, 0.0, 1.0]], np.float32)
    assert gray(raw_tiff(tmp_path / "a.tif", values, 32, 3, photometric=0)) == [[255, 255, 0]]


def test_nothing_but_no_data_is_bad(tmp_path):
    tiff(tmp_path / "a.tif", np.full((2, 2), np.nan, np.float32))
    (bad,) = check_images([tmp_path / "a.tif"])
    assert bad.reason.startswith("holds no-data values only")


def test_the_transparent_gray_of_a_16_bit_png_is_white(tmp_path):
    assert gray(png(tmp_path / "a.png", [[0, 25_700, 500]], transparent=500)) == [[0, 100, 255]]


# Significant bits

TWELVE = np.array([[0, 1024, 2048, 4095]], np.uint16)
TWELVE_SHOWN, DARK = [0, 64, 128, 255], [0, 4, 8, 16]


def test_12_bits_in_a_16_bit_png_use_the_whole_range(tmp_path):
    assert gray(png(tmp_path / "a.png", TWELVE, significant=12)) == [[0, 64, 128, 255]]


def test_12_bits_scaled_up_as_png_has_it_stay_as_they_are(tmp_path):
    file = png(tmp_path / "a.png", TWELVE << 4 | TWELVE >> 8, significant=12)
    assert gray(file) == [[0, 64, 128, 255]]


def test_without_a_word_on_its_bits_a_dark_png_stays_dark(tmp_path):
    assert gray(png(tmp_path / "a.png", TWELVE)) == [[0, 4, 8, 16]]


def test_12_bits_in_a_16_bit_tiff_use_the_whole_range(tmp_path):
    file = raw_tiff(tmp_path / "a.tif", TWELVE, 16, 1, t281=4095)
    assert gray(file) == [[0, 64, 128, 255]]


@pytest.mark.parametrize(
    ("description", "shown"),
    [
        ('<OME><Image><Pixels SignificantBits="12" Type="uint16"/></Image></OME>', TWELVE_SHOWN),
        ("ImageJ=1.53\nmin=0.0\nmax=4095.0\n", TWELVE_SHOWN),
        ("ImageJ=1.53\nmin=0\nmax=4095\n", TWELVE_SHOWN),
        ("ImageJ=1.53\nmin=0.0\nmax=3120.0\n", DARK),
        ("of a program\nmax=4095.0\n", DARK),
        ('<OME><Image><Pixels SignificantBits="16" Type="uint16"/></Image></OME>', DARK),
    ],
)
def test_descriptions_of_microscopes_say_how_many_bits_count(tmp_path, description, shown):
    assert gray(tiff(tmp_path / "a.tif", TWELVE, t270=description)) == [shown]


def test_the_greatest_value_of_one_image_is_no_number_of_bits(tmp_path):
    file = raw_tiff(tmp_path / "a.tif", TWELVE, 16, 1, t281=5000)
    assert gray(file) == [[0, 4, 8, 16]]


def test_12_bit_samples_of_a_tiff_use_the_whole_range(tmp_path):
    pairs = np.array([[0, 1024, 2048, 4095]], np.uint16)
    packed = bytearray()
    for first, second in pairs.reshape(-1, 2).tolist():
        packed += bytes([first >> 4, (first & 15) << 4 | second >> 8, second & 255])
    file = raw_tiff(tmp_path / "a.tif", np.frombuffer(bytes(packed), np.uint8)[None], 12, 1)
    content = bytearray(file.read_bytes())
    struct.pack_into("<I", content, 8 + 2 + 8, 4)  # the width: four samples in six bytes
    file.write_bytes(content)
    assert gray(file) == [[0, 64, 128, 255]]


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_color_and_alpha_of_12_bits_use_the_whole_range(tmp_path, channels):
    values = np.repeat(TWELVE[..., None], channels, axis=2)
    if channels in (2, 4):
        values[..., -1] = 4095
    read = np.asarray(read_image(png(tmp_path / "a.png", values, significant=12)))
    assert read[0].tolist() == [[v] * 3 for v in (0, 64, 128, 255)]


def test_color_of_8_bits_in_16_use_the_whole_range(tmp_path):
    values = np.repeat(np.array([[[0], [100], [255]]], np.uint16), 3, axis=2)
    read = np.asarray(read_image(png(tmp_path / "a.png", values, significant=8)))
    assert read[0].tolist() == [[0] * 3, [100] * 3, [255] * 3]


@pytest.mark.parametrize("order", ["<", ">"])
def test_color_of_12_bits_in_a_16_bit_tiff(tmp_path, order):
    values = np.stack([TWELVE, TWELVE, TWELVE[:, ::-1]], axis=-1)
    file = raw_tiff(tmp_path / "a.tif", values, 16, 1, photometric=2, order=order, t281=4095)
    read = np.asarray(read_image(file))
    assert read[0].tolist() == [[0, 0, 255], [64, 64, 128], [128, 128, 64], [255, 255, 0]]


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_16_bit_color_and_alpha_of_all_bits(tmp_path, channels):
    values = np.repeat(SIXTEEN[..., None], channels, axis=2)
    if channels in (2, 4):
        values[..., -1] = 65535
    read = np.asarray(read_image(png(tmp_path / "a.png", values))).astype(int)
    assert np.abs(read[0] - np.array([[v] * 3 for v in (0, 1, 100, 255)])).max() <= 1


# Integers and floats


def test_integers_are_scaled_from_the_smallest_number_of_bits_that_holds_them(tmp_path):
    values = np.array([[0, 1024, 2048, 4095]], np.int32)
    assert gray(tiff(tmp_path / "a.tif", values)) == [[0, 64, 128, 255]]


def test_unsigned_32_bit_integers_have_no_sign(tmp_path):
    values = np.array([[0, 2**31, 2**32 - 1]], np.uint32)
    assert gray(raw_tiff(tmp_path / "a.tif", values, 32, 1)) == [[0, 128, 255]]


def test_signed_bytes_have_one(tmp_path):
    values = np.array([[-100, 0, 100]], np.int8)
    assert gray(raw_tiff(tmp_path / "a.tif", values, 8, 2)) == [[0, 128, 255]]


def test_a_constant_image_is_read(tmp_path):
    assert gray(tiff(tmp_path / "a.tif", np.full((1, 2), 0.5, np.float32))) == [[128, 128]]
    assert gray(tiff(tmp_path / "b.tif", np.full((1, 2), 1e6, np.float32))) == [[0, 0]]


def test_lab_becomes_rgb(tmp_path):
    lab = Image.new("LAB", (4, 4), (136, 208, 195))  # L* 53.3, a* 80, b* 67: red
    lab.save(tmp_path / "a.tif")
    red, green, blue = np.asarray(read_image(tmp_path / "a.tif"))[0, 0].tolist()
    assert red > 240 and green < 40 and blue < 40


# Alpha


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_an_alpha_of_zero_everywhere_is_ignored(tmp_path, mode):
    color = (200, 0) if mode == "LA" else (200, 100, 50, 0)
    Image.new(mode, (4, 4), color).save(tmp_path / "a.png")
    expected = [200, 200, 200] if mode == "LA" else [200, 100, 50]
    assert np.asarray(read_image(tmp_path / "a.png"))[0, 0].tolist() == expected


def test_a_palette_that_is_transparent_throughout_keeps_its_colors(tmp_path):
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 10, 200, 30])
    image.save(tmp_path / "a.png", transparency=bytes([0, 0]))
    assert np.asarray(read_image(tmp_path / "a.png"))[0, 0].tolist() == [10, 200, 30]


# What little is left is noted


def test_two_levels_of_many_values_are_noted(tmp_path):
    values = np.linspace(0, 1, 400, dtype=np.float32).reshape(20, 20)
    values[0, 0] = -77_777  # a mark that nobody knows
    note = read_image(tiff(tmp_path / "a.tif", values)).info[FEW_LEVELS]
    assert note == "2 levels of gray of at least 400 values"
    assert FEW_LEVELS not in read_image(tiff(tmp_path / "b.tif", values, t42113="-77777")).info


def test_an_image_that_is_open_already_follows_the_same_rules(tmp_path):
    file = png(tmp_path / "a.png", TWELVE, significant=12)
    with Image.open(file) as image:
        assert np.asarray(rgb_image(image))[0, :, 0].tolist() == [0, 64, 128, 255]
