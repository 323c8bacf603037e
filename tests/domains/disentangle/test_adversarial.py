from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ldpf.domains.diagnostics import linear_probe_accuracy
from ldpf.domains.disentangle.adversarial import (
    Adversarial,
    AdversarialRun,
    DomainExtractor,
    reversal_ramp,
    reverse_gradient,
    seeded_linear,
)
from ldpf.errors import SettingsError
from ldpf.utils.seed import generator

# Few images need small batches and large steps to train in the seconds a test has.
SETTINGS = Adversarial(batch_size=32, learning_rate=1e-2)
ROUNDS = 12


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(20, dim=32, seed=0), make_features(10, dim=32, seed=1)


@pytest.fixture(scope="module")
def trained(data):
    """Trained extractors by settings, each trained once."""
    done = {}

    def train(settings=SETTINGS):
        if settings not in done:
            train_set = data[0]
            training = AdversarialRun(
                train_set.features, train_set.labels, 3, settings, generator(0, "extractor")
            )
            for i in range(ROUNDS):
                training.epoch(i / (ROUNDS - 1))
            done[settings] = training
        return done[settings]

    return train


def probe(training, data):
    train_set, held_out = data
    with torch.no_grad():
        z_train = training.extractor(train_set.features)
        z_held_out = training.extractor(held_out.features)
    return linear_probe_accuracy(z_train, train_set.labels, z_held_out, held_out.labels)


def test_the_reversal_passes_values_on_unchanged():
    x = torch.randn(3, 4)
    assert torch.equal(reverse_gradient(x, 0.7), x)


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_the_reversal_turns_gradients_round(strength):
    x = torch.randn(3, 4, requires_grad=True)
    direction = torch.randn(3, 4)
    (reverse_gradient(x, strength) * direction).sum().backward()
    assert torch.allclose(x.grad, -strength * direction)


def test_the_ramp_starts_at_zero_and_ends_near_one():
    assert reversal_ramp(0.0) == 0.0
    assert reversal_ramp(1.0) == pytest.approx(0.9999, abs=1e-4)
    assert reversal_ramp(0.1) == pytest.approx(2 / (1 + 2.718281828**-1) - 1)


def test_the_ramp_rises_and_stays_within_its_range():
    values = [reversal_ramp(p / 10) for p in range(-2, 14)]
    assert values == sorted(values)
    assert values[0] == 0.0 and values[-1] == reversal_ramp(1.0)


def test_a_seeded_layer_comes_from_its_generator_only():
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first = seeded_linear(8, 3, generator(0, "layer"))
    assert torch.equal(torch.get_rng_state(), state)
    second = seeded_linear(8, 3, generator(0, "layer"))
    assert torch.equal(first.weight, second.weight) and torch.equal(first.bias, second.bias)
    assert not torch.equal(first.weight, seeded_linear(8, 3, generator(1, "layer")).weight)


def test_a_seeded_layer_starts_in_the_usual_range():
    layer = seeded_linear(100, 200, generator(0, "layer")).requires_grad_(False)
    assert 0.09 < float(layer.weight.abs().max()) <= 0.1
    assert 0.09 < float(layer.bias.abs().max()) <= 0.1


@pytest.mark.slow
def test_sizes_are_a_half_and_a_quarter_of_the_image_feature(data):
    train_set = data[0]
    training = AdversarialRun(
        train_set.features, train_set.labels, 3, Adversarial(), generator(0, "extractor")
    )
    assert training.extractor.hidden.weight.shape == (16, 32)
    assert training.extractor.out.weight.shape == (8, 16)


def test_what_the_perceptron_sees_is_centered_with_about_unit_variance(data):
    train_set = data[0]
    training = AdversarialRun(
        train_set.features, train_set.labels, 3, Adversarial(), generator(0, "extractor")
    )
    seen = training.extractor.standardize(train_set.features)
    assert float(seen.mean(dim=0).abs().max()) < 1e-5
    assert float(seen.var(dim=0, unbiased=False).mean()) == pytest.approx(1.0, rel=1e-4)


def test_z_is_centered_on_the_training_images(data, trained):
    z = trained().extractor(data[0].features).detach()
    assert float(z.mean(dim=0).abs().max()) < 1e-4
    assert float(z.std(dim=0).max()) > 0.1


def test_z_does_not_collapse(data, trained):
    held_out = data[1]
    assert trained().explained_variance(held_out.features, held_out.labels) > 0.4


def test_few_steps_do_not_look_like_a_collapse(make_features):
    # The decoder has hardly moved after three small steps; a random G keeps most of the style.
    train_set = make_features(20, dim=32)
    training = AdversarialRun(
        train_set.features, train_set.labels, 3, Adversarial(), generator(0, "extractor")
    )
    for _ in range(3):
        training.epoch(0.0)
    assert training.explained_variance(train_set.features, train_set.labels) > 0.3


