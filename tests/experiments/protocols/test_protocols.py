from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ldpf.errors import DataError, SettingsError
from ldpf.experiments.protocols import PROTOCOLS, get_protocol, protocol_of
from ldpf.experiments.protocols.in_distribution import ALL_DOMAINS

leave_one_domain_out = get_protocol("leave-one-domain-out").episode
single_source = get_protocol("single-source").episode
in_distribution = get_protocol("in-distribution").episode


def paths(features):
    return set(features.paths)


# --- who is trained on what -------------------------------------------------------------------


def test_the_target_is_the_test_set_and_nothing_else(data):
    episode = leave_one_domain_out(data, "art", seed=0)
    assert paths(episode.test) == {
        p for p, d in zip(data.paths, data.domains, strict=True) if data.domain_names[d] == "art"
    }
    for part in (episode.train, episode.validation):
        assert "art" not in {data.domain_names[d] for d in part.domains}


def test_every_source_image_is_either_trained_on_or_validated_on(data):
    episode = leave_one_domain_out(data, "art", seed=0)
    train, validation, test = map(paths, (episode.train, episode.validation, episode.test))
    assert train | validation | test == set(data.paths)
    assert not train & validation and not (train | validation) & test


@pytest.mark.parametrize(("fraction", "n_train"), [(0.8, 12), (0.6, 9)])
def test_each_source_domain_is_divided_by_the_fraction(fraction, n_train, data):
    episode = leave_one_domain_out(data, "art", seed=0, train_fraction=fraction)
    counts = torch.bincount(episode.train.domains, minlength=3).tolist()
    assert counts == [n_train, 0, n_train]


def test_the_seed_drives_the_split(data):
    first, again, other = (leave_one_domain_out(data, "art", seed) for seed in (0, 0, 1))
    assert first.train.paths == again.train.paths
    assert first.train.paths != other.train.paths
    assert first.test.paths == other.test.paths


def test_a_sources_split_does_not_depend_on_which_domain_is_left_out(data):
    sketches = [
        {p for p, d in zip(e.train.paths, e.train.domains, strict=True) if d == 2}
        for e in (leave_one_domain_out(data, target, 0) for target in ("photo", "art"))
    ]
    assert sketches[0] == sketches[1]


def with_splits(data, marks):
    return replace(data, splits=np.asarray([marks[i % len(marks)] for i in range(len(data))]))


def test_splits_of_a_manifest_are_kept(data):
    marked = with_splits(data, ["train", "train", "val", "test"])
    episode = leave_one_domain_out(marked, "art", seed=0)
    assert set(episode.train.splits) == {"train"}
    assert set(episode.validation.splits) == {"val"}
    assert set(episode.test.splits) == {"test"}
    sources = (data.domains != 1).numpy()
    assert len(episode.train) == (sources & (marked.splits == "train")).sum()
    assert len(episode.validation) == (sources & (marked.splits == "val")).sum()
    assert len(episode.test) == (~sources & (marked.splits == "test")).sum()


def test_without_a_test_mark_all_of_the_target_is_tested_on(data):
    episode = leave_one_domain_out(with_splits(data, ["train", "val"]), "art", seed=0)
    assert len(episode.test) == int((data.domains == 1).sum())


def test_images_without_domains_cannot_be_left_out(data):
    with pytest.raises(DataError) as caught:
        leave_one_domain_out(replace(data, domains=None, domain_names=()), "art", 0)
    assert str(caught.value) == (
        "Leaving one domain out needs known domains, but these images have none: arrange them as "
        "domain/class/image, or give a manifest with a 'domain' column. Without domains, 'ldpf "
        "train' and 'ldpf evaluate' do the work."
    )


def test_a_single_domain_cannot_be_left_out(data):
    single = replace(data, domains=torch.zeros_like(data.domains), domain_names=("photo",))
    with pytest.raises(DataError) as caught:
        leave_one_domain_out(single, "photo", 0)
    assert str(caught.value) == (
        "Leaving one domain out needs at least 2 domains, but there is only 'photo'."
    )


def test_an_unknown_target_is_named_with_the_domains_there_are(data):
    with pytest.raises(DataError) as caught:
        leave_one_domain_out(data, "cartoon", 0)
    assert str(caught.value) == (
        "There is no domain 'cartoon'; the domains are photo, art, sketch."
    )


@pytest.mark.parametrize(
    ("kept", "place"), [(lambda d: d != 1, "in"), (lambda d: d == 1, "outside of")]
)
def test_a_domain_that_leaves_nothing_to_test_or_train_on_is_named(kept, place, data):
    some = data.subset(kept(data.domains))
    with pytest.raises(DataError) as caught:
        leave_one_domain_out(some, "art", 0)
    assert str(caught.value) == (
        f"There is no image {place} the domain 'art', so it cannot be left out; choose another "
        "target or give more images."
    )


# --- single source, and in distribution ---------------------------------------------------------


def marked(data, *wanted):
    """Every fifth image marked as test, in the domains `wanted`."""
    names = [data.domain_names[d] for d in data.domains]
    fifth = [name in wanted and i % 5 == 0 for i, name in enumerate(names)]
    return replace(data, splits=np.where(fifth, "test", "train"))


