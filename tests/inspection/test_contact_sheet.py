from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ldpf.inspection.contact_sheet import Panel, _font, _shortened, draw_sheet

TILE = 40


def solid(file: Path, color: tuple[int, int, int]) -> Path:
    Image.new("RGB", (20, 20), color).save(file)
    return file


def panel(files: Sequence[Path], title: str = "Latent domain 0") -> Panel:
    return Panel(title, "3 images", tuple(files), ("cat",) * len(files))


def tiles(sheet: Image.Image, color: tuple[int, int, int]) -> np.ndarray:
    """Rows (top, left, bottom, right) of the pixels that have exactly this color."""
    where = np.argwhere((np.asarray(sheet) == color).all(axis=2))
    return np.concatenate([where.min(axis=0), where.max(axis=0)])


def test_thumbnails_stand_in_a_grid_row_by_row(tmp_path: Path):
    colors = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    files = [solid(tmp_path / f"{i}.png", color) for i, color in enumerate(colors)]
    sheet = draw_sheet([panel(files)], columns=2, tile=TILE)
    red, green, blue = (tiles(sheet, color) for color in colors)
    assert red[0] == green[0] and red[1] < green[1]
    assert blue[1] == red[1] and blue[0] > red[2]
    # One pixel on each side is the outline.
    assert red[2] - red[0] + 1 == TILE - 2 and red[3] - red[1] + 1 == TILE - 2


def test_panels_stand_below_each_other(tmp_path: Path):
    red = solid(tmp_path / "a.png", (255, 0, 0))
    blue = solid(tmp_path / "b.png", (0, 0, 255))
    sheet = draw_sheet([panel([red]), panel([blue])], columns=8, tile=TILE)
    assert tiles(sheet, (0, 0, 255))[0] > tiles(sheet, (255, 0, 0))[2]


def test_wide_images_are_cropped_at_the_center_not_squeezed(tmp_path: Path):
    image = Image.new("RGB", (90, 30), (255, 0, 0))
    image.paste((0, 255, 0), (30, 0, 60, 30))
    image.save(tmp_path / "wide.png")
    sheet = np.asarray(draw_sheet([panel([tmp_path / "wide.png"])], columns=1, tile=TILE))
    assert not (sheet == (255, 0, 0)).all(axis=2).any()
    assert (sheet == (0, 255, 0)).all(axis=2).sum() > 0.8 * TILE**2


def test_an_unreadable_file_becomes_a_gray_square(tmp_path: Path):
    (tmp_path / "bad.png").write_bytes(b"no image")
    files = [tmp_path / "bad.png", tmp_path / "gone.png", solid(tmp_path / "a.png", (255, 0, 0))]
    sheet = draw_sheet([panel(files)], columns=3, tile=TILE)
    gray = (np.asarray(sheet) == (228, 228, 225)).all(axis=2).sum()
    assert gray > TILE**2  # two squares, less the letters on them
    assert len(tiles(sheet, (255, 0, 0)))


def test_a_latent_domain_without_images_is_a_title_only():
    sheet = draw_sheet([Panel("Latent domain 0", "0 images", (), ())], columns=8, tile=TILE)
    assert (np.asarray(sheet) < 100).any()  # the title's ink


def test_titles_and_captions_are_drawn(tmp_path: Path):
    file = solid(tmp_path / "a.png", (255, 255, 255))
    with_text = draw_sheet([panel([file])], columns=1, tile=TILE)
    without = draw_sheet([Panel("", "", (file,), ("",))], columns=1, tile=TILE)
    ink = [(np.asarray(sheet).max(axis=2) < 120).any(axis=1) for sheet in (with_text, without)]
    assert not ink[1].any()
    rows = np.flatnonzero(ink[0])
    top = tiles(with_text, (255, 255, 255))[0]
    assert rows.min() < top and rows.max() > top + TILE


def test_letters_with_accents_have_glyphs():
    font = _font(20)
    missing = bytes(font.getmask("\uffff"))
    for letter in "éüßñøЖ":
        assert bytes(font.getmask(letter)) != missing


def test_long_captions_are_shortened_to_the_tile():
    from PIL import ImageDraw

    draw, font = ImageDraw.Draw(Image.new("RGB", (10, 10))), _font(12)
    assert _shortened(draw, "cat", font, 60) == "cat"
    short = _shortened(draw, "hot air balloon over mountains", font, 60)
    assert short.startswith("hot") and short.endswith("…")
    assert draw.textlength(short, font=font) <= 60
