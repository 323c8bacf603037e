from __future__ import annotations

import logging
from dataclasses import replace

import pytest
import torch

from ldpf.domains import DiscoverySettings, DomainDiscovery
from ldpf.domains import discovery as rounds_of_discovery
from ldpf.domains.assignment.base import ASSIGNMENTS
from ldpf.domains.clustering.kmeans import KMeans
from ldpf.domains.clustering.spherical import SphericalKMeans
from ldpf.domains.disentangle import run
from ldpf.domains.disentangle.adversarial import Adversarial
from ldpf.domains.disentangle.base import DISENTANGLERS
from ldpf.errors import DataError, SettingsError
from ldpf.utils.trees import load_tree, save_tree

SETTINGS = DiscoverySettings(
    rounds=10,
    disentangle=Adversarial(batch_size=32, learning_rate=1e-2),
    clusterer=KMeans(),
)


def discover(train, validation, settings=SETTINGS, seed=0):
    discovery = DomainDiscovery(train, validation, settings, seed)
    while not discovery.done:
        discovery.round()
    return discovery


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(20, dim=32, seed=0), make_features(10, dim=32, seed=1)


@pytest.fixture(scope="module")
def found(data):
    return discover(*data)


@pytest.fixture(scope="module")
def measures(found):
    return found.measure()


def test_the_true_domains_are_found(measures):
    assert measures["domain_nmi"] > 0.9
    assert measures["domain_ari"] > 0.9


def test_latent_domains_are_no_classes(measures):
    assert measures["class_nmi"] < 0.05


def test_z_keeps_style_and_loses_the_class(measures):
    assert measures["explained_variance"] > 0.4
    assert measures["chance"] == pytest.approx(1 / 3)
    assert measures["raw_probe_accuracy"] > 0.95
    assert measures["probe_accuracy"] < measures["chance"] + 0.12


def test_sizes_count_every_training_image(measures, data):
    assert sum(measures["sizes"]) == len(data[0])
    assert len(measures["sizes"]) == 3


@pytest.mark.slow
def test_where_classes_dominate_only_erasure_brings_domains_out(make_features):
    train = make_features(20, dim=32, class_strength=1.5)
    validation = make_features(10, dim=32, class_strength=1.5, seed=1)
    erased = discover(train, validation).measure()
    plain = replace(SETTINGS, disentangle=replace(SETTINGS.disentangle, erase=False, adversary=0.0))
    kept = discover(train, validation, plain).measure()
    assert kept["class_nmi"] > 0.9 and kept["domain_nmi"] < 0.1
    assert erased["class_nmi"] < 0.05 and erased["domain_nmi"] > 0.8


def test_unknown_domains_are_reported_as_unknown(data):
    train, validation = (replace(part, domains=None) for part in data)
    discovery = DomainDiscovery(train, validation, replace(SETTINGS, rounds=1), 0)
    discovery.round()
    measures = discovery.measure()
    assert measures["domain_nmi"] is None and measures["domain_ari"] is None


@pytest.mark.slow
def test_true_domains_change_nothing_but_their_measurement(data, found):
    train, validation = data
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))
    shuffled = discover(replace(train, domains=train.domains[order]), validation)
    assert torch.equal(shuffled.assignments, found.assignments)
    for name, tensor in found.tensors().items():
        assert torch.equal(shuffled.tensors()[name], tensor), name


def test_without_validation_images_the_training_images_are_measured(data):
    train, validation = data
    none = validation.subset([])
    discovery = DomainDiscovery(train, none, replace(SETTINGS, rounds=1), 0)
    discovery.round()
    same = DomainDiscovery(train, train, replace(SETTINGS, rounds=1), 0)
    same.round()
    assert discovery.measure() == same.measure()


@pytest.mark.slow
def test_the_same_seed_finds_the_same_bits_and_another_others(data, found):
    again, other = discover(*data).tensors(), discover(*data, seed=1).tensors()
    for name, tensor in found.tensors().items():
        assert torch.equal(again[name], tensor), name
    assert not torch.equal(other["centroids"], found.tensors()["centroids"])


