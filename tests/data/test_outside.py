"""`check_outside`: nothing is written where images are walked."""

from __future__ import annotations

from pathlib import Path

import pytest

from ldpf.data.image_files import check_outside
from ldpf.errors import SettingsError


@pytest.fixture
def photos(tmp_path) -> Path:
    (tmp_path / "photos/dog").mkdir(parents=True)
    return tmp_path / "photos"


@pytest.mark.parametrize("place", ["", "model", "dog/model", "../photos/model"])
def test_a_place_in_the_images_is_refused_with_both_named(photos, place):
    with pytest.raises(SettingsError) as error:
        check_outside(photos / place, [photos])
    assert str(photos / place) in str(error.value) and repr(str(photos)) in str(error.value)


@pytest.mark.parametrize("place", ["../model", "../photos-model", ".model"])
def test_a_place_that_is_never_walked_is_fine(photos, place):
    before = sorted(photos.rglob("*"))
    assert check_outside(photos / place, [photos]) is None
    assert sorted(photos.rglob("*")) == before


def test_a_link_into_the_images_is_refused(photos, tmp_path):
    (tmp_path / "link").symlink_to(photos / "dog")
    with pytest.raises(SettingsError, match="lies in the folder of the images"):
        check_outside(tmp_path / "link/model", [photos])


def test_images_given_by_a_link_are_the_folder_behind_it(photos, tmp_path):
    (tmp_path / "link").symlink_to(photos)
    with pytest.raises(SettingsError, match="lies in the folder of the images"):
        check_outside(photos / "model", [tmp_path / "link"])
