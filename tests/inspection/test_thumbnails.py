from __future__ import annotations

import base64
import io
import warnings

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from ldpf.inspection.thumbnails import figure_uri, thumbnail_uri


def opened(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


@pytest.mark.parametrize("size", [(400, 100), (100, 400)])
def test_a_thumbnail_keeps_the_whole_image(size, tmp_path):
    Image.new("RGB", size, "red").save(tmp_path / "wide.png")
    uri = thumbnail_uri(tmp_path / "wide.png", side=64)
    assert uri.startswith("data:image/jpeg;base64,")
    assert sorted(opened(uri).size) == [16, 64]


def test_what_cannot_be_read_has_no_thumbnail(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"not an image")
    assert thumbnail_uri(tmp_path / "broken.png") == ""
    assert thumbnail_uri(tmp_path / "missing.png") == ""


def draw():
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot(np.arange(4))
    return figure


def test_a_figure_is_the_same_bytes_every_time():
    assert figure_uri(draw) == figure_uri(draw)
    assert figure_uri(draw).startswith("data:image/svg+xml;base64,")


def test_words_in_a_figure_stay_words_in_any_script():
    def named():
        figure = draw()
        figure.axes[0].set_title("猫 & Häuser")
        return figure

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # none about letters that the fonts here lack
        content = base64.b64decode(figure_uri(named).partition(",")[2]).decode()
    assert "猫 &amp; Häuser" in content
