from __future__ import annotations

import sys
import types
import warnings
from pathlib import Path

import pytest

from ldpf.data import from_arrays, load_dataset
from ldpf.errors import DataError, SettingsError


def test_domains_that_read_the_same_are_refused_as_in_arrays(tmp_path):
    for domain in ("site-1", "site_1"):
        (tmp_path / domain / "cat").mkdir(parents=True)
        (tmp_path / domain / "cat" / "a.png").write_bytes(b"x")
    with pytest.raises(DataError, match="the domains 'site-1' and 'site_1' would both be called"):
        load_dataset(tmp_path)
    with pytest.raises(DataError, match="the domains 'site-1' and 'site_1' would both be called"):
        from_arrays([b"x"] * 2, ["a", "b"], domains=["site-1", "site_1"])


def test_a_folder_becomes_a_dataset(image_tree):
    root = image_tree({"photo/alarm_clock": 1, "art/alarm_clock": 2, "art/Bike": 1})
    dataset = load_dataset(str(root))
    assert dataset.name == "data" and dataset.root == root and len(dataset) == 4
    assert dataset.class_names == ("Bike", "alarm clock")
    assert dataset.domain_names == ("art", "photo")
    assert dataset.file(0).read_bytes() and dataset.skipped == () and dataset.splits is None


def test_nothing_is_decoded_when_a_dataset_is_loaded(tmp_path):
    (tmp_path / "dog").mkdir()
    (tmp_path / "dog/1.jpg").write_bytes(b"not an image")
    assert load_dataset(tmp_path).paths == ("dog/1.jpg",)


def test_the_layout_can_be_forced(image_tree):
    dataset = load_dataset(image_tree({"photo/dog": 1, "art/dog": 1}), layout="class")
    assert dataset.class_names == ("art", "photo") and dataset.domains is None


def test_class_names_txt_in_the_folder_is_used(image_tree):
    root = image_tree({"n01": 1, "n02": 1})
    (root / "class_names.txt").write_text("n01 = dog\n")
    assert load_dataset(root).class_names == ("dog", "n02")


def test_class_names_given_win_over_the_file_in_the_folder(image_tree, tmp_path):
    root = image_tree({"n01": 1, "n02": 1})
    (root / "class_names.txt").write_text("n01 = dog\n")
    (tmp_path / "mine.json").write_text('{"n02": "cat"}')
    assert load_dataset(root, class_names=tmp_path / "mine.json").class_names == ("n01", "cat")


def test_class_names_may_name_a_class_folder_without_images(image_tree):
    root = image_tree({"n01": 1, "n02": 1, "n03": 0})
    (root / "class_names.txt").write_text("n01 = dog\nn03 = bird\n")
    with pytest.warns(UserWarning, match="left out 1 folders without images: n03"):
        assert load_dataset(root).class_names == ("dog", "n02")


def test_a_manifest_becomes_a_dataset(image_tree):
    root = image_tree({"dog": 2})
    (root / "sites.csv").write_text(
        "path,label,domain,split\ndog/000.png,hot_dog,site-1,train\ndog/001.png,cat,site-2,test\n"
    )
    (root / "class_names.txt").write_text("hot_dog = sausage\n")
    dataset = load_dataset(root / "sites.csv")
    assert dataset.name == "sites" and dataset.root == root
    assert dataset.class_names == ("cat", "sausage")
    assert dataset.domain_names == ("site-1", "site-2")
    assert dataset.splits.tolist() == ["train", "test"]


def test_files_a_manifest_lists_but_do_not_exist_can_be_skipped(image_tree):
    root = image_tree({"dog": 1})
    (root / "s.csv").write_text("path,label\ndog/000.png,dog\ndog/9.png,cat\n")
    dataset = load_dataset(root / "s.csv", skip_bad=True)
    assert dataset.paths == ("dog/000.png",) and dataset.class_names == ("cat", "dog")
    assert [bad.path for bad in dataset.skipped] == ["dog/9.png"]


def test_a_missing_folder_is_an_error_with_the_nearest_name(image_tree):
    root = image_tree({"dog": 1})
    with pytest.raises(DataError) as error:
        load_dataset(root.parent / "dat")
    assert str(error.value) == (
        f"there is no file or folder {root.parent}/dat: {root.parent} holds no 'dat'. "
        "Did you mean 'data'?"
    )


def test_a_file_that_is_no_manifest(tmp_path):
    (tmp_path / "images.zip").write_bytes(b"PK")
    with pytest.raises(DataError) as error:
        load_dataset(tmp_path / "images.zip")
    assert str(error.value) == (
        f"{tmp_path}/images.zip is a file but not a manifest (.csv, .tsv, .jsonl, .ndjson, "
        ".parquet, .pq); "
        "give a folder of images (unpack an archive first), a manifest, or embeddings (.npy)"
    )


def test_classes_called_by_numbers_are_warned_about_unless_named(image_tree):
    root = image_tree({"0": 1, "1": 1})
    with pytest.warns(UserWarning, match=r"called by numbers \(0, 1, ...\).*'0 = cat'"):
        load_dataset(root)
    (root / "class_names.txt").write_text("0 = cat\n1 = dog\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_dataset(root).class_names == ("cat", "dog")


def test_demo_is_drawn_into_the_cache(image_tree, tmp_path, monkeypatch):
    asked = []

    def demo_folder(cache_dir):
        asked.append(cache_dir)
        return image_tree({"sketch/dog": 1, "photo/cat": 1}, root=cache_dir / "some-version")

    module = types.SimpleNamespace(demo_folder=demo_folder)
    monkeypatch.setitem(sys.modules, "ldpf.demo.dataset", module)
    dataset = load_dataset("demo", cache_dir=tmp_path / "cache")
    assert dataset.name == "demo" and dataset.class_names == ("cat", "dog")
    assert asked == [tmp_path / "cache"]


def test_a_folder_called_demo_is_reached_as_a_path(image_tree, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image_tree({"dog": 1}, root=tmp_path / "demo")
    assert load_dataset("./demo").class_names == ("dog",)
    assert load_dataset(Path("demo")).root == tmp_path / "demo"


def test_a_class_that_looks_like_a_missing_value_is_said_and_may_be_named(image_tree):
    root = image_tree({"None": 2, "cat": 2})
    with pytest.warns(UserWarning, match=r"the class 'None' looks like a missing value, and is k"):
        assert load_dataset(root).class_names == ("None", "cat")
    (root / "class_names.txt").write_text("None = no animal\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_dataset(root).class_names == ("no animal", "cat")


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("circle", "Too many levels of symbolic links"),
        ("circle/below", "Too many levels of symbolic links"),
        ("x" * 300, "File name too long"),
        ("x" * 300 + "/below", "File name too long"),
    ],
)
def test_a_place_that_cannot_be_looked_for_is_one_sentence(tmp_path, place, reason):
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    with pytest.raises(
        DataError, match=rf"cannot be read \({reason}\); give another place"
    ) as error:
        load_dataset(tmp_path / place)
    assert len(str(error.value)) < 250


@pytest.mark.parametrize("source", [3, None, 1.5, b"photos", ["photos"]])
def test_what_is_no_path_is_named(source):
    with pytest.raises(SettingsError, match=r"^The path is .*; give it as text or as a Path\.$"):
        load_dataset(source)
