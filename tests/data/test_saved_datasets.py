"""Folders of Hugging Face's `save_to_disk` are data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ldpf.data import load_dataset
from ldpf.data.saved_datasets import is_saved_dataset
from ldpf.errors import DataError

datasets = pytest.importorskip("datasets", reason="needs datasets, which is no dependency")


def pictures(count: int, seed: int = 0) -> list[Image.Image]:
    draws = np.random.default_rng(seed)
    return [Image.fromarray(draws.integers(0, 256, (8, 8, 3), np.uint8)) for _ in range(count)]


def dataset(count: int = 4, seed: int = 0, **columns):
    kinds = datasets.Features(
        {
            "picture": datasets.Image(),
            "label": datasets.ClassLabel(names=["cat", "hot_dog"]),
            **{name: datasets.Value("string") for name in columns},
        }
    )
    rows = {"picture": pictures(count, seed), "label": [i % 2 for i in range(count)], **columns}
    return datasets.Dataset.from_dict(rows, features=kinds)


def test_a_saved_dataset_is_read(tmp_path: Path) -> None:
    dataset(domain=["lab", "lab", "field", "field"]).save_to_disk(tmp_path / "saved")
    data = load_dataset(tmp_path / "saved", cache_dir=tmp_path / "cache")
    assert data.class_names == ("cat", "hot dog") and data.labels.tolist() == [0, 1, 0, 1]
    assert data.domain_names == ("field", "lab") and data.name == "saved"
    shown = [np.asarray(Image.open(data.file(i))) for i in range(4)]
    assert all((a == np.asarray(b)).all() for a, b in zip(shown, pictures(4), strict=True))


def test_splits_are_kept(tmp_path: Path) -> None:
    splits = {"train": dataset(4), "validation": dataset(2, 1), "test": dataset(2, 2)}
    datasets.DatasetDict(splits).save_to_disk(tmp_path / "saved")
    data = load_dataset(tmp_path / "saved", cache_dir=tmp_path / "cache")
    assert data.splits is not None
    assert data.splits.tolist() == ["train"] * 4 + ["val"] * 2 + ["test"] * 2


def test_pictures_are_unpacked_once(tmp_path: Path) -> None:
    dataset().save_to_disk(tmp_path / "saved")
    first = load_dataset(tmp_path / "saved", cache_dir=tmp_path / "cache")
    made = first.file(0).stat().st_mtime_ns
    again = load_dataset(tmp_path / "saved", cache_dir=tmp_path / "cache")
    assert again.file(0).stat().st_mtime_ns == made and again.root == first.root
    assert not list((tmp_path / "cache" / "unpacked").glob(".*"))


def test_columns_of_other_names_are_proposed_and_taken(tmp_path: Path) -> None:
    dataset().rename_column("label", "category").save_to_disk(tmp_path / "saved")
    with pytest.raises(DataError, match="say so: columns='label=category'"):
        load_dataset(tmp_path / "saved", cache_dir=tmp_path / "cache")
    data = load_dataset(tmp_path / "saved", cache_dir=tmp_path / "cache", columns="label=category")
    assert data.class_names == ("cat", "hot dog")


def test_a_dataset_without_pictures_is_refused(tmp_path: Path) -> None:
    datasets.Dataset.from_dict({"text": ["a"], "label": [0]}).save_to_disk(tmp_path / "saved")
    with pytest.raises(DataError, match="has 0 columns of images"):
        load_dataset(tmp_path / "saved", cache_dir=tmp_path / "cache")


def test_a_damaged_arrow_file_is_named(tmp_path: Path) -> None:
    dataset().save_to_disk(tmp_path / "saved")
    (file,) = (tmp_path / "saved").glob("*.arrow")
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(DataError, match=f"cannot read the saved dataset {file} as Arrow"):
        load_dataset(tmp_path / "saved", cache_dir=tmp_path / "cache")
    assert not list((tmp_path / "cache" / "unpacked").iterdir())


def test_other_folders_are_none(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text(json.dumps({}))
    assert not is_saved_dataset(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("dataset_info.json", {"features": [1]}, r"features is \[1\], and should be an object"),
        ("state.json", {"_data_files": [3]}, r"_data_files\[0\] is 3, and should be an object"),
        ("state.json", {"_data_files": [{}]}, r"_data_files\[0\] lacks filename"),
        ("dataset_dict.json", {"splits": [1]}, r"splits\[0\] is 1, and should be a text"),
        ("dataset_dict.json", [], r"it is \[\], and should be an object"),
    ],
)
def test_a_description_of_another_form_is_named_with_its_field(name, content, words, tmp_path):
    dataset().save_to_disk(tmp_path / "saved")
    file = tmp_path / "saved" / name
    file.write_text(json.dumps(content))
    with pytest.raises(DataError, match=words) as caught:
        load_dataset(tmp_path / "saved", cache_dir=tmp_path / "cache")
    assert str(file) in str(caught.value)


def test_a_damaged_arrow_file_is_read_or_refused(tmp_path: Path) -> None:
    dataset().save_to_disk(tmp_path / "saved")
    (file,) = (tmp_path / "saved").glob("*.arrow")
    whole, refused = file.read_bytes(), 0
    draws = np.random.default_rng(0)
    for number in range(60):
        content = bytearray(whole)
        for at in draws.integers(0, len(whole), 4):
            content[at] = draws.integers(256)
        file.write_bytes(content)
        try:
            load_dataset(tmp_path / "saved", cache_dir=tmp_path / f"cache-{number}")
        except DataError:
            refused += 1
    assert refused