def parts(episode):
    return [set(part.paths) for part in (episode.train, episode.validation, episode.test)]


def test_a_single_source_alone_is_trained_and_validated_on(data):
    episode = single_source(data, "art", seed=0)
    train, validation, _ = parts(episode)
    art = {
        p for p, d in zip(data.paths, data.domains, strict=True) if data.domain_names[d] == "art"
    }
    assert train | validation == art
    assert not train & validation
    assert episode.sources == ["art"]


def test_everything_but_the_single_source_is_tested_domain_by_domain(data):
    tests = dict(single_source(data, "art", seed=0).tests())
    assert list(tests) == [name for name in data.domain_names if name != "art"]
    for name, test in tests.items():
        assert {data.domain_names[d] for d in test.domains} == {name}
        assert len(test) == 15


def test_of_a_target_with_marked_test_images_only_these_are_tested(data):
    tests = dict(single_source(marked(data, "photo"), "art", seed=0).tests())
    assert {name: len(test) for name, test in tests.items()} == {"photo": 3, "sketch": 15}


def test_in_distribution_every_domain_is_trained_on_and_tested_on(data):
    episode = in_distribution(data, ALL_DOMAINS, seed=0)
    assert episode.sources == [name for name, _ in episode.tests()] == list(data.domain_names)


def test_in_distribution_no_image_is_in_two_parts(data):
    train, validation, test = parts(in_distribution(data, ALL_DOMAINS, seed=0))
    assert train | validation | test == set(data.paths)
    assert len(train) + len(validation) + len(test) == len(data)


def test_in_distribution_the_seed_draws_the_test_images(data):
    first, again, other = (parts(in_distribution(data, ALL_DOMAINS, s))[2] for s in (0, 0, 1))
    assert first == again != other


def test_in_distribution_marked_test_images_are_the_test(data):
    some = marked(data, *data.domain_names)
    test = parts(in_distribution(some, ALL_DOMAINS, seed=0))[2]
    assert test == {p for p, s in zip(some.paths, some.splits, strict=True) if s == "test"}


def test_in_distribution_needs_an_image_to_spare(make_features):
    with pytest.raises(DataError) as caught:
        in_distribution(make_features(1), ALL_DOMAINS, seed=0)
    assert str(caught.value) == (
        "None of the 9 images is left for testing: no class has two images in one domain; give "
        "more images."
    )


def test_one_domain_is_enough_in_distribution_and_not_elsewhere(make_features):
    one = make_features(5, n_domains=1)
    get_protocol("in-distribution").check(one)
    with pytest.raises(DataError) as caught:
        get_protocol("single-source").check(one)
    assert str(caught.value) == (
        "Training on one domain and testing on the others needs at least 2 domains, but there is "
        "only 'photo'."
    )


def test_an_unknown_protocol_is_refused_with_the_names_there_are():
    with pytest.raises(SettingsError) as caught:
        get_protocol("single-sauce")
    assert "'single-sauce'" in str(caught.value)
    assert "Did you mean 'single-source'?" in str(caught.value)
    assert all(name in str(caught.value) for name in PROTOCOLS)


@pytest.mark.parametrize(
    ("protocol", "cases"),
    [
        ("leave-one-domain-out", ["a", "b"]),
        ("single-source", ["a", "b"]),
        ("in-distribution", [ALL_DOMAINS]),
    ],
)
def test_every_domain_is_a_case_unless_all_are_trained_on(protocol, cases):
    assert get_protocol(protocol).cases(["a", "b"]) == cases


def place(line):
    rules = protocol_of(line)
    return rules.column(line), rules.where_tested(line)


def test_a_single_sources_results_are_in_its_column():
    line = {"protocol": "single-source", "case": "art", "target": "photo"}
    assert place(line) == ("from art", "art > photo")


def test_other_results_are_under_their_target():
    line = {"protocol": "in-distribution", "case": ALL_DOMAINS, "target": "photo"}
    assert place(line) == ("photo", "photo")
    assert place({"target": "photo"}) == ("photo", "photo")  # from before there were protocols


@pytest.mark.parametrize(
    ("protocol", "kept"),
    [("leave-one-domain-out", ["b"]), ("in-distribution", ["b"]), ("single-source", ["a"])],
)
def test_the_domains_asked_for_are_targets_or_sources(protocol, kept):
    lines = [{"case": "a", "target": "b"}, {"case": "b", "target": "a"}]
    rules = get_protocol(protocol)
    assert [line["target"] for line in lines if rules.wants(line, ["b"])] == kept
    assert all(rules.wants(line, None) for line in lines)


def test_only_a_protocol_that_leaves_one_domain_out_says_so():
    assert {n for n in PROTOCOLS if get_protocol(n).leaves_one_out} == {
        "leave-one-domain-out",
        *("clipood", "domainbed", "spg"),
    }


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_says_what_it_does(name):
    protocol = get_protocol(name)
    assert protocol.registered_name == name
    assert protocol.doing and protocol.measured and PROTOCOLS.summary(name)


def test_leaving_one_domain_out_has_one_test(data):
    assert [name for name, _ in leave_one_domain_out(data, "art", seed=0).tests()] == ["art"]
