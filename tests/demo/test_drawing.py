"""Drawing: deterministic, varied, recognizable, and the unseen styles really unlike the others."""

import numpy as np
import pytest

from ldpf.demo.drawing import (
    OBJECTS,
    STYLES,
    TRAINABLE_STYLES,
    TRAINED_STYLES,
    UNSEEN_STYLES,
    draw_picture,
)
from ldpf.demo.drawing.objects import pose
from ldpf.demo.drawing.palette import COLORS, NAMED, choose_palette, contrast
from ldpf.demo.drawing.raster import mask
from ldpf.errors import DataError


def pixels(name: str, style: str, seed: int) -> np.ndarray:
    picture = draw_picture(name, style, np.random.default_rng(seed))
    return np.asarray(picture.image, dtype=np.float64) / 255


@pytest.mark.parametrize("style", STYLES)
def test_every_object_can_be_drawn_in_every_style(style):
    for seed, name in enumerate(OBJECTS):
        picture = draw_picture(name, style, np.random.default_rng(seed))
        assert (picture.image.mode, picture.image.size) == ("RGB", (64, 64))
        assert (picture.name, picture.style) == (name, style)
        assert np.asarray(picture.image).std() > 5, f"{name} in {style} is blank"


@pytest.mark.parametrize("style", STYLES)
def test_the_same_generator_gives_the_same_pixels(style):
    np.random.seed(1)  # noqa: NPY002 - the global state must not matter
    first = draw_picture("bicycle", style, np.random.default_rng([3, 4])).image.tobytes()
    np.random.seed(2)  # noqa: NPY002
    second = draw_picture("bicycle", style, np.random.default_rng([3, 4])).image.tobytes()
    assert first == second


@pytest.mark.parametrize("style", STYLES)
def test_another_generator_gives_another_picture(style):
    shots = np.stack([pixels("car", style, seed) for seed in range(6)])
    gaps = [np.abs(shots[i] - shots[j]).mean() for i in range(6) for j in range(i)]
    assert min(gaps) > 0.02


def test_another_size_can_be_asked_for():
    picture = draw_picture("key", "photo", np.random.default_rng(0), size=96)
    assert picture.image.size == (96, 96)


def test_the_description_names_known_colors():
    rng = np.random.default_rng(0)
    for name in OBJECTS:
        picture = draw_picture(name, "clipart", rng)
        assert picture.color in NAMED
        assert picture.background in NAMED


def test_a_clipart_object_has_the_color_it_is_described_with():
    rng = np.random.default_rng(0)
    for _ in range(20):
        picture = draw_picture("heart", "clipart", rng)
        shades = np.array(COLORS[picture.color], dtype=float)  # [shades, 3]
        seen = np.asarray(picture.image, dtype=float).reshape(-1, 1, 3)
        nearest = np.abs(seen - shades).max(2).min(1)
        assert (nearest < 45).mean() > 0.05


def test_objects_stay_on_the_canvas():
    rng = np.random.default_rng(0)
    for kind in OBJECTS.values():
        for _ in range(10):
            corners = np.concatenate([part.points for part in pose(rng, kind)])
            assert corners.min() > -0.01
            assert corners.max() < 1.01


def test_objects_stand_out_from_the_background():
    rng = np.random.default_rng(0)
    palettes = [choose_palette(rng, ()) for _ in range(300)]
    distance = [contrast(p["main"], p["background"]) for p in palettes]
    assert np.mean(np.array(distance) > 0.28) > 0.97


@pytest.mark.slow
def test_silhouettes_tell_the_classes_apart():
    """A nearest neighbor on small cropped outlines finds most of the 49 classes."""
    rng = np.random.default_rng(0)

    def outline(kind) -> np.ndarray:
        image = mask(pose(rng, kind), 128)
        small = image.crop(image.getbbox()).resize((20, 20))
        return np.asarray(small, dtype=float).ravel() / 255

    known, labels, asked, answers = [], [], [], []
    for k, kind in enumerate(OBJECTS.values()):
        for i in range(36):
            (asked if i < 4 else known).append(outline(kind))
            (answers if i < 4 else labels).append(k)
    distance = ((np.array(asked)[:, None] - np.array(known)[None]) ** 2).sum(2)
    found = np.array(labels)[distance.argmin(1)]
    assert (found == np.array(answers)).mean() > 0.6  # chance is 0.03


def test_no_style_is_both_trainable_and_unseen():
    assert set(TRAINED_STYLES) <= set(TRAINABLE_STYLES)
    assert set(TRAINABLE_STYLES).isdisjoint(UNSEEN_STYLES)
    assert {"sketch", "night"} <= set(UNSEEN_STYLES)
    assert not set(TRAINABLE_STYLES.values()) & set(UNSEEN_STYLES.values())


def green_share(image: np.ndarray) -> float:
    """Share of pixels that are clearly greener than both red and blue."""
    return float((image[..., 1] > 1.5 * image[..., [0, 2]].max(2)).mean())


def pale_grey_share(image: np.ndarray) -> float:
    """Share of pixels that are nearly white paper."""
    return float(((image.min(2) > 0.75) & (np.ptp(image, axis=2) < 0.12)).mean())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("measure", "unseen"), [(green_share, "night"), (pale_grey_share, "sketch")]
)
def test_no_trainable_style_looks_like_an_unseen_one(measure, unseen):
    def typical(style: str) -> float:
        shots = [pixels(name, style, seed) for seed, name in enumerate(OBJECTS)]
        return float(np.median([measure(shot) for shot in shots]))

    seen = {style: typical(style) for style in TRAINABLE_STYLES}
    assert typical(unseen) > 0.6
    assert max(seen.values()) < 0.4, seen


def test_an_unknown_object_is_named_with_the_known_ones():
    with pytest.raises(
        DataError, match="There is no drawn object called 'dragon'; choose one of: ai"
    ):
        draw_picture("dragon", "photo", np.random.default_rng(0))


def test_an_unknown_style_is_named_with_the_known_ones():
    with pytest.raises(
        DataError, match="no drawing style called 'fresco'; choose one of: clipart,"
    ):
        draw_picture("cat", "fresco", np.random.default_rng(0))


def test_a_picture_too_small_to_draw_is_refused():
    with pytest.raises(DataError, match=r"A drawn picture needs size >= 16 pixels, got 8\."):
        draw_picture("cat", "photo", np.random.default_rng(0), size=8)
