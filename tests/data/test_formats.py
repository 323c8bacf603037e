"""Formats read by plug-ins, and the names of what is not read."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from PIL import Image

from ldpf.data import image_endings, iter_image_files, load_dataset, read_image
from ldpf.data.formats import AVIF, DICOM, HEIC, JPEG_XL, format_of, why_unread
from ldpf.data.images import UnreadableImageError, check_images


def needs(module):
    there = importlib.util.find_spec(module) is not None
    return pytest.mark.skipif(not there, reason=f"{module} is not installed")


def picture(width=48, height=32):
    """Left half dark red, right half light blue."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2] = (120, 20, 20)
    pixels[:, width // 2 :] = (120, 180, 240)
    return Image.fromarray(pixels)


def is_the_picture(image):
    pixels = np.asarray(image).astype(int)
    dark, light = pixels[8, 8], pixels[8, -8]
    assert image.mode == "RGB"
    return abs(dark - (120, 20, 20)).max() < 25 and abs(light - (120, 180, 240)).max() < 25


@pytest.fixture
def heic(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    file = tmp_path / "photo.HEIC"
    pillow_heif.from_pillow(picture()).save(file, quality=90)
    return file


def test_a_heic_picture_is_read(heic):
    assert is_the_picture(read_image(heic))
    assert is_the_picture(read_image("upload", data=heic.read_bytes()))


def test_a_heic_picture_that_is_cut_off_is_bad(heic):
    heic.write_bytes(heic.read_bytes()[:-200])
    (bad,) = check_images([heic])
    assert bad.reason.startswith("damaged or cut off")


@pytest.mark.usefixtures("heic")
def test_heic_files_are_found_where_they_are_read(heic):
    assert {".heic", ".heif"} <= image_endings()
    assert list(iter_image_files(heic.parent)) == [heic]


@needs("PIL._avif")
def test_an_avif_picture_is_read(tmp_path):
    picture().save(tmp_path / "a.avif", quality=90)
    assert is_the_picture(read_image(tmp_path / "a.avif"))


@needs("pillow_jxl")
def test_a_jpeg_xl_picture_is_read(tmp_path):
    assert JPEG_XL.load()
    picture().save(tmp_path / "a.jxl", quality=90)
    assert is_the_picture(read_image(tmp_path / "a.jxl"))


@needs("PIL._avif")
def test_an_avif_picture_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    picture().save(tmp_path / "a.avif", exif=exif)
    assert read_image(tmp_path / "a.avif").size == (32, 48)


HEADS = {
    HEIC: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40),
    AVIF: b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf" + bytes(40),
    JPEG_XL: b"\xff\x0a" + bytes(40),
    DICOM: bytes(128) + b"DICM" + bytes(40),
}


@pytest.mark.parametrize("optional", HEADS, ids=lambda optional: optional.name)
@pytest.mark.usefixtures("no_plugins")
def test_a_format_without_its_plugin_is_named_with_the_way_to_it(optional, tmp_path, monkeypatch):
    monkeypatch.setattr("ldpf.data.opening.pillow_readers", lambda: ("JPEG", "PNG"))
    (tmp_path / "photo").write_bytes(HEADS[optional])
    with pytest.raises(UnreadableImageError) as error:
        read_image(tmp_path / "photo")
    assert format_of(HEADS[optional]) is optional
    assert error.value.reason == (
        f"a picture in the format {optional.name}, which needs a plug-in: {optional.install}"
    )
    assert not optional.endings & image_endings()


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"\n<HTML>", "a web page"),
        (b"PK\x03\x04abc", "a zip archive"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"\0\0\0\x18ftypisom\0\0\0\0mp42", "a film"),
        (b"8BPS\0\x01", "Photoshop"),
        (b"II\xbc\x01\x20", "JPEG XR"),
        (b"qoif\0\0", "QOI"),
        (b"RIFF\0\0\0\0AVI LIST", "a film or sound"),
        (b"\0\5\x16\7\0\2", "what macOS keeps beside a file"),
        (b"data:image/png;base64,iVBOR", "as text (base64); decode it first"),
        (b"/9j/4AAQSkZJRg", "as text (base64); decode it first"),
        (b"iVBORw0KGgoAAAANSUhEUg", "as text (base64); decode it first"),
        (b'{"error": "not found"}', "a JSON text"),
    ],
)
def test_what_a_file_looks_like_is_said(head, words):
    assert why_unread(head).startswith("not an image, or its header is damaged (it begins with")
    assert words in why_unread(head)


def test_a_damaged_picture_is_not_taken_for_something_else():
    for head in (b"RIFF\0\0\0\0WEBPVP8 ", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"):
        assert "looks like" not in why_unread(head)


@pytest.mark.parametrize(
    ("ending", "kind"),
    [(".apng", "PNG"), (".mpo", "MPO"), (".jif", "JPEG"), (".j2k", "JPEG2000"), (".pfm", "PPM")],
)
def test_further_endings_of_the_formats_are_found_and_read(tmp_path, ending, kind):
    mode = "F" if ending == ".pfm" else "RGB"
    Image.new(mode, (8, 8)).save(tmp_path / f"a{ending}", kind)
    (file,) = iter_image_files(tmp_path)
    assert read_image(file).size == (8, 8)


def test_a_plugin_whose_library_is_missing_counts_as_not_installed(monkeypatch):
    def fail(name):
        raise ImportError("libheif.so.1: cannot open shared object file")

    monkeypatch.setattr("ldpf.data.formats.importlib.import_module", fail)
    assert not HEIC.load()


def test_a_class_of_heic_pictures_alone_is_a_class(heic):
    folder = heic.parent / "data"
    for name in ("dog", "cat"):
        (folder / name).mkdir(parents=True)
        (folder / name / "1.heic").write_bytes(heic.read_bytes())
    assert load_dataset(folder).class_names == ("cat", "dog")