@pytest.mark.parametrize("held_out", [False, True])
def test_a_constant_z_shows_as_no_explained_variance(data, held_out):
    train_set, shown = data[0], data[held_out]
    training = AdversarialRun(
        train_set.features, train_set.labels, 3, SETTINGS, generator(0, "extractor")
    )
    training.epoch(1.0)
    assert training.explained_variance(shown.features, shown.labels) > 0.1
    with torch.no_grad():
        training.extractor.out.weight.zero_()  # collapsed: z is its bias for every image
    assert training.explained_variance(shown.features, shown.labels) == pytest.approx(0.0, abs=1e-6)


def test_a_z_that_only_knows_the_class_explains_nothing_within_it(data):
    train_set, held_out = data
    training = AdversarialRun(
        train_set.features, train_set.labels, 3, SETTINGS, generator(0, "extractor")
    )
    hot = torch.nn.functional.one_hot
    both = {id(part.features): hot(part.labels, 3).float() for part in data}
    training.extractor.forward = lambda features: both[id(features)]
    explained = training.explained_variance(held_out.features, held_out.labels)
    assert explained == pytest.approx(0.0, abs=1e-6)


def test_the_class_cannot_be_read_off_z(data, trained):
    train_set, held_out = data
    raw = linear_probe_accuracy(
        train_set.features, train_set.labels, held_out.features, held_out.labels
    )
    assert raw > 0.95
    assert probe(trained(), data) < 1 / 3 + 0.12


def test_without_erasure_a_fresh_probe_still_reads_the_class(data, trained):
    # Why `erase` exists: the adversary of its own epochs is fooled, a later one is not.
    assert probe(trained(replace(SETTINGS, erase=False)), data) > 0.7


def test_without_erasure_the_linear_map_is_the_identity(trained):
    erasure = trained(replace(SETTINGS, erase=False)).extractor.erasure
    assert torch.equal(erasure, torch.eye(8))


def test_too_many_classes_for_the_size_of_z_are_not_erased(data):
    train_set = data[0]
    settings = replace(SETTINGS, dim=3)  # two class directions out of three would leave one
    training = AdversarialRun(
        train_set.features, train_set.labels, 3, settings, generator(0, "extractor")
    )
    training.epoch(1.0)
    assert torch.equal(training.extractor.erasure, torch.eye(3))


def test_the_adversary_keeps_the_class_out_of_its_own_reach(data, trained):
    held_out = data[1]
    with_reversal = trained(replace(SETTINGS, adversary=3.0))
    without = trained(replace(SETTINGS, adversary=0.0))
    fooled = with_reversal.adversary_accuracy(held_out.features, held_out.labels)
    assert without.adversary_accuracy(held_out.features, held_out.labels) > 0.95
    assert fooled < 0.7


def test_training_repeats_bit_by_bit(data, trained):
    train_set = data[0]
    again = AdversarialRun(
        train_set.features, train_set.labels, 3, SETTINGS, generator(0, "extractor")
    )
    for i in range(ROUNDS):
        again.epoch(i / (ROUNDS - 1))
    for name, tensor in trained().extractor.state_dict().items():
        assert torch.equal(again.extractor.state_dict()[name], tensor), name


def test_one_image_alone_has_the_z_it_has_in_a_batch(data, trained):
    features = data[1].features
    extractor = trained().extractor
    alone = torch.cat([extractor(row[None]) for row in features])
    assert torch.allclose(alone, extractor(features), atol=1e-5)


def test_images_that_are_all_the_same_do_not_blow_up():
    features = torch.nn.functional.normalize(torch.ones(20, 8), dim=1)
    training = AdversarialRun(
        features, torch.arange(20) % 2, 2, Adversarial(), generator(0, "extractor")
    )
    training.epoch(1.0)
    assert torch.isfinite(training.extractor(features)).all()


def test_an_extractor_without_training_maps_to_the_size_of_z():
    extractor = DomainExtractor(16, 8, 4, generator(0, "extractor"))
    assert extractor(torch.randn(5, 16)).shape == (5, 4)


@pytest.mark.parametrize(
    "change",
    [{"hidden": 0}, {"dim": -1}, {"learning_rate": 0.0}, {"batch_size": 0}, {"adversary": -1.0}],
)
def test_settings_out_of_range_are_refused(change):
    ((name, value),) = change.items()
    with pytest.raises(SettingsError, match=f"{name}={value!r}"):
        Adversarial(**change)
