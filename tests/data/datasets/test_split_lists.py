from __future__ import annotations

import json
import logging
from collections import Counter

import pytest

from ldpf.data import load_dataset
from ldpf.data.datasets import named_dataset
from ldpf.errors import DataError

PACS, NET = named_dataset("pacs"), named_dataset("domainnet")
MINI = named_dataset("mini-domainnet")


@pytest.fixture
def dassl_pacs(grow, tmp_path):
    """pacs/images and pacs/splits as in Dassl: labels from 1, test lists of everything."""
    root = tmp_path / "pacs"
    grow(root / "images", PACS.domains, PACS.classes, each=3)
    (root / "splits").mkdir()
    for domain in PACS.domains:
        for kind, images in {"train": "01", "crossval": "2", "test": "012"}.items():
            lines = [
                f"{domain}/{name}/{i}.jpg {label}\n"
                for label, name in enumerate(PACS.classes, start=1)
                for i in images
            ]
            (root / "splits" / f"{domain}_{kind}_kfold.txt").write_text("".join(lines))
    return root


def splits_by_file(dataset):
    pairs = zip(dataset.paths, dataset.splits, strict=True)
    return {(path.rpartition("/")[2], str(split)) for path, split in pairs}


def test_text_lists_give_the_splits(dassl_pacs):
    dataset = load_dataset(dassl_pacs)
    assert (dataset.counts() == 3).all()
    assert splits_by_file(dataset) == {("0.jpg", "train"), ("1.jpg", "train"), ("2.jpg", "val")}


def test_the_log_names_the_lists(dassl_pacs, caplog):
    with caplog.at_level(logging.INFO, logger="ldpf"):
        load_dataset(dassl_pacs)
    assert f", with the split lists of {dassl_pacs / 'splits'};" in caplog.text


def test_json_lists_give_the_splits_whatever_folder_they_count_from(grow, tmp_path):
    root = tmp_path / "PACS"
    grow(root / "images", PACS.domains, PACS.classes, each=3)
    (root / "spg_coop_splits").mkdir()
    for domain in PACS.domains:
        rows = {
            split: [
                [f"PACS/images/{domain}/{name}/{i}.jpg", label, 0, name]
                for label, name in enumerate(PACS.classes)
                for i in images
            ]
            for split, images in {"train": "02", "val": "1"}.items()
        }
        file = root / "spg_coop_splits" / f"{domain[0]}_train_val_split.json"
        file.write_text(json.dumps(rows))
    assert splits_by_file(load_dataset(root)) == {
        *(("0.jpg", "train"), ("2.jpg", "train"), ("1.jpg", "val"))
    }


def test_lists_of_some_domains_only_are_not_used(dassl_pacs):
    (dassl_pacs / "splits" / "photo_train_kfold.txt").unlink()
    assert load_dataset(dassl_pacs).splits is None


def test_images_that_no_list_names_are_left_out_and_counted(dassl_pacs, caplog):
    for kind in ("train", "crossval", "test"):
        file = dassl_pacs / "splits" / f"photo_{kind}_kfold.txt"
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join(line for line in lines if "/dog/0" not in line))
    with caplog.at_level(logging.INFO, logger="ldpf"):
        dataset = load_dataset(dassl_pacs)
    assert len(dataset) == 4 * 7 * 3 - 1 and "images/photo/dog/0.jpg" not in dataset.paths
    assert "(1 images that they do not name are left out)" in caplog.text


def test_files_that_lists_name_and_that_are_not_there_are_an_error(dassl_pacs):
    (dassl_pacs / "images/photo/dog/0.jpg").unlink()
    with pytest.raises(DataError) as error:
        load_dataset(dassl_pacs)
    assert "  images/photo/dog/0.jpg: the file does not exist\n" in str(error.value)
    assert "The split lists name them. Unpack the archives again, or move" in str(error.value)


def test_missing_files_can_be_left_out(dassl_pacs):
    (dassl_pacs / "images/photo/dog/0.jpg").unlink()
    dataset = load_dataset(dassl_pacs, skip_bad=True)
    assert len(dataset) == 4 * 7 * 3 - 1
    assert "images/photo/dog/0.jpg" in {one.path for one in dataset.skipped}


def test_a_label_that_stands_for_two_classes_is_an_error(dassl_pacs):
    file = dassl_pacs / "splits" / "sketch_train_kfold.txt"
    file.write_text(file.read_text().replace("sketch/dog/1.jpg 1", "sketch/dog/1.jpg 2"))
    with pytest.raises(DataError) as error:
        load_dataset(dassl_pacs)
    assert str(error.value) == (
        f"the lists in {file.parent} give sketch/dog/1.jpg the label 2, which elsewhere in them "
        "stands for another class; take them anew"
    )


