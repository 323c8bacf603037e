from __future__ import annotations

import re
import sys
import time

import numpy as np
import pytest
from fake_folders import FakeEntry, FakeScan

import ldpf.data.image_files
from ldpf.data.image_folder import list_folders
from ldpf.errors import DataError, SettingsError


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def test_domain_class_image(tmp_path):
    touch(tmp_path, "photo/dog/1.jpg", "art/dog/1.jpg", "art/cat/2.jpg", "art/cat/1.jpg")
    listing = list_folders(tmp_path)
    assert listing.paths == ("art/cat/1.jpg", "art/cat/2.jpg", "art/dog/1.jpg", "photo/dog/1.jpg")
    assert listing.classes == ("cat", "dog") and listing.labels.tolist() == [0, 0, 1, 1]
    assert listing.domain_names == ("art", "photo") and listing.domains.tolist() == [0, 0, 0, 1]
    assert listing.labels.dtype == listing.domains.dtype == np.int64


def test_class_image_leaves_domains_unknown(tmp_path):
    listing = list_folders(touch(tmp_path, "dog/1.jpg", "cat/1.jpg"))
    assert listing.classes == ("cat", "dog") and listing.labels.tolist() == [0, 1]
    assert listing.domains is None and listing.domain_names == ()


def test_a_class_in_one_domain_only_and_a_domain_that_lacks_a_class(tmp_path):
    listing = list_folders(touch(tmp_path, "a/cat/1.jpg", "a/dog/1.jpg", "b/dog/1.jpg"))
    assert listing.classes == ("cat", "dog")
    assert list(zip(listing.domains, listing.labels, strict=True)) == [(0, 0), (0, 1), (1, 1)]


def test_files_beside_the_images_do_not_change_the_layout(tmp_path):
    touch(tmp_path, "class_names.txt", "README.md", "dog/1.jpg", "dog/notes.txt", "cat/1.jpg")
    assert list_folders(tmp_path).paths == ("cat/1.jpg", "dog/1.jpg")


def test_mixed_depth_is_an_error_that_names_an_example_of_each(tmp_path):
    touch(tmp_path, "dog/1.jpg", "photo/dog/1.jpg")
    with pytest.raises(DataError) as error:
        list_folders(tmp_path)
    assert (
        f"the images in {tmp_path} lie at different depths: dog/1.jpg (1 folders deep) and "
        "photo/dog/1.jpg (2 folders deep); move them all to class/image or all to "
        "domain/class/image"
    ) in str(error.value)


@pytest.mark.parametrize(
    ("name", "advice"),
    [("1.jpg", "put each class into its own folder"), ("a/b/c/1.jpg", "point to the folder above")],
)
def test_a_depth_no_layout_has(tmp_path, name, advice):
    with pytest.raises(DataError, match=rf"for example {name};.*{advice}"):
        list_folders(touch(tmp_path, name))


def test_a_forced_layout_takes_deeper_images_along(tmp_path):
    touch(tmp_path, "dog/1.jpg", "dog/puppies/2.jpg", "cat/x/y/3.jpg")
    listing = list_folders(tmp_path, "class")
    assert listing.classes == ("cat", "dog") and listing.labels.tolist() == [0, 1, 1]
    touch(tmp_path / "more", "art/dog/1.jpg", "art/cat/x/2.jpg")
    listing = list_folders(tmp_path / "more", "domain/class")
    assert listing.domain_names == ("art",) and listing.labels.tolist() == [0, 1]


def test_a_forced_layout_refuses_images_that_lie_too_high(tmp_path):
    touch(tmp_path, "dog/1.jpg", "photo/dog/1.jpg")
    with pytest.raises(DataError, match=r"needs every image at least 2 folders below .*dog/1.jpg"):
        list_folders(tmp_path, "domain/class")


def test_an_unknown_layout(tmp_path):
    with pytest.raises(SettingsError) as error:
        list_folders(touch(tmp_path, "dog/1.jpg"), "domains/class")
    assert "layout='domains/class'" in str(error.value)
    assert "Did you mean 'domain/class'" in str(error.value)


def test_folders_named_like_splits_are_not_taken_for_domains(tmp_path):
    touch(tmp_path, "train/dog/1.jpg", "test/dog/1.jpg")
    with pytest.raises(DataError, match=r"named like splits, not domains: test, train;.*manifest"):
        list_folders(tmp_path)
    assert list_folders(tmp_path, "domain/class").domain_names == ("test", "train")


@pytest.mark.parametrize(
    "tops",
    [
        ("training_set", "test_set"),
        ("train_images", "val_images"),
        ("TRAIN", "TEST", "TEST_SIMPLE"),
        ("Training", "testing", "validation_data"),
        ("seg_train", "seg_test"),
        ("train", "test", "extra"),
        ("entrenamiento", "prueba"),
        ("train", "train_aug"),
        ("fold1", "fold2", "fold3"),
    ],
)
def test_splits_with_other_words_or_capitals_are_not_taken_for_domains(tmp_path, tops):
    touch(tmp_path, *(f"{top}/{name}/1.jpg" for top in tops for name in ("dog", "cat")))
    with pytest.raises(DataError, match="named like splits, not domains"):
        list_folders(tmp_path)
    assert set(list_folders(tmp_path, "domain/class").domain_names) == set(tops)


@pytest.mark.parametrize("tops", [("test_tube", "flask"), ("trainer", "sandal"), ("train", "bus")])
def test_names_of_things_are_domains_even_if_they_begin_like_splits(tmp_path, tops):
    touch(tmp_path, *(f"{top}/{name}/1.jpg" for top in tops for name in ("red", "blue")))
    assert set(list_folders(tmp_path).domain_names) == set(tops)


