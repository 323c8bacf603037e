from __future__ import annotations

import itertools
import os

import pytest

from ldpf.data.image_files import iter_image_files, walk_folders
from ldpf.errors import DataError


def touch(*files):
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")


def relative(root, files):
    return [file.relative_to(root).as_posix() for file in files]


def test_images_come_sorted_folder_by_folder_whatever_their_endings_case(tmp_path):
    touch(*(tmp_path / name for name in ("b/2.JPG", "b/1.png", "a/x/1.webp", "a/9.Tiff", "z.gif")))
    files = relative(tmp_path, iter_image_files(tmp_path))
    assert files == ["z.gif", "a/9.Tiff", "a/x/1.webp", "b/1.png", "b/2.JPG"]


def test_hidden_and_other_files_are_ignored(tmp_path):
    ignored = (".hidden.jpg", ".git/x.jpg", "__MACOSX/x.jpg", "@eaDir/x.jpg")
    touch(*(tmp_path / name for name in (*ignored, "Thumbs.db", "a.txt", "jpg", "a.jpg")))
    assert relative(tmp_path, iter_image_files(tmp_path)) == ["a.jpg"]


@pytest.mark.usefixtures("no_plugins")
def test_other_endings_are_counted(tmp_path):
    touch(*(tmp_path / name for name in ("1.heic", "2.HEIC", "README")))
    (folder,) = walk_folders(tmp_path)
    assert folder.other_endings == {".heic": 2, "": 1} and not folder.images


def test_links_to_files_and_folders_are_followed(tmp_path):
    touch(tmp_path / "store/1.jpg")
    root = tmp_path / "root"
    root.mkdir()
    (root / "linked").symlink_to(tmp_path / "store")
    (root / "one.jpg").symlink_to(tmp_path / "store/1.jpg")
    assert relative(root, iter_image_files(root)) == ["one.jpg", "linked/1.jpg"]


def test_a_link_back_to_a_parent_is_left_out_with_a_warning(tmp_path):
    touch(tmp_path / "a/b/1.jpg")
    (tmp_path / "a/b/up").symlink_to(tmp_path / "a")
    with pytest.warns(UserWarning, match="a/b/up: it is a link to a folder it lies in"):
        assert relative(tmp_path, iter_image_files(tmp_path)) == ["a/b/1.jpg"]


def test_two_links_to_the_same_folder_are_not_a_cycle(tmp_path):
    touch(tmp_path / "a/1.jpg")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert relative(tmp_path, iter_image_files(tmp_path)) == ["a/1.jpg", "b/1.jpg"]


def test_broken_links_are_listed_if_they_are_called_images(tmp_path):
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "self.png").symlink_to(tmp_path / "self.png")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    assert relative(tmp_path, iter_image_files(tmp_path)) == ["gone.jpg", "self.png"]


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    touch(tmp_path / "a/1.jpg", tmp_path / "locked/1.jpg")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError) as error:
        list(walk_folders(tmp_path))
    assert str(error.value) == (
        f"cannot read the folder {tmp_path}/locked: Permission denied; "
        "check its permissions, or move it out of the dataset"
    )


def test_a_named_file_is_yielded_whatever_its_ending(tmp_path):
    touch(tmp_path / "photo.heic", tmp_path / "more/1.jpg")
    files = iter_image_files([tmp_path / "photo.heic", str(tmp_path / "more")])
    assert relative(tmp_path, files) == ["photo.heic", "more/1.jpg"]


def test_a_missing_path_is_an_error_with_the_nearest_name(tmp_path):
    touch(tmp_path / "photos/1.jpg")
    with pytest.raises(DataError) as error:
        list(iter_image_files(tmp_path / "photo" / "deeper"))
    assert str(error.value) == (
        f"there is no file or folder {tmp_path}/photo/deeper: {tmp_path} holds no 'photo'. "
        "Did you mean 'photos'?"
    )


def test_the_input_is_consumed_lazily(tmp_path):
    touch(tmp_path / "1.jpg")

    def endless():
        while True:
            yield tmp_path

    assert len(list(itertools.islice(iter_image_files(endless()), 5))) == 5