def test_rounds_are_counted_until_done(data):
    discovery = DomainDiscovery(*data, replace(SETTINGS, rounds=2), 0)
    assert (discovery.rounds_done, discovery.done) == (0, False)
    discovery.round()
    assert (discovery.rounds_done, discovery.done) == (1, False)
    discovery.round()
    assert (discovery.rounds_done, discovery.done) == (2, True)


def test_a_round_says_how_many_images_changed_their_domain(data):
    discovery = DomainDiscovery(*data, SETTINGS, 0)
    before = discovery.assignments
    discovery.round()
    assert discovery.moved == pytest.approx(
        float((discovery.assignments != before).double().mean()), abs=1e-6
    )


def test_ids_settle_once_the_domains_are_found(data, measures):
    # Unmatched ids of k-means are arbitrary: two rounds in three would move most images.
    assert measures["moved"] < 0.05


def test_a_single_latent_domain_trains_no_extractor(data):
    settings = replace(SETTINGS, n_domains=1)
    discovery = DomainDiscovery(*data, settings, 0)
    before = discovery.tensors()
    while not discovery.done:
        discovery.round()
    for name, tensor in discovery.tensors().items():
        assert torch.equal(before[name], tensor), name
    assert discovery.assignments.unique().tolist() == [0]
    assert discovery.measure()["sizes"] == [len(data[0])]


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [0, 3])
def test_a_restored_discovery_goes_on_with_the_same_bits(rounds, data, found, tmp_path):
    first = DomainDiscovery(*data, SETTINGS, 0)
    for _ in range(rounds):
        first.round()
    save_tree(tmp_path / "a.safetensors", first.state())
    second = DomainDiscovery(*data, SETTINGS, 0)
    second.round()  # whatever it had before is replaced
    second.load_state(load_tree(tmp_path / "a.safetensors"))
    assert second.rounds_done == rounds
    while not second.done:
        second.round()
    assert second.measure() == found.measure()
    for name, tensor in found.tensors().items():
        assert torch.equal(second.tensors()[name], tensor), name


def test_the_class_table_counts_classes_by_latent_domain(found, data):
    table = found.class_table()
    assert table.shape == (3, 3)
    for s in range(3):
        labels = data[0].labels[found.assignments == s]
        assert table[s].tolist() == torch.bincount(labels, minlength=3).tolist()


def test_a_collapsed_extractor_keeps_the_domains_it_had(data, caplog):
    discovery = DomainDiscovery(*data, SETTINGS, 0)
    before = discovery.assignments
    discovery.training.epoch = lambda progress: None
    with torch.no_grad():
        discovery.training.extractor.out.weight.zero_()
    with caplog.at_level(logging.WARNING, logger="ldpf"):
        discovery.round()
    assert torch.equal(discovery.assignments, before)
    assert caplog.messages == ["round 1: G maps all images to one point"]


@pytest.mark.slow
def test_tiny_latent_domains_are_warned_of(make_features, caplog):
    train = make_features(20, dim=32)
    odd = make_features(1, dim=32, seed=5, domain_strength=-30.0, n_domains=1)
    together = replace(
        train,
        features=torch.cat([train.features, odd.features]),
        labels=torch.cat([train.labels, odd.labels]),
        domains=None,
        paths=train.paths + odd.paths,
    )
    with caplog.at_level(logging.WARNING, logger="ldpf"):
        discovery = discover(together, train, replace(SETTINGS, n_domains=4))
    small = int(torch.bincount(discovery.assignments).argmin())
    assert (
        f"latent domain {small} holds only 3 training images; consider fewer latent domains"
        in caplog.messages
    )


@pytest.mark.slow
def test_a_latent_domain_without_some_classes_is_warned_of(make_features, caplog):
    data = make_features(20, dim=32)
    kept = ~((data.domains == 2) & (data.labels != 0))  # the sketches show cats only
    train = data.subset(kept)
    with caplog.at_level(logging.WARNING, logger="ldpf"):
        discovery = discover(train, data)
    s = int(discovery.assignments[train.domains == 2].mode().values)
    assert discovery.class_table()[s].tolist() == [20, 0, 0]
    assert (
        f"latent domain {s} has no image of 2 of 3 classes (dog, horse); its prompt learns them "
        "only as wrong answers" in caplog.messages
    )