@pytest.mark.parametrize("below", [("images",), ("images", "masks"), ("JPEGImages", "gt")])
def test_folders_named_after_what_lies_in_them_are_no_classes(tmp_path, below):
    touch(tmp_path, *(f"{top}/{name}/1.png" for top in ("COVID", "Normal") for name in below))
    with pytest.raises(DataError, match=r"named after what lies in them.*say layout='class' to"):
        list_folders(tmp_path)
    assert list_folders(tmp_path, "class").classes == ("COVID", "Normal")
    assert set(list_folders(tmp_path, "domain/class").classes) == set(below)


def test_one_class_among_others_may_be_called_so(tmp_path):
    touch(tmp_path, "art/masks/1.png", "art/hats/1.png", "photo/masks/1.png")
    assert list_folders(tmp_path).classes == ("hats", "masks")


@pytest.mark.parametrize("names", ["{}/1.jpg", "dog/{}/1.jpg"])
def test_splits_are_not_taken_for_classes(tmp_path, names):
    touch(tmp_path, names.format("train"), names.format("TEST"))
    with pytest.raises(DataError, match="named like splits, not classes: TEST, train"):
        list_folders(tmp_path)
    layout = "class" if names.startswith("{") else "domain/class"
    assert list_folders(tmp_path, layout).classes == ("TEST", "train")


SYSTEM = ("#recycle", "$RECYCLE.BIN", "lost+found", "@eaDir", ".Trash-1000", "__MACOSX")


@pytest.mark.parametrize("name", (*SYSTEM, "System Volume Information", "#Recycle"))
def test_folders_of_the_system_are_neither_classes_nor_domains(tmp_path, name):
    touch(tmp_path, "a/dog/1.jpg", "b/dog/1.jpg", f"{name}/dog/1.jpg", f"a/{name}/1.jpg")
    listing = list_folders(tmp_path)
    assert (listing.classes, listing.domain_names) == (("dog",), ("a", "b"))
    assert listing.left_out.system_folders == {name: 2}


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(
        DataError, match=f"there are no images in {re.escape(str(tmp_path))}: it is empty"
    ):
        list_folders(tmp_path)


@pytest.mark.usefixtures("no_plugins")
def test_a_folder_with_other_files_only_says_which(tmp_path):
    touch(tmp_path, "dog/1.heic", "dog/2.heic", "dog/a.txt")
    with pytest.raises(
        DataError, match=r"2 pictures in formats that are not read \(\.heic 2;.*1 other .*\.txt 1"
    ):
        list_folders(tmp_path)


def test_folders_without_images_are_left_out_with_a_warning(tmp_path):
    touch(tmp_path, "art/dog/1.jpg", "art/notes/a.txt")
    (tmp_path / "art/cat").mkdir()
    with pytest.warns(UserWarning, match="left out 2 folders without images: art/cat, art/notes"):
        listing = list_folders(tmp_path)
    assert listing.classes == ("dog",) and listing.empty == ("art/cat", "art/notes")


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (("Dog/1.jpg", "dog/1.jpg"), "class"),
        (("art/Dog/1.jpg", "photo/dog/1.jpg"), "class"),
        (("Art/dog/1.jpg", "art/dog/1.jpg"), "domain"),
    ],
)
def test_folders_that_differ_only_in_case_are_an_error_naming_both(tmp_path, names, kind):
    touch(tmp_path, *names)
    with pytest.raises(DataError, match=f"two {kind} names differ only in upper") as error:
        list_folders(tmp_path)
    if kind == "class":
        assert all(f"({name.removesuffix('/1.jpg')})" in str(error.value) for name in names)


def test_unicode_names_are_composed_and_their_files_stay_reachable(tmp_path):
    touch(tmp_path, "cafe\u0301/1.jpg", "\u732b/1.jpg")
    listing = list_folders(tmp_path)
    assert listing.classes == ("caf\u00e9", "\u732b")
    assert all((tmp_path / path).exists() for path in listing.paths)


def test_names_equal_after_normalization_are_an_error(tmp_path):
    touch(tmp_path, "art/cafe\u0301/1.jpg", "photo/caf\u00e9/1.jpg")
    with pytest.raises(DataError, match="two class names read the same"):
        list_folders(tmp_path)


@pytest.mark.slow
def test_half_a_million_images_take_seconds_and_little_memory(tmp_path, monkeypatch):
    """DomainNet's size: 6 domains, 345 classes, 586,500 images, from a made-up directory."""

    def scandir(path):
        depth = str(path).count("/") - str(tmp_path).count("/")
        if depth == 0:
            return FakeScan(FakeEntry(f"domain_{i}", True) for i in range(6))
        if depth == 1:
            return FakeScan(FakeEntry(f"class_{i:03d}", True) for i in range(345))
        number = 284 if depth == 2 else 0
        return FakeScan(FakeEntry(f"real_{i:03d}_{i:06d}.jpg", False) for i in range(number))

    identities = iter(range(10**6))

    class FakePath(type(tmp_path)):
        def stat(self, **_):
            return type("Status", (), {"st_dev": 0, "st_ino": next(identities)})

    monkeypatch.setattr(ldpf.data.image_files.os, "scandir", scandir)
    monkeypatch.setattr(ldpf.data.image_files, "Path", FakePath)
    start = time.process_time()
    listing = list_folders(tmp_path)
    seconds = time.process_time() - start
    assert len(listing.paths) == 6 * 345 * 284 == 587_880
    size = sum(map(sys.getsizeof, listing.paths)) + sys.getsizeof(listing.paths)
    size += listing.labels.nbytes + listing.domains.nbytes
    assert size < 100e6
    assert seconds < 20  # of the CPU, about 1; opening files would take minutes
