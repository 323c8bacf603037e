from __future__ import annotations

import logging
from collections import Counter

import pytest

from ldpf.data import iter_image_files, load_dataset
from ldpf.data.left_out import LeftOut, is_system_folder


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def lines(caplog, level):
    return [r.getMessage() for r in caplog.records if r.levelno == level and "left" in r.msg]


@pytest.mark.usefixtures("no_plugins")
def test_words_count_each_kind_most_frequent_first():
    left_out = LeftOut()
    left_out.endings.update({".nef": 3, ".heic": 80, ".db": 1, "": 1, ".mov": 2, ".zip": 1})
    left_out.hidden = 4
    left_out.system_folders.update(["@eaDir", "@eaDir", "#recycle"])
    assert left_out.words() == (
        "83 pictures in formats that are not read (.heic 80, .nef 3; pip install 'ldpf[heif]' "
        "reads HEIC, convert the others to JPEG or PNG to use them), 2 films (.mov 2; extract "
        "frames to use them), 1 archive (.zip 1; unpack them to use what they hold), 2 other files "
        "(no ending 1, .db 1), 3 system folders (@eaDir 2, #recycle 1), 4 hidden files or folders"
    )


def test_nothing_left_out_says_nothing(caplog):
    with caplog.at_level(logging.INFO, logger="ldpf"):
        LeftOut().say()
    assert LeftOut().words() == "" and not caplog.records


def test_names_that_end_nearly_as_a_picture_are_said(tmp_path, caplog):
    names = ["a.jpg_large", "b.jpg:large", "c.jpeg!d", "d.png?w=300", "e.jpg;1"]
    touch(tmp_path, "dog/1.jpg", *(f"dog/{name}" for name in names))
    touch(tmp_path, "dog/f.jpg~", "dog/g.jpg_original", "cat/1.jpg")
    with caplog.at_level(logging.INFO, logger="ldpf"):
        load_dataset(tmp_path)
    (line,) = lines(caplog, logging.WARNING)
    assert "5 files whose name does not end as a picture's does (.jpeg!d 1, " in line
    assert "rename them to end in .jpg" in line and "2 other files (.jpg_original 1, " in line


@pytest.mark.parametrize(("count", "level"), [(9, logging.INFO), (10, logging.WARNING)])
def test_many_files_without_an_ending_are_missed(tmp_path, caplog, count, level):
    touch(tmp_path, "dog/1.jpg", "cat/1.jpg", *(f"dog/IMG_{i}" for i in range(count)))
    with caplog.at_level(logging.INFO, logger="ldpf"):
        load_dataset(tmp_path)
    (line,) = lines(caplog, level)
    assert f"no ending {count}" in line


def test_unfinished_downloads_and_containers_are_said():
    left_out = LeftOut()
    left_out.endings.update({".crdownload": 2, ".part": 1, ".h5": 1, ".npy": 3})
    assert left_out.is_missed
    assert "3 unfinished downloads (.crdownload 2, .part 1; fetch them again)" in left_out.words()
    assert "1 archive (.h5 1; " in left_out.words()
    assert "3 pictures in formats that are not read (.npy 3; " in left_out.words()


def test_folders_of_programs_are_folders_of_the_system():
    names = ["found.000", "RECYCLER", "Temporary Items", "Pictures Previews.lrdata"]
    assert [name for name in names if not is_system_folder(name)] == []
    assert not is_system_folder("found.it") and not is_system_folder("found")


def test_a_class_of_trash_is_no_folder_of_the_system():
    names = ["trash", "recycle", "lost and found", "recycled"]
    assert [name for name in names if is_system_folder(name)] == []


ENDINGS = ["HEIC", "heif", "jxl", "dcm", "nef", "cr2", "psd"]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.usefixtures("no_plugins")
def test_pictures_that_are_not_read_are_said_in_one_warning(tmp_path, caplog, ending):
    touch(tmp_path, "dog/1.jpg", "cat/1.jpg", f"cat/2.{ending}", f"dog/2.{ending}")
    with caplog.at_level(logging.INFO, logger="ldpf"):
        dataset = load_dataset(tmp_path)
    (line,) = lines(caplog, logging.WARNING)
    assert (
        len(dataset) == 2
        and f"2 pictures in formats that are not read (.{ending.lower()} 2" in line
    )


def test_other_files_are_said_but_warn_of_nothing(tmp_path, caplog):
    touch(tmp_path, "dog/1.jpg", "cat/1.jpg", "cat/Thumbs.db")
    with caplog.at_level(logging.INFO, logger="ldpf"):
        load_dataset(tmp_path)
    assert lines(caplog, logging.INFO) == [f"left out in {tmp_path}: 1 other file (.db 1)"]
    assert not lines(caplog, logging.WARNING)


def test_the_file_of_class_names_is_not_left_out(tmp_path, caplog):
    touch(tmp_path, "dog/1.jpg", "cat/1.jpg")
    (tmp_path / "class_names.txt").write_text("dog = hound\n")
    with caplog.at_level(logging.INFO, logger="ldpf"):
        load_dataset(tmp_path)
    assert not lines(caplog, logging.INFO)


def test_a_recycle_bin_is_said(tmp_path, caplog):
    touch(tmp_path, "dog/1.jpg", "cat/1.jpg", "#recycle/1.jpg")
    with caplog.at_level(logging.INFO, logger="ldpf"):
        dataset = load_dataset(tmp_path)
    assert dataset.class_names == ("cat", "dog")
    assert lines(caplog, logging.WARNING) == [
        f"left out in {tmp_path}: 1 system folder (#recycle 1)"
    ]


@pytest.mark.usefixtures("no_plugins")
def test_files_of_several_folders_end_in_one_line(tmp_path, caplog):
    touch(tmp_path, "a/1.jpg", "a/2.heic", "b/1.jpg", "b/2.heic", "b/lost+found/1.jpg")
    with caplog.at_level(logging.INFO, logger="ldpf"):
        files = list(iter_image_files([tmp_path / "a", tmp_path / "b"]))
    (line,) = lines(caplog, logging.WARNING)
    assert len(files) == 2
    assert "2 pictures" in line and "1 system folder (lost+found 1)" in line


@pytest.mark.usefixtures("no_plugins")
def test_a_caller_may_count_by_itself(tmp_path, caplog):
    touch(tmp_path, "a/1.jpg", "a/2.heic")
    left_out = LeftOut()
    with caplog.at_level(logging.INFO, logger="ldpf"):
        list(iter_image_files(tmp_path, left_out=left_out))
    assert left_out.endings == {".heic": 1} and not caplog.records


def test_hidden_files_and_folders_are_counted_at_every_depth(tmp_path, caplog):
    touch(tmp_path, "dog/1.jpg", "cat/1.jpg", ".DS_Store", "cat/._1.jpg", "dog/.thumbnails/1.jpg")
    with caplog.at_level(logging.INFO, logger="ldpf"):
        load_dataset(tmp_path)
    assert lines(caplog, logging.INFO) == [f"left out in {tmp_path}: 3 hidden files or folders"]


@pytest.mark.usefixtures("no_plugins")
def test_all_that_is_said_in_one_view(golden):
    kinds = (
        {".heic": 80},
        {".nef": 3, ".psd": 1},
        {".mp4": 2, ".zip": 1},
        {".txt": 1200, "": 1},
    )
    said = [LeftOut(Counter(kind)).words() for kind in kinds]
    golden([*said, LeftOut(Counter(), Counter({"@eadir": 2}), hidden=5).words()])
