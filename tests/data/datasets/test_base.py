from __future__ import annotations

import subprocess
import sys

import pytest

from ldpf.data import load_dataset
from ldpf.data.datasets import DATASETS, named_dataset, named_datasets
from ldpf.errors import SettingsError

SIZES = {
    "pacs": (4, 7),
    "vlcs": (4, 5),
    "office-home": (4, 65),
    "terra-incognita": (4, 10),
    "domainnet": (6, 345),
    "mini-domainnet": (4, 126),
    "office-31": (3, 31),
    "office-caltech10": (4, 10),
    "nico-plus-plus": (6, 60),
    "camelyon17": (5, 2),
}


@pytest.mark.parametrize("name", SIZES)
def test_number_of_domains_and_classes(name):
    one = named_dataset(name)
    assert (len(set(one.domains)), len(set(one.classes))) == SIZES[name]


@pytest.mark.parametrize("one", named_datasets(), ids=lambda one: one.name)
def test_names_are_sorted_as_folders_are_listed(one):
    assert list(one.domains) == sorted(one.domains)
    assert list(one.classes) == sorted(one.classes)


@pytest.mark.parametrize("one", named_datasets(), ids=lambda one: one.name)
def test_counts_add_up(one):
    if one.domains and len(one.domain_images) == len(one.domains):
        assert sum(one.domain_images.values()) == one.images
    for domain, numbers in one.class_images.items():
        assert len(numbers) == len(one.classes)
        assert sum(numbers) == one.domain_images[domain]


@pytest.mark.parametrize("one", named_datasets(), ids=lambda one: one.name)
def test_readable_names_are_distinct_and_free_of_underscores(one):
    names = [one.class_name(folder) for folder in one.classes]
    assert len({name.casefold() for name in names}) == len(names)
    assert not any("_" in name for name in names)
    assert set(one.readable) <= set(one.classes)


@pytest.mark.parametrize(
    ("dataset", "folder", "name"),
    [
        ("office-home", "TV", "television"),
        ("office-home", "Flipflops", "flip flops"),
        ("office-home", "Alarm_Clock", "alarm clock"),
        ("domainnet", "The_Eiffel_Tower", "the Eiffel Tower"),
        ("mini-domainnet", "teddy-bear", "teddy bear"),
    ],
)
def test_class_names_are_what_people_say(dataset, folder, name):
    assert named_dataset(dataset).class_name(folder) == name


def test_mini_domainnet_is_a_part_of_domainnet():
    mini, whole = named_dataset("mini-domainnet"), named_dataset("domainnet")
    assert set(mini.classes) < set(whole.classes) and set(mini.domains) < set(whole.domains)


@pytest.mark.parametrize("spelling", ["Office_Home", "officehome", "Office Home"])
def test_a_name_is_found_however_it_is_spelled(spelling):
    assert named_dataset(spelling).name == "office-home"


def test_an_unknown_name_is_an_error_with_the_nearest():
    with pytest.raises(SettingsError) as error:
        named_dataset("domain-nett")
    assert "'domain-nett'" in str(error.value) and "Did you mean 'domainnet'" in str(error.value)
    assert all(name in str(error.value) for name in SIZES)


@pytest.mark.parametrize("name", SIZES)
def test_a_data_set_has_the_name_that_it_is_registered_under(name):
    assert named_dataset(name).name == name
    assert DATASETS.summary(name)


def test_these_are_all():
    assert set(DATASETS) == {*SIZES, "iwildcam"}  # of which only its table names the domains


OUTSIDE = '''
from ldpf.data.datasets import DATASETS, NamedDataset


@DATASETS.register("two-sites")
def two_sites() -> NamedDataset:
    """Two sites."""
    return NamedDataset(
        name="two-sites",
        title="Two Sites",
        domains=("East", "West"),
        classes=("cat", "dog"),
        paper="none",
        home=(),
        terms="free",
        readable={"dog": "domestic dog"},
    )
'''


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """An installed package that brings a data set."""
    (tmp_path / "sites_of_mine.py").write_text(OUTSIDE)
    info = tmp_path / "sites-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sites\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[ldpf.data.datasets]\ntwo-sites = sites_of_mine:two_sites\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(DATASETS, "_entries", dict(DATASETS._entries))
    DATASETS.__dict__.pop("_outside", None)
    yield
    DATASETS.__dict__.pop("_outside", None)
    sys.modules.pop("sites_of_mine", None)


@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize("name", ["auto", "two-sites", "TwoSites"])
def test_a_data_set_of_a_package_outside_is_recognized(name, grow, tmp_path):
    root = grow(tmp_path / "data", ["east", "west"], ["cat", "dog"], each=1)
    dataset = load_dataset(root, benchmark=name)
    assert dataset.domain_names == ("East", "West")
    assert dataset.class_names == ("cat", "domestic dog")


def test_names_and_summaries_are_read_without_numpy():
    program = (
        "import sys; from ldpf.data.datasets.base import DATASETS; "
        "print([DATASETS.summary(name) for name in DATASETS]); "
        "assert not {'numpy', 'torch', 'PIL'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.PIPE)
    assert all(DATASETS.summary(name) in done.stdout.decode() for name in DATASETS)
