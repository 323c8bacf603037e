"""What single files are."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from PIL import Image

from ldpf.data.survey import copies, file_facts, survey_files


def noise(size=(80, 70), low=0, high=256, seed=0):
    draws = np.random.default_rng(seed).integers(low, high, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(draws)


def with_line(color):
    """Black but for one line."""
    picture = Image.new("RGB", (80, 80))
    picture.paste(color, (0, 0, 80, 1))
    return picture


def test_size_format_mode_and_content_are_of_the_file(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    noise().save(tmp_path / "a.jpg", exif=exif)
    facts = file_facts(tmp_path / "a.jpg")
    content = (tmp_path / "a.jpg").read_bytes()
    assert (facts.width, facts.height) == (70, 80)  # upright
    assert (facts.format, facts.mode, facts.size_bytes) == ("JPEG", "RGB", len(content))
    assert facts.sha256 == hashlib.sha256(content).hexdigest()
    assert not (facts.blank or facts.dark or facts.small or facts.other_ending or facts.error)
    assert 120 < facts.brightness < 136


@pytest.mark.parametrize(
    ("picture", "blank", "dark"),
    [
        (Image.new("RGB", (80, 80), "white"), True, False),
        (Image.new("RGB", (80, 80), "black"), True, False),
        (noise(low=250, high=253), True, False),
        (noise(low=0, high=30), False, True),
        (with_line((20, 20, 20)), False, True),
        (noise(low=0, high=40), False, False),
        (noise(low=225, high=256), False, False),
    ],
    ids=["white", "black", "nearly white", "dark", "darker", "dim", "bright"],
)
def test_blank_and_dark_pictures(tmp_path, picture, blank, dark):
    picture.save(tmp_path / "a.png")
    facts = file_facts(tmp_path / "a.png")
    assert (facts.blank is not None, facts.dark) == (blank, dark)


def test_one_bright_pixel_does_not_make_a_white_page_a_picture(tmp_path):
    page = Image.new("RGB", (200, 200), "white")
    page.putpixel((3, 3), (0, 0, 0))
    page.save(tmp_path / "a.png")
    assert "nearly one color" in file_facts(tmp_path / "a.png").blank


def test_a_black_picture_with_a_drawing_is_not_dark(tmp_path):
    picture = Image.new("RGB", (100, 100))
    picture.paste("white", (0, 0, 100, 6))
    picture.save(tmp_path / "a.png")
    assert not file_facts(tmp_path / "a.png").dark


def test_an_ending_that_says_another_format(tmp_path):
    noise().save(tmp_path / "a.jpg", format="PNG")
    noise().save(tmp_path / "b.JPEG", format="JPEG")
    noise((20, 80)).save(tmp_path / "c", format="PNG")
    assert file_facts(tmp_path / "a.jpg").other_ending
    assert not file_facts(tmp_path / "b.JPEG").other_ending
    assert not file_facts(tmp_path / "c").other_ending and file_facts(tmp_path / "c").small


def test_bad_files_stop_nothing_and_the_order_stays(tmp_path):
    noise().save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"")
    done = []
    files = [tmp_path / "b.png", tmp_path / "none.png", tmp_path / "a.png"]
    facts = survey_files(files, workers=2, on_done=done.append)
    assert [one.error for one in facts] == [
        "an empty file (0 bytes)", "the file does not exist", None,
    ]  # fmt: skip
    assert done == [3] and [one.path for one in facts] == [str(file) for file in files]


def test_copies_are_grouped_by_content(tmp_path):
    for name, seed in (("a", 0), ("b", 1), ("c", 0), ("d", 0), ("e", 2)):
        noise(seed=seed).save(tmp_path / f"{name}.png")
    (tmp_path / "f.png").write_bytes(b"")
    (tmp_path / "g.png").write_bytes(b"")
    assert copies(survey_files(sorted(tmp_path.glob("*.png")))) == [[0, 2, 3]]
