"""Data sets with a table, as WILDS unpacks them: iWildCam and Camelyon17."""

from __future__ import annotations

import csv
import logging

import numpy as np
import pytest

from ldpf.data import load_dataset
from ldpf.data.datasets import named_dataset
from ldpf.data.datasets.check import check_named_dataset
from ldpf.data.datasets.metadata_table import recognize_metadata
from ldpf.errors import DataError

CAMELYON = named_dataset("camelyon17")
# (split, y, location_remapped, sequence_remapped, file)
TRAPS = [
    ("train", 0, 5, 11, "a.jpg"),
    ("train", 2, 5, 11, "b.jpg"),
    ("train", 2, 7, 12, "c.jpg"),
    ("val", 0, 8, 13, "d.jpg"),
    ("test", 2, 9, 14, "e.jpg"),
    ("id_val", 2, 5, 15, "f.jpg"),
    ("id_test", 0, 7, 16, "g.jpg"),
]


def write_csv(file, header, rows):
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerows([header, *rows])


@pytest.fixture
def iwildcam(tmp_path):
    root = tmp_path / "iwildcam_v2.0"
    (root / "train").mkdir(parents=True)
    header = ["", "split", "image_id", "y", "location_remapped", "sequence_remapped", "filename"]
    rows = [[i, s, f"id{i}", y, place, seq, f] for i, (s, y, place, seq, f) in enumerate(TRAPS)]
    write_csv(root / "metadata.csv", header, rows)
    names = [[0, "empty", 0], [5, "ocelot", 1], [9, "panthera onca", 2]]
    write_csv(root / "categories.csv", ["category_id", "name", "y"], names)
    for *_, file in TRAPS:
        (root / "train" / file).write_bytes(file.encode())
    return root


@pytest.fixture
def camelyon(tmp_path):
    """Two patches of a patient of each hospital, and one of id_val."""
    root = tmp_path / "camelyon17_v1.0"
    rows = []
    for center in range(5):
        for tumor in (0, 1):
            rows.append([f"{center:03d}", 4, 100 + tumor, 96, tumor, center, center, 0])
    rows.append(["000", 4, 500, 96, 1, 0, 0, 1])  # id_val
    header = ["patient", "node", "x_coord", "y_coord", "tumor", "slide", "center", "split"]
    for patient, node, x, y, *_ in rows:
        folder = root / "patches" / f"patient_{patient}_node_{node}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"patch_patient_{patient}_node_{node}_x_{x}_y_{y}.png").write_bytes(b"x")
    write_csv(root / "metadata.csv", ["", *header], [[i, *row] for i, row in enumerate(rows)])
    return root


def test_iwildcam_has_traps_as_domains_and_sequences_as_groups(iwildcam, caplog):
    with caplog.at_level(logging.INFO, logger="ldpf"):
        dataset = load_dataset(iwildcam)
    assert dataset.paths == tuple(f"train/{f}.jpg" for f in "abcde")
    assert dataset.class_names == ("empty", "panthera onca")
    assert [dataset.class_names[k] for k in dataset.labels] == [
        *("empty", "panthera onca", "panthera onca", "empty", "panthera onca")
    ]
    assert dataset.domain_names == ("location_5", "location_7", "location_8", "location_9")
    assert dataset.domains.tolist() == [0, 0, 1, 2, 3]
    assert dataset.groups.tolist() == [f"sequence_{n}" for n in (11, 11, 12, 13, 14)]
    assert dataset.splits.tolist() == ["train", "train", "train", "val", "test"]
    assert "recognized iWildCam (WILDS)" in caplog.text
    assert "2 rows of other splits left out" in caplog.text


def test_camelyon17_has_hospitals_as_domains_and_patients_as_groups(camelyon):
    dataset = load_dataset(camelyon)
    assert len(dataset) == 10
    assert dataset.domain_names == CAMELYON.domains
    assert dataset.class_names == ("normal tissue", "tumor tissue")
    assert set(dataset.groups) == {f"patient_00{n}" for n in range(5)}
    by_domain = {
        dataset.domain_names[d]: str(s)
        for d, s in zip(dataset.domains, dataset.splits, strict=True)
    }
    assert by_domain == {
        "hospital_0": "train",
        "hospital_1": "val",
        "hospital_2": "test",
        "hospital_3": "train",
        "hospital_4": "train",
    }
    assert all(dataset.file(i).is_file() for i in range(len(dataset)))


def test_a_file_that_is_not_there_is_named_or_left_out(iwildcam):
    (iwildcam / "train/b.jpg").unlink()
    with pytest.raises(DataError, match=r"train/b\.jpg"):
        load_dataset(iwildcam)
    assert len(load_dataset(iwildcam, skip_bad=True)) == 4


def test_benchmark_none_reads_the_folders(iwildcam):
    assert recognize_metadata(iwildcam, "none") is None
    dataset = load_dataset(iwildcam, benchmark="none", layout="class")
    assert dataset.domains is None


def test_a_name_insists_on_the_table(tmp_path, camelyon):
    with pytest.raises(DataError) as caught:
        load_dataset(camelyon, benchmark="iwildcam")
    assert "filename, location_remapped, sequence_remapped, y" in str(caught.value)
    assert load_dataset(camelyon, benchmark="camelyon17").domain_names == CAMELYON.domains


def test_a_table_of_another_kind_is_nothing_special(tmp_path, image_tree):
    root = image_tree({"photo/dog": 1, "photo/cat": 1})
    write_csv(root / "metadata.csv", ["path", "y"], [["a", 1]])
    assert recognize_metadata(root) is None
    assert len(load_dataset(root)) == 2


def test_a_table_that_is_cut_off_is_named_with_its_line(iwildcam):
    file = iwildcam / "metadata.csv"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:4], lines[4][:8]]))
    with pytest.raises(DataError, match=r"metadata\.csv, line 5 is cut off"):
        load_dataset(iwildcam)


def test_a_class_without_a_name_is_an_error(iwildcam):
    write_csv(iwildcam / "categories.csv", ["y", "name"], [[0, "empty"]])
    with pytest.raises(DataError, match=r"line 3: the class '2' has no name in categories\.csv"):
        load_dataset(iwildcam)


def test_groups_are_whole_on_each_side_of_a_split(iwildcam):
    dataset = load_dataset(iwildcam)
    sides = {}
    for part in dataset.split(seed=0):
        for group in np.unique(part.groups):
            sides.setdefault(group, []).append(part)
    assert all(len(parts) == 1 for parts in sides.values())


def test_a_copy_is_checked_by_its_table(camelyon):
    found = check_named_dataset(CAMELYON, camelyon)
    assert [domain.images for domain in found.domains] == [2] * 5
    assert found.images == 11
    assert found.differences == ("all domains: 455,943 missing (11 of 455,954)",)
    next(camelyon.glob("patches/patient_003*/*.png")).unlink()
    found = check_named_dataset(CAMELYON, camelyon)
    assert "hospital_3: no image of normal" in found.differences
    assert found.differences[-1] == "1 files that the table names are missing"