@pytest.mark.slow
def test_well_filled_latent_domains_are_not_warned_of(data, caplog):
    with caplog.at_level(logging.WARNING, logger="ldpf"):
        discover(*data)
    assert caplog.messages == []


@pytest.mark.slow
def test_warnings_come_once_at_the_end(data, caplog):
    discovery = DomainDiscovery(*data, replace(SETTINGS, n_domains=30, images_per_cell=0), 0)
    with caplog.at_level(logging.WARNING, logger="ldpf"):
        for _ in range(SETTINGS.rounds - 1):
            discovery.round()
        assert caplog.messages == []
        discovery.round()
        assert caplog.messages


def test_more_latent_domains_than_images_are_refused_at_once(data):
    few = data[0].subset(range(2))
    with pytest.raises(SettingsError) as caught:
        DomainDiscovery(few, few, SETTINGS, 0)
    assert str(caught.value) == (
        "n_samples=2 should be >= n_domains=3: every latent domain needs at least one training "
        "image. Use fewer latent domains or more images."
    )


# --- too few images for as many domains -------------------------------------------------------


def some_of(data, count):
    """`count` training images of all classes and domains."""
    order = torch.randperm(len(data[0]), generator=torch.Generator().manual_seed(0))
    few = data[0].subset(order[:count])
    assert len(few.labels.unique()) == len(few.domains.unique()) == 3
    return few


@pytest.mark.parametrize(
    ("images", "asked", "used"), [(48, 3, 3), (36, 3, 3), (35, 3, 2), (24, 3, 2), (16, 3, 1)]
)
def test_there_are_no_more_latent_domains_than_the_classes_fill(images, asked, used, data):
    few = some_of(data, images)
    discovery = DomainDiscovery(few, few, replace(SETTINGS, n_domains=asked), 0)
    assert discovery.n_domains == used
    assert discovery.class_table().shape == (used, 3)
    assert len(discovery.latent_domains().centroids) == used


def test_one_line_says_that_the_number_is_lowered(data, caplog):
    few = some_of(data, 24)
    with caplog.at_level(logging.WARNING, logger="ldpf"):
        DomainDiscovery(few, few, SETTINGS, 0)
    (line,) = caplog.messages
    for value in ("2 latent domains instead of 3", "24 training images", "3 classes", "=4"):
        assert value in line


def test_the_images_that_a_class_needs_are_a_setting(data):
    few = some_of(data, 24)
    used = {
        need: DomainDiscovery(few, few, replace(SETTINGS, images_per_cell=need), 0).n_domains
        for need in (0, 2.5, 8, 100)
    }
    assert used == {0: 3, 2.5: 3, 8: 1, 100: 1}
    with pytest.raises(SettingsError, match="images_per_cell=-1"):
        DiscoverySettings(images_per_cell=-1)


def test_a_class_without_images_needs_none(data):
    few = data[0].subset(data[0].labels == 0).subset(range(12))
    assert len(few.class_names) == 3
    assert DomainDiscovery(few, few, SETTINGS, 0).n_domains == 3


@pytest.mark.parametrize(("source", "used"), [("manual", 3), ("random", 1)])
def test_true_domains_stay_as_many_as_they_are_and_a_random_split_does_not(source, used, data):
    few = some_of(data, 16)
    settings = replace(SETTINGS, assignment=ASSIGNMENTS.make(source))
    assert DomainDiscovery(few, few, settings, 0).n_domains == used


@pytest.mark.slow
def test_a_number_that_a_rule_chose_is_lowered_too(data):
    settings = replace(SETTINGS, n_domains="silhouette")
    full = DomainDiscovery(*data, settings, 0).n_domains
    need = len(data[0]) / 3 / 2  # images of a class in one of two latent domains
    lowered = DomainDiscovery(*data, replace(settings, images_per_cell=need), 0)
    assert (full, lowered.chosen.n_domains, lowered.n_domains) == (3, 3, 2)


