"""Bad files that their first bytes give away."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ldpf.data.headers import check_headers
from ldpf.data.images import check_images


@pytest.fixture
def damaged(tmp_path, write_image):
    """Files that are bad by their header, and why; the first of them is good."""
    files = {
        "good.png": None,
        "empty.png": "an empty file",
        "text.jpg": "not an image",
        "page.jpg": "a web page",
        "gone.png": "the file does not exist",
        "folder.png": "a folder",
    }
    write_image(tmp_path / "good.png")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.jpg").write_bytes(b"no image")
    (tmp_path / "page.jpg").write_bytes(b"<html>404</html>")
    (tmp_path / "folder.png").mkdir()
    return {tmp_path / name: reason for name, reason in files.items()}


def test_reasons_are_those_of_decoding(damaged):
    found = check_headers(damaged, workers=2)
    decoded = {one.path: one.reason for one in check_images(damaged)}
    assert [number for number, _ in found] == [1, 2, 3, 4, 5]
    for number, reason in found:
        assert list(damaged.values())[number] in reason
        assert decoded[str(list(damaged)[number])] == reason


def test_nothing_is_decoded(damaged, decodes):
    check_headers(damaged)
    assert decodes.total == 0
    check_images(damaged)
    assert decodes.total == 1


def test_a_file_cut_off_behind_its_header_passes(tmp_path, write_image):
    file = write_image(tmp_path / "a.png", size=(50, 50))
    file.write_bytes(file.read_bytes()[:-100])
    assert check_headers([file]) == [] and len(check_images([file])) == 1


def test_more_pixels_than_allowed_show_in_the_header(tmp_path):
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(tmp_path / "a.png")
    assert check_headers([tmp_path / "a.png"], max_pixels=1200) == []
    ((number, reason),) = check_headers([tmp_path / "a.png"], max_pixels=1199)
    assert number == 0 and reason == "1,200 pixels, above the limit of 1,199"


def test_a_format_without_its_plugin_is_named(tmp_path, no_plugins):
    (tmp_path / "a.heic").write_bytes(b"\x00\x00\x00\x18ftypheic" + b"\x00" * 300)
    ((_, reason),) = check_headers([tmp_path / "a.heic"])
    assert "HEIC, which needs a plug-in" in reason


@pytest.mark.slow
def test_any_number_of_paths_in_chunks(tmp_path, write_image):
    file, done = write_image(tmp_path / "a.png"), []
    paths = (tmp_path / "none.png" if i == 700 else file for i in range(1100))
    assert [number for number, _ in check_headers(paths, on_done=done.append)] == [700]
    assert done == [512, 512, 76]
