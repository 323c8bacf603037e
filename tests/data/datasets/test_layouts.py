"""Each layout in circulation, on a small tree with its real folder names."""

from __future__ import annotations

import logging

import pytest

from ldpf.data import load_dataset
from ldpf.data.datasets import named_dataset
from ldpf.data.datasets.recognize import recognize_dataset
from ldpf.errors import DataError, SettingsError

PACS, VLCS = named_dataset("pacs"), named_dataset("vlcs")
HOME, TERRA = named_dataset("office-home"), named_dataset("terra-incognita")
OFFICE, CALTECH = named_dataset("office-31"), named_dataset("office-caltech10")
NICO = named_dataset("nico-plus-plus")
NET, MINI = named_dataset("domainnet"), named_dataset("mini-domainnet")

PLAIN = {
    "PACS as in DomainBed": (PACS, "PACS", PACS.domains),
    "PACS, its own archive": (PACS, "PACS/kfold", PACS.domains),
    "PACS as in Dassl": (PACS, "pacs/images", PACS.domains),
    "VLCS as in DomainBed": (VLCS, "VLCS", VLCS.domains),
    "Office-Home, its own archive": (
        HOME,
        "data/OfficeHomeDataset_10072016",
        ("Art", "Clipart", "Product", "Real World"),
    ),
    "Office-Home as in DomainBed": (
        HOME,
        "office_home",
        ("Art", "Clipart", "Product", "Real World"),
    ),
    "Office-Home as in Dassl": (
        HOME,
        "office_home",
        ("art", "clipart", "product", "real_world"),
    ),
    "Office-Home, underscore": (HOME, "OfficeHome", ("Art", "Clipart", "Product", "Real_World")),
    "Terra Incognita as in DomainBed": (TERRA, "terra_incognita", TERRA.domains),
    "Terra Incognita as in SPG": (TERRA, "terra/images", TERRA.domains),
    "DomainNet as in DomainBed": (NET, "domain_net", NET.domains),
    "DomainNet as in SPG": (NET, "domainnet/images", NET.domains),
    "mini-DomainNet": (MINI, "mini", MINI.domains),
    "Office-31 without folders of images": (OFFICE, "office31", OFFICE.domains),
    "Office-Caltech10": (CALTECH, "office_caltech_10", CALTECH.domains),
    "NICO++": (NICO, "NICO_DG", NICO.domains),
}


@pytest.mark.slow
@pytest.mark.parametrize("layout", PLAIN)
def test_domain_class_image_is_recognized(layout, grow, tmp_path):
    named, folder, domains = PLAIN[layout]
    grow(tmp_path / folder, domains, named.classes, each=1)
    root = tmp_path / folder.split("/")[0]
    dataset = load_dataset(root)
    assert dataset.domain_names == named.domains
    assert dataset.class_names == tuple(map(named.class_name, named.classes))
    assert (dataset.counts() == 1).all() and dataset.splits is None
    assert all(dataset.file(i).is_file() for i in range(0, len(dataset), 50))


@pytest.mark.usefixtures("no_plugins")
def test_bins_and_unread_pictures_do_not_hide_a_data_set_and_are_said(grow, tmp_path, caplog):
    root = grow(tmp_path / "PACS", PACS.domains, PACS.classes, each=1)
    for place in ("#recycle", "sketch/@eaDir", "sketch/dog/lost+found"):
        (root / place).mkdir()
        (root / place / "1.jpg").write_bytes(b"x")
    (root / "sketch/dog/2.heic").write_bytes(b"x")
    with caplog.at_level(logging.INFO, logger="ldpf"):
        dataset = load_dataset(root)
    assert dataset.domain_names == PACS.domains and len(dataset) == 28
    (line,) = [r.getMessage() for r in caplog.records if r.msg.startswith("left out")]
    assert ".heic 1" in line and "(#recycle 1, @eaDir 1, lost+found 1)" in line


def test_labels_follow_the_folders(grow, tmp_path):
    dataset = load_dataset(grow(tmp_path, ("Art", "Real World"), HOME.classes, each=1))
    for path, label, domain in zip(dataset.paths, dataset.labels, dataset.domains, strict=True):
        folder, name, _ = path.split("/")
        assert dataset.domain_names[domain] == folder
        assert dataset.class_names[label] == HOME.class_name(name)


def test_pacs_reads_as_it_did_without_its_name(grow, tmp_path):
    root = grow(tmp_path / "PACS", PACS.domains, PACS.classes)
    named, plain = load_dataset(root), load_dataset(root, benchmark="none")
    assert named.paths == plain.paths and named.name == plain.name
    assert named.class_names == plain.class_names and named.domain_names == plain.domain_names
    assert (named.labels == plain.labels).all() and (named.domains == plain.domains).all()


@pytest.mark.slow
def test_the_log_says_what_was_recognized(grow, tmp_path, caplog):
    root = grow(tmp_path, HOME.domains, HOME.classes, each=1)
    with caplog.at_level(logging.INFO, logger="ldpf"):
        load_dataset(root)
    assert caplog.messages == [
        "recognized Office-Home: official domains and readable class names are used; "
        "benchmark='none' reads the folders as they are"
    ]


def test_none_reads_the_folders_as_they_are(grow, tmp_path):
    root = grow(tmp_path, HOME.domains, HOME.classes, each=1)
    assert "TV" in load_dataset(root, benchmark="none").class_names


def test_a_forced_layout_recognizes_nothing(grow, tmp_path):
    root = grow(tmp_path, HOME.domains, HOME.classes, each=1)
    assert load_dataset(root, layout="class").class_names == HOME.domains