@pytest.mark.parametrize("name", ["n_domains", "rounds"])
def test_settings_below_one_are_refused(name):
    with pytest.raises(SettingsError, match=f"{name}=0 should be .*at least 1"):
        DiscoverySettings(**{name: 0})


# --- domains that are given -------------------------------------------------------------------


def given(source, **changes):
    assignment = ASSIGNMENTS.make(source)
    return replace(SETTINGS, **{"rounds": 3, "assignment": assignment, **changes})


def test_manual_assignments_are_the_true_domains(data):
    discovery = discover(*data, given("manual"))
    assert torch.equal(discovery.assignments, data[0].domains)
    assert discovery.measure()["domain_nmi"] == pytest.approx(1.0)
    assert discovery.moved == 0


def test_there_are_as_many_manual_domains_as_the_training_images_have(data):
    train = data[0].subset(data[0].domains != 1)
    discovery = discover(train, data[1], given("manual", n_domains=7))
    assert discovery.n_domains == len(discovery.latent_domains().centroids) == 2
    assert torch.equal(discovery.assignments, (train.domains == 2).long())
    assert discovery.class_table().tolist() == [[20] * 3] * 2


@pytest.mark.parametrize("source", ["manual", "random"])
def test_the_centroid_of_a_given_domain_is_the_mean_of_z(source, data):
    discovery = discover(*data, given(source))
    with torch.no_grad():
        z = discovery.training.extractor(data[0].features)
    for s, centroid in enumerate(discovery.clustering.centroids):
        expected = z[discovery.assignments == s].mean(dim=0)
        assert torch.allclose(centroid, expected, atol=1e-5)


def test_given_domains_have_the_extractor_of_discovered_ones(data):
    # Only where an image's domain comes from differs: G is the same, bit by bit.
    extractor = discover(*data, replace(SETTINGS, rounds=3)).training.extractor.state_dict()
    for source in ("manual", "random"):
        other = discover(*data, given(source)).training.extractor.state_dict()
        assert all(torch.equal(other[name], tensor) for name, tensor in extractor.items())


def test_random_assignments_do_not_depend_on_features_labels_or_domains(data):
    train, validation = data
    own = discover(train, validation, given("random")).assignments
    other = replace(
        train,
        features=train.features.flip(1),
        labels=train.labels.flip(0),
        domains=None,
    )
    assert torch.equal(discover(other, validation, given("random")).assignments, own)
    assert not torch.equal(discover(train, validation, given("random"), seed=1).assignments, own)


def test_random_domains_are_equal_in_size_and_hold_every_true_domain(data):
    measures = discover(*data, given("random", n_domains=4)).measure()
    assert measures["sizes"] == [45] * 4
    assert measures["domain_nmi"] < 0.1


def test_manual_domains_that_are_unknown_are_refused(data):
    train, validation = (replace(part, domains=None) for part in data)
    with pytest.raises(DataError) as caught:
        DomainDiscovery(train, validation, given("manual"), 0)
    assert str(caught.value) == (
        "assignment='manual' takes the true domains of the training images, but they are "
        "unknown: arrange the images as domain/class/image, give a manifest with a 'domain' "
        "column, or take assignment='clusters', which finds domains by itself."
    )


def test_an_unknown_assignment_is_refused():
    with pytest.raises(SettingsError, match=r"'stars'.*clusters, random, manual"):
        ASSIGNMENTS.make("stars")


# --- parts from the registries ------------------------------------------------------------------


@pytest.mark.parametrize("name", DISENTANGLERS)
def test_every_disentangler_finds_the_domains_of_well_separated_styles(name, data):
    settings = replace(SETTINGS, disentangle=DISENTANGLERS.make(name))
    if name == "adversarial":
        settings = SETTINGS
    discovery = discover(*data, settings)
    rebuilt = type(discovery.latent_domains()).from_tensors(discovery.tensors())
    assert torch.equal(rebuilt.assign(data[0].features), discovery.assignments)
    if name != "none":  # without disentangling, clusters may be classes
        assert discovery.measure()["domain_nmi"] > 0.9


