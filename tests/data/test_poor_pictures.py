"""Pictures that show nearly nothing are warned of once, at every entrance."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import ldpf
from ldpf.data import from_arrays, load_dataset, read_image
from ldpf.data.poor_pictures import PoorPictures, why_poor
from ldpf.features.encode import stream_features
from ldpf.features.inputs import to_features


def picture(low, high, size=(100, 80)):
    """Noise between two gray values."""
    draws = np.random.default_rng(0).integers(low, high + 1, size[::-1], dtype=np.uint8)
    draws[0, :2] = low, high
    return Image.fromarray(draws).convert("RGB")


def warnings_of(caplog):
    return [r.getMessage() for r in caplog.records if "one color or next to none" in r.msg]


@pytest.mark.parametrize("size", [(100, 80), (20, 10)])
def test_one_color_and_next_to_one_are_told_from_others(size):
    assert why_poor(picture(7, 7, size)) == "one color"
    assert why_poor(picture(7, 23, size)).startswith("next to one color: 16 of 255 levels")
    assert why_poor(picture(7, 24, size)) is None


@pytest.mark.parametrize("size", [20, 100])
def test_12_bits_in_16_of_which_the_file_says_nothing_are_poor(tmp_path, size):
    values = np.linspace(0, 4095, size * size).round().astype(np.uint16).reshape(size, size)
    Image.fromarray(values).save(tmp_path / "a.png")
    assert why_poor(read_image(tmp_path / "a.png")).startswith("next to one color: 16 of 255")


def test_a_picture_with_an_empty_middle_is_not_poor():
    image = Image.new("RGB", (400, 400), "white")
    image.paste("black", (0, 0, 40, 40))
    assert why_poor(image) is None


def test_one_channel_that_varies_is_enough():
    pixels = np.zeros((80, 100, 3), np.uint8)
    pixels[:, ::2, 2] = 200
    assert why_poor(Image.fromarray(pixels)) is None


def test_the_warning_counts_all_and_names_five(caplog):
    poor = PoorPictures()
    for i in range(7):
        poor.add(f"{i}.tif", "one color")
    poor.add("8.tif", None)
    poor.say()
    (line,) = warnings_of(caplog)
    assert line.startswith("7 of 8 pictures show one color or next to none: 0.tif (one color), ")
    assert "4.tif (one color) and 2 more" in line and "5.tif" not in line


@pytest.fixture
def folder(tmp_path):
    """Two classes; one picture of each is gray all over."""
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        picture(0, 255).save(tmp_path / "photos" / name / "good.png")
        picture(9, 9).save(tmp_path / "photos" / name / "gray.png")
    return tmp_path / "photos"


def test_encoding_a_folder_warns_once(folder, tiny_backbone, tmp_path, caplog):
    dataset = load_dataset(folder)
    ldpf.extract_features(dataset, tiny_backbone, cache_dir=tmp_path / "cache", progress=False)
    (line,) = warnings_of(caplog)
    assert line.startswith("2 of 4 pictures")
    assert "cat/gray.png (one color), dog/gray.png" in line


def test_a_stream_of_files_warns_after_the_last(folder, tiny_backbone, caplog):
    files = sorted(folder.glob("*/*.png"))
    assert len(list(stream_features(files, tiny_backbone))) == 4
    (line,) = warnings_of(caplog)
    assert line.startswith("2 of 4 pictures")


def test_pictures_in_memory_warn_too(tiny_backbone, tmp_path, caplog):
    arrays = [np.asarray(picture(0, 255)), np.asarray(picture(9, 9))]
    labeled = from_arrays(arrays, ["cat", "dog"])
    ldpf.extract_features(labeled, tiny_backbone, cache_dir=tmp_path, progress=False)
    to_features(arrays, tiny_backbone)
    first, second = warnings_of(caplog)
    assert "1 of 2 pictures" in first and "row 1 (one color)" in first
    assert "1 of 2 pictures" in second and "image 1 (one color)" in second
