from __future__ import annotations

from dataclasses import replace

import pytest

from ldpf.data.datasets import check, named_dataset
from ldpf.data.datasets.check import check_named_dataset
from ldpf.errors import DataError

PACS, TERRA = named_dataset("pacs"), named_dataset("terra-incognita")


@pytest.fixture
def small():
    """PACS as if 2 images of each class and domain were published."""
    return replace(
        PACS,
        images=56,
        domain_images=dict.fromkeys(PACS.domains, 14),
        class_images=dict.fromkeys(PACS.domains, (2,) * 7),
    )


@pytest.fixture
def check_small(small, monkeypatch, grow, tmp_path):
    """A complete copy's folder, and a function that checks it."""
    root = grow(tmp_path / "PACS", PACS.domains, PACS.classes)
    found = check.recognize_dataset

    def recognize_dataset(folder, name):
        return replace(found(folder, name), dataset=small)

    monkeypatch.setattr(check, "recognize_dataset", recognize_dataset)
    return root, lambda: check_named_dataset(small, root)


def test_a_complete_copy_has_no_differences(check_small):
    _, run = check_small
    found = run()
    assert found.differences == () and found.images == found.published == 56
    assert [domain.images for domain in found.domains] == [14] * 4


def test_what_is_missing_and_what_is_too_many_is_told_per_domain_and_class(check_small):
    root, run = check_small
    (root / "photo/dog/0.jpg").unlink()
    (root / "sketch/house/more.jpg").write_bytes(b"x")
    assert run().differences == (
        "photo: 1 missing (13 of 14); dog -1",
        "sketch: 1 too many (15 of 14); house +1",
    )


def test_the_right_sum_of_wrong_classes_is_told(check_small):
    root, run = check_small
    (root / "photo/dog/0.jpg").rename(root / "photo/horse/more.jpg")
    assert run().differences == ("photo: other classes than published; dog -1, horse +1",)


def test_a_missing_domain_and_a_missing_class_are_told(check_small, tmp_path):
    root, run = check_small
    (root / "photo").rename(tmp_path / "photo")
    for file in (root / "sketch/dog").iterdir():
        file.unlink()
    assert run().differences == (
        "the domain photo is missing",
        "sketch: 2 missing (12 of 14); dog -2",
        "sketch: no image of dog",
    )


def test_folders_that_do_not_belong_to_it_are_told(check_small, grow):
    root, run = check_small
    grow(root, ["oil"], ["dog"])
    grow(root, ["photo"], ["zebra"])
    found = run()
    assert found.differences == ("folders that do not belong to it: oil, photo/zebra",)
    assert found.images == 56


def test_a_class_need_not_be_in_every_location_of_terra_incognita(grow, tmp_path):
    root = grow(tmp_path, TERRA.domains, TERRA.classes)
    for file in (root / "location_38/cat").iterdir():
        file.unlink()
    found = check_named_dataset(TERRA, root)
    assert found.domains[1].absent_classes == ("cat",)
    assert not any("no image" in sentence for sentence in found.differences)
    assert "location_38: 9,718 missing (18 of 9,736)" in found.differences


@pytest.mark.slow
def test_without_numbers_per_domain_the_sum_is_compared(grow, tmp_path):
    mini = named_dataset("mini-domainnet")
    found = check_named_dataset(mini, grow(tmp_path, mini.domains, mini.classes, each=1))
    assert found.differences == ("all domains: 139,502 missing (504 of 140,006)",)


def test_files_that_the_lists_name_and_images_they_do_not(check_small):
    root, run = check_small
    (root / "splits").mkdir()
    for domain in PACS.domains:
        lines = [
            f"{domain}/{name}/{i}.jpg {k}\n" for k, name in enumerate(PACS.classes) for i in "05"
        ]
        (root / "splits" / f"{domain}_train_kfold.txt").write_text("".join(lines))
    found = run()
    assert found.unlisted == 28 and found.missing_files == 28
    assert found.differences[-1] == "28 files that the split lists name are missing"


def test_json_has_plain_values(check_small):
    _, run = check_small
    document = run().as_json()
    assert document["as_published"] is True and document["images"] == 56
    assert document["domains"][0]["name"] == "art_painting"


def test_a_folder_that_is_not_there_is_an_error_with_a_hint(grow, tmp_path):
    grow(tmp_path / "PACS", PACS.domains, PACS.classes)
    with pytest.raises(DataError, match=r"holds no 'PAC'\. Did you mean 'PACS'\?"):
        check_named_dataset(PACS, tmp_path / "PAC")


def test_an_archive_is_to_be_unpacked(tmp_path):
    (tmp_path / "PACS.zip").write_bytes(b"")
    with pytest.raises(DataError, match=r"PACS\.zip is a file; unpack it and give the folder"):
        check_named_dataset(PACS, tmp_path / "PACS.zip")