@pytest.mark.parametrize("name", DISENTANGLERS)
def test_on_the_sphere_every_image_weighs_its_own_latent_domain_most(name, data):
    settings = replace(SETTINGS, clusterer=SphericalKMeans(), disentangle=DISENTANGLERS.make(name))
    discovery = discover(*data, replace(settings, rounds=3))
    latent = discovery.latent_domains()
    largest = latent.similarities(data[0].features).argmax(dim=1)
    assert torch.equal(largest, discovery.assignments)
    assert torch.equal(latent.assign(data[0].features), discovery.assignments)


def test_what_is_computed_at_once_needs_no_rounds(data):
    settings = replace(SETTINGS, disentangle=DISENTANGLERS.make("leace"))
    assert DomainDiscovery(*data, settings, 0).done


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["auto", "silhouette"])
def test_a_rule_may_choose_the_number(rule, data):
    discovery = discover(*data, replace(SETTINGS, n_domains=rule))
    assert discovery.n_domains == len(discovery.clustering.centroids) == 3
    assert {row["n_domains"] for row in discovery.chosen.table} >= set(range(2, 9))


def test_an_unknown_rule_for_the_number_is_refused():
    with pytest.raises(SettingsError, match=r"n_domains='many'.*silhouette"):
        replace(SETTINGS, n_domains="many")


def test_domains_that_cannot_be_divided_stay_as_they_were(data, caplog):
    discovery = DomainDiscovery(*data, replace(SETTINGS, clusterer=SphericalKMeans()), 0)
    before = discovery.assignments
    discovery.training.epoch = lambda progress: None
    with torch.no_grad():  # z on a line has two directions, and there are three latent domains
        discovery.training.extractor.out.weight[1:].zero_()
        discovery.training.extractor.out.bias.zero_()
    with caplog.at_level(logging.WARNING, logger="ldpf"):
        discovery.round()
    assert torch.equal(discovery.assignments, before)
    assert "n_domains=3" in caplog.text and "round 1" in caplog.text


@pytest.mark.slow
def test_the_scores_behind_a_chosen_number_are_told(data, caplog):
    with caplog.at_level(logging.INFO, logger="ldpf"):
        discovery = DomainDiscovery(*data, replace(SETTINGS, n_domains="silhouette"), 0)
    for row in discovery.chosen.table:
        assert f"n_domains={row['n_domains']}, silhouette={row['silhouette']:.3f}" in caplog.text


class OneDirection(SphericalKMeans):
    """Divides nothing, as where z of all images is the same."""

    def fit(self, z, n_domains, seed):
        return super().fit(torch.ones_like(z), n_domains, seed)


def test_fewer_directions_than_domains_lower_the_number_and_say_so(data, caplog):
    settings = replace(SETTINGS, disentangle=DISENTANGLERS.make("leace"), clusterer=OneDirection())
    with caplog.at_level(logging.WARNING, logger="ldpf"):
        discovery = discover(*data, settings)
    assert discovery.n_domains == 1
    assert discovery.assignments.unique().tolist() == [0]
    assert any("1 latent domains instead of 3" in message for message in caplog.messages)


def test_very_many_images_are_measured_by_a_part_of_them(data, found, monkeypatch):
    exact = found.measure()
    seen = []
    monkeypatch.setattr(rounds_of_discovery, "MEASURED", 60)
    monkeypatch.setattr(run, "FITTED", 90)
    measure = rounds_of_discovery.measure_latent

    def counted(latent, train, held_out, assigned):
        seen.append((len(train), len(held_out), len(assigned)))
        return measure(latent, train, held_out, assigned)

    monkeypatch.setattr(rounds_of_discovery, "measure_latent", counted)
    part = found.measure()
    assert seen == [(60, 60, 60)] and sum(exact["sizes"]) == 180
    assert part["sizes"] == exact["sizes"] and part["moved"] == exact["moved"]
    for name in ("explained_variance", "class_nmi", "domain_nmi", "raw_probe_accuracy"):
        assert part[name] == pytest.approx(exact[name], abs=0.15), name
    assert part["explained_variance"] != exact["explained_variance"]