@pytest.mark.slow
def test_dassl_office_home_has_splits_as_folders(grow, tmp_path):
    root = tmp_path / "office_home_dg"
    for domain in ("art", "clipart", "product", "real_world"):
        grow(root / domain, ["train"], HOME.classes, each=3)
        grow(root / domain, ["val"], HOME.classes, each=1)
    dataset = load_dataset(root)
    assert dataset.domain_names == HOME.domains and (dataset.counts() == 4).all()
    assert "television" in dataset.class_names
    for path, split in zip(dataset.paths, dataset.splits, strict=True):
        assert path.split("/")[1] == split


def test_dassl_vlcs_has_numbered_classes_and_a_folder_that_repeats_the_others(grow, tmp_path):
    for domain in ("CALTECH", "LABELME", "PASCAL", "SUN"):
        for split, each in {"train": 3, "crossval": 1, "test": 2, "full": 4}.items():
            grow(tmp_path / domain, [split], "01234", each=each)
    dataset = load_dataset(tmp_path)
    assert dataset.class_names == VLCS.classes and dataset.domain_names == VLCS.domains
    assert (dataset.counts() == 6).all()
    kinds = {path.split("/")[1]: split for path, split in zip(dataset.paths, dataset.splits)}  # noqa: B905
    assert kinds == {"train": "train", "crossval": "val", "test": "test"}
    assert {path.split("/")[0] for path in dataset.paths if "/0/" in path} == {
        *("CALTECH", "LABELME", "PASCAL", "SUN")
    }


def test_vlcs_with_nothing_but_full_has_no_splits(grow, tmp_path):
    for domain in ("CALTECH", "LABELME", "PASCAL", "SUN"):
        grow(tmp_path / domain, ["full"], "01234")
    dataset = load_dataset(tmp_path)
    assert (dataset.counts() == 2).all() and dataset.splits is None


@pytest.mark.slow
def test_a_class_names_file_wins(grow, tmp_path):
    root = grow(tmp_path, HOME.domains, HOME.classes, each=1)
    (root / "class_names.txt").write_text("TV = telly\n")
    names = load_dataset(root).class_names
    assert "telly" in names and "flip flops" in names


@pytest.mark.parametrize("what", ["a class more", "a class less", "a folder more"])
def test_what_only_resembles_a_named_data_set_is_not_recognized(what, grow, tmp_path):
    classes = PACS.classes[:-1] if what == "a class less" else PACS.classes
    root = grow(tmp_path, PACS.domains, classes, each=1)
    if what == "a class more":
        grow(root, ["photo"], ["zebra"])
    if what == "a folder more":
        grow(root, ["watercolor"], ["dog"])
    assert recognize_dataset(root) is None
    assert "zebra" in load_dataset(root).class_names or what != "a class more"


def test_a_part_is_taken_by_name(grow, tmp_path):
    root = grow(tmp_path, ("photo", "sketch"), ("dog", "horse"))
    dataset = load_dataset(root, benchmark="PACS")
    assert dataset.class_names == ("dog", "horse") and dataset.domain_names == ("photo", "sketch")


def test_a_name_that_does_not_fit_is_an_error(grow, tmp_path):
    root = grow(tmp_path, ("a", "b"), ("dog", "horse"))
    with pytest.raises(DataError) as error:
        load_dataset(root, benchmark="pacs")
    assert str(error.value) == (
        f"{root} does not look like PACS: neither it nor its folders images or kfold hold folders "
        "such as art_painting, cartoon, photo, sketch; point to the folder above them, or give "
        "the name of another data set"
    )


def test_an_unknown_class_of_a_named_data_set_is_an_error(grow, tmp_path):
    root = grow(tmp_path, PACS.domains, [*PACS.classes, "hose"])
    with pytest.raises(DataError) as error:
        load_dataset(root, benchmark="pacs")
    assert str(error.value) == (
        f"{root} has the class folder art_painting/hose, which is none of the 7 classes of PACS. "
        "Did you mean 'house' or 'horse'? Move it away, or say benchmark='none' "
        "to read the folders as they are"
    )


def test_an_unknown_name_is_an_error(image_tree):
    with pytest.raises(SettingsError, match=r"no named data set 'pcas'\. Did you mean 'pacs'\?"):
        load_dataset(image_tree({"dog": 1, "cat": 1}), benchmark="pcas")


def test_images_outside_of_class_folders_are_an_error(grow, tmp_path):
    root = grow(tmp_path, PACS.domains, PACS.classes)
    (root / "photo" / "stray.jpg").write_bytes(b"x")
    with pytest.raises(DataError, match=r"photo holds images of no class, for example stray.jpg; "):
        load_dataset(root)


def test_an_empty_class_folder_is_left_out_with_a_warning(grow, tmp_path):
    root = grow(tmp_path, PACS.domains, PACS.classes)
    for file in (root / "photo" / "dog").iterdir():
        file.unlink()
    with pytest.warns(UserWarning, match="left out 1 folders without images: photo/dog"):
        assert load_dataset(root).counts()[2, 0] == 0


def test_other_datasets_are_left_alone(image_tree):
    root = image_tree({"photo/dog": 1, "photo/cat": 1, "sketch/dog": 1})
    assert recognize_dataset(root) is None


def test_the_folders_of_images_in_office_31s_archive_are_looked_through(grow, tmp_path):
    for domain in OFFICE.domains:
        grow(tmp_path, [f"{domain}/images"], OFFICE.classes, each=1)
    dataset = load_dataset(tmp_path)
    assert dataset.domain_names == OFFICE.domains and dataset.splits is None
    assert (dataset.counts() == 1).all()
    assert "backpack" in dataset.class_names
