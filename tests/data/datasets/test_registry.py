from __future__ import annotations

import pytest

from ldpf.data.datasets import BENCHMARKS, get_benchmark
from ldpf.errors import SettingsError

SIZES = {
    "pacs": (4, 7),
    "vlcs": (4, 5),
    "office-home": (4, 65),
    "terra-incognita": (4, 10),
    "domainnet": (6, 345),
    "mini-domainnet": (4, 126),
}


@pytest.mark.parametrize("name", SIZES)
def test_number_of_domains_and_classes(name):
    one = BENCHMARKS[name]
    assert (len(set(one.domains)), len(set(one.classes))) == SIZES[name]


@pytest.mark.parametrize("one", BENCHMARKS.values(), ids=lambda one: one.name)
def test_names_are_sorted_as_folders_are_listed(one):
    assert list(one.domains) == sorted(one.domains)
    assert list(one.classes) == sorted(one.classes)


@pytest.mark.parametrize("one", BENCHMARKS.values(), ids=lambda one: one.name)
def test_counts_add_up(one):
    if len(one.domain_images) == len(one.domains):
        assert sum(one.domain_images.values()) == one.images
    for domain, numbers in one.class_images.items():
        assert len(numbers) == len(one.classes)
        assert sum(numbers) == one.domain_images[domain]


@pytest.mark.parametrize("one", BENCHMARKS.values(), ids=lambda one: one.name)
def test_readable_names_are_distinct_and_free_of_underscores(one):
    names = [one.class_name(folder) for folder in one.classes]
    assert len({name.casefold() for name in names}) == len(names)
    assert not any("_" in name for name in names)
    assert set(one.readable) <= set(one.classes)


@pytest.mark.parametrize(
    ("benchmark", "folder", "name"),
    [
        ("office-home", "TV", "television"),
        ("office-home", "Flipflops", "flip flops"),
        ("office-home", "Alarm_Clock", "alarm clock"),
        ("domainnet", "The_Eiffel_Tower", "the Eiffel Tower"),
        ("mini-domainnet", "teddy-bear", "teddy bear"),
    ],
)
def test_class_names_are_what_people_say(benchmark, folder, name):
    assert get_benchmark(benchmark).class_name(folder) == name


def test_mini_domainnet_is_a_part_of_domainnet():
    mini, whole = get_benchmark("mini-domainnet"), get_benchmark("domainnet")
    assert set(mini.classes) < set(whole.classes) and set(mini.domains) < set(whole.domains)


@pytest.mark.parametrize("spelling", ["Office_Home", "officehome", "Office Home"])
def test_a_name_is_found_however_it_is_spelled(spelling):
    assert get_benchmark(spelling).name == "office-home"


def test_an_unknown_name_is_an_error_with_the_nearest():
    with pytest.raises(SettingsError) as error:
        get_benchmark("domain-nett")
    assert str(error.value).startswith("there is no benchmark 'domain-nett'. Did you mean 'domain")
    assert "Known: pacs, vlcs, office-home, terra-incognita, domainnet, " in str(error.value)
