from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ldpf.errors import SettingsError
from ldpf.heads.gda import GaussianDiscriminant
from ldpf.methods import GDA, ZeroShot


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(8, noise=0.3, seed=0), make_features(4, noise=0.3, seed=1)


@pytest.fixture(scope="module")
def fitted(data, tiny_clip):
    return GDA().fit(*data, tiny_clip)


def accuracy(classifier, data):
    return float((classifier.logits(data.features).argmax(dim=1) == data.labels).float().mean())


def test_without_the_discriminant_it_is_zero_shot(data, tiny_clip):
    alone = GDA(mixes=(0.0,)).fit(*data, tiny_clip)
    zero_shot = ZeroShot().fit(*data, tiny_clip)
    assert torch.allclose(
        alone.logits(data[1].features), zero_shot.logits(data[1].features), atol=1e-4
    )
    assert alone.training["mix"] == 0.0


def test_it_beats_zero_shot_on_new_images(data, tiny_clip, fitted, make_features):
    new = make_features(20, noise=0.3, seed=9)
    assert accuracy(fitted, new) > accuracy(ZeroShot().fit(*data, tiny_clip), new) + 0.2


def test_logits_are_zero_shot_plus_alpha_times_the_discriminant(data, tiny_clip):
    mixed = GDA(mixes=(0.3,)).fit(*data, tiny_clip)
    head = GaussianDiscriminant().fit(data[0].features, data[0].labels, n_classes=3)
    images = data[1].features
    expected = ZeroShot().fit(*data, tiny_clip).logits(images)
    expected = expected + 0.3 * head.logits(images).float()
    assert torch.allclose(mixed.logits(images), expected, atol=1e-3)


def test_validation_chooses_the_weight(data, fitted):
    by_mix = fitted.training["validation_accuracies"]
    assert fitted.training["validation_accuracy"] == max(by_mix.values())
    assert fitted.training["validation_accuracy"] == pytest.approx(accuracy(fitted, data[1]))
    first = next(mix for mix, value in by_mix.items() if value == max(by_mix.values()))
    assert fitted.training["mix"] == float(first)  # of equally good ones the smallest


def test_where_text_alone_is_best_it_stays_alone(data, tiny_clip):
    # Labels that zero-shot finds in all images, and training labels that say nothing.
    train, validation = data
    answers = ZeroShot().fit(*data, tiny_clip).logits(validation.features).argmax(dim=1)
    noise = torch.randint(3, (len(train),), generator=torch.Generator().manual_seed(0))
    fitted = GDA().fit(replace(train, labels=noise), replace(validation, labels=answers), tiny_clip)
    assert fitted.training["mix"] == 0.0


def test_a_class_without_training_images_is_answered_by_text_alone_or_not_at_all(data, tiny_clip):
    train, validation = data
    some = train.subset(train.labels != 1)
    mixed = GDA(mixes=(1.0,)).fit(some, validation, tiny_clip)
    assert 1 not in mixed.logits(validation.features).argmax(dim=1)
    alone = GDA(mixes=(0.0,)).fit(some, validation, tiny_clip)
    assert torch.isfinite(alone.logits(validation.features)).all()


def test_images_without_any_spread_still_give_a_classifier(data, tiny_clip):
    few = data[0].subset([0, 1, 2])
    assert torch.isfinite(GDA().fit(few, few, tiny_clip).logits(data[1].features)).all()


def test_the_order_of_the_grid_does_not_matter(data, tiny_clip, fitted):
    other = GDA(mixes=tuple(reversed(GDA().mixes))).fit(*data, tiny_clip)
    assert torch.equal(other.weight, fitted.weight)


@pytest.mark.parametrize("mixes", [(), (-1.0, 1.0)])
def test_a_grid_out_of_range_is_refused(mixes):
    with pytest.raises(SettingsError) as caught:
        GDA(mixes=mixes)
    assert str(caught.value).startswith(f"mixes={mixes} should be")