@pytest.mark.parametrize("line", ["photo/dog/0.jpg", "nonsense 3", "photo/dog/0.jpg dog"])
def test_a_line_of_another_form_is_an_error(dassl_pacs, line):
    file = dassl_pacs / "splits" / "photo_train_kfold.txt"
    file.write_text(f"{line}\n")
    with pytest.raises(DataError) as error:
        load_dataset(dassl_pacs)
    assert str(error.value).startswith(f"{file}, line 1: {line!r} is not 'relative/path label'; ")


def test_a_list_of_another_domain_is_an_error(dassl_pacs):
    file = dassl_pacs / "splits" / "photo_train_kfold.txt"
    file.write_text("sketch/dog/0.jpg 1\n")
    with pytest.raises(DataError, match=r"name sketch/dog/0.jpg, which does not lie in photo; "):
        load_dataset(dassl_pacs)


@pytest.mark.parametrize("content", ["{", '{"train": [["photo/dog/0.jpg"]]}', "[]"])
def test_a_json_file_of_another_form_is_an_error(grow, tmp_path, content):
    root = tmp_path / "PACS"
    grow(root / "images", PACS.domains, PACS.classes)
    (root / "spg_coop_splits").mkdir()
    for letter in "acps":
        (root / "spg_coop_splits" / f"{letter}_train_val_split.json").write_text(content)
    with pytest.raises(DataError, match=r"a_train_val_split\.json.*take it anew") as caught:
        load_dataset(root)
    assert "list of splits" in str(caught.value)


def write_domainnet_lists(folder, domains, classes, images="01"):
    folder.mkdir(exist_ok=True)
    for domain in domains:
        for kind, i in zip(("train", "test"), images, strict=True):
            lines = [f"{domain}/{c}/{i}.jpg {k}\n" for k, c in enumerate(classes)]
            (folder / f"{domain}_{kind}.txt").write_text("".join(lines))


@pytest.mark.slow
@pytest.mark.parametrize("place", ["splits", ".", "image_list"])
def test_domainnet_lists_name_train_and_test(grow, tmp_path, place):
    root = grow(tmp_path / "domainnet", NET.domains[:2], NET.classes, each=3)
    write_domainnet_lists(root / place, NET.domains[:2], NET.classes)
    dataset = load_dataset(root)
    assert Counter(dataset.splits.tolist()) == {"train": 2 * 345, "test": 2 * 345}


@pytest.mark.slow
def test_mini_domainnet_is_read_from_domainnet_by_its_lists(grow, tmp_path):
    root = grow(tmp_path / "domainnet", MINI.domains, NET.classes, each=3)
    write_domainnet_lists(root / "splits_mini", MINI.domains, MINI.classes)
    dataset = load_dataset(root, benchmark="mini-domainnet")
    assert len(dataset.class_names) == 126 and (dataset.counts() == 2).all()
    assert Counter(dataset.splits.tolist()) == {"train": 4 * 126, "test": 4 * 126}
    assert len(load_dataset(root).class_names) == 345


@pytest.mark.parametrize(
    ("name", "folder", "files"),
    [
        ("vlcs", "spg_coop_splits", {"Caltech101": "c", "LabelMe": "l", "SUN09": "s",
                                     "VOC2007": "p"}),
        ("terra-incognita", "dpspg_coop_splits", {"location_100": "1", "location_38": "2",
                                                  "location_43": "3", "location_46": "4"}),
        ("office-home", "spg_coop_splits", {"Art": "a", "Clipart": "c", "Product": "p",
                                            "Real World": "r"}),
    ],
)  # fmt: skip
def test_json_lists_whose_names_are_no_domains_are_told_by_their_paths(
    name, folder, files, grow, tmp_path
):
    one = named_dataset(name)
    grow(tmp_path / "images", one.domains, one.classes, each=3)
    (tmp_path / folder).mkdir()
    for domain, letter in files.items():
        rows = {
            split: [
                [f"data/images/{domain}/{name}/{i}.jpg", label, 0, name]
                for label, name in enumerate(one.classes)
                for i in images
            ]
            # As the code of DPSPG writes them: the test list repeats the validation list.
            for split, images in {"train": "02", "val": "1", "test": "1"}.items()
        }
        (tmp_path / folder / f"{letter}_train_val_split.json").write_text(json.dumps(rows))
    dataset = load_dataset(tmp_path)
    assert dataset.domain_names == tuple(sorted(files))
    assert splits_by_file(dataset) == {("0.jpg", "train"), ("2.jpg", "train"), ("1.jpg", "val")}
