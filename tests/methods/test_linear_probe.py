from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from ldpf.errors import DataError, SettingsError
from ldpf.methods import LinearProbe


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(6, noise=0.3, seed=0), make_features(4, noise=0.3, seed=1)


@pytest.fixture(scope="module")
def fitted(data, tiny_clip):
    return LinearProbe().fit(*data, tiny_clip)


def accuracy(classifier, data):
    return float((classifier.logits(data.features).argmax(dim=1) == data.labels).float().mean())


def test_it_beats_chance_on_new_images(fitted, make_features):
    assert accuracy(fitted, make_features(20, noise=0.3, seed=9)) > 1 / 3 + 0.3


def test_features_in_another_scale_and_place_give_the_same_answers(data, tiny_clip, fitted):
    moved = [replace(part, features=part.features * 40.0 + 3.0) for part in data]
    other = LinearProbe().fit(*moved, tiny_clip)
    assert other.training["strength"] == fitted.training["strength"]
    assert torch.allclose(
        other.logits(moved[1].features), fitted.logits(data[1].features), atol=0.02
    )


def test_validation_chooses_the_strength(data, tiny_clip, fitted):
    by_strength = fitted.training["validation_accuracies"]
    assert fitted.training["validation_accuracy"] == max(by_strength.values())
    assert fitted.training["validation_accuracy"] == pytest.approx(accuracy(fitted, data[1]))
    only = LinearProbe(strengths=(fitted.training["strength"],)).fit(*data, tiny_clip)
    assert accuracy(only, data[1]) == accuracy(fitted, data[1])


def test_of_equally_good_strengths_the_strongest_penalty_is_taken(make_features, tiny_clip):
    easy = make_features(6, noise=0.0), make_features(3, noise=0.0, seed=1)
    found = LinearProbe(strengths=(0.5, 1.0, 2.0)).fit(*easy, tiny_clip)
    assert set(found.training["validation_accuracies"].values()) == {1.0}
    assert found.training["strength"] == 0.5


def test_it_is_at_the_minimum_of_the_penalized_loss(data, tiny_clip):
    # The gradient of C * sum of cross-entropies + |w|^2 / 2 in standardized features vanishes.
    train = data[0]
    fitted = LinearProbe(strengths=(0.3,)).fit(*data, tiny_clip)
    spread = train.features.var(dim=0, unbiased=False).mean().sqrt()
    weight = (fitted.weight * spread).double().requires_grad_()
    bias = (fitted.bias + fitted.weight @ train.features.mean(dim=0)).double().requires_grad_()
    inputs = ((train.features - train.features.mean(dim=0)) / spread).double()
    loss = 0.3 * F.cross_entropy(inputs @ weight.T + bias, train.labels, reduction="sum")
    loss = loss + weight.square().sum() / 2
    slopes = torch.autograd.grad(loss, [weight, bias])
    assert all(slope.abs().max() < 0.01 * len(train) * 0.3 for slope in slopes)


def test_two_classes_are_answered_as_by_scikit_learn(make_features, tiny_clip):
    from sklearn.linear_model import LogisticRegression

    data = make_features(8, n_classes=2, noise=0.3), make_features(4, n_classes=2, seed=1)
    fitted = LinearProbe(strengths=(1.0,)).fit(*data, tiny_clip)
    train = data[0].features
    spread = train.var(dim=0, unbiased=False).mean().sqrt()
    model = LogisticRegression().fit((train - train.mean(dim=0)) / spread, data[0].labels)
    expected = model.predict_proba((data[1].features - train.mean(dim=0)) / spread)
    found = fitted.probabilities(data[1].features)
    assert torch.allclose(found.double(), torch.tensor(expected).double(), atol=1e-2)


def test_a_class_without_training_images_is_never_answered(data, tiny_clip):
    train, validation = data
    some = train.subset(train.labels != 1)
    fitted = LinearProbe().fit(some, validation, tiny_clip)
    logits = fitted.logits(validation.features)
    assert logits.shape == (len(validation), 3)
    assert set(logits.argmax(dim=1).tolist()) == {0, 2}
    assert torch.allclose(fitted.probabilities(validation.features).sum(dim=1), torch.ones(36))


def test_neither_seed_nor_text_matter(data, tiny_clip, fitted):
    other = LinearProbe().fit(*data, tiny_clip, seed=5)
    assert torch.equal(other.weight, fitted.weight) and torch.equal(other.bias, fitted.bias)
    assert fitted.training["text_passes"] == 0


def test_without_validation_images_the_training_images_choose(data, tiny_clip):
    fitted = LinearProbe().fit(data[0], data[1].subset([]), tiny_clip)
    assert fitted.training["validation_accuracy"] == pytest.approx(accuracy(fitted, data[0]))


def test_a_single_class_is_refused(data, tiny_clip):
    cats = data[0].subset(data[0].labels == 0)
    with pytest.raises(DataError) as caught:
        LinearProbe().fit(cats, cats, tiny_clip)
    assert str(caught.value) == (
        "A linear probe needs training images of at least 2 classes, but these are of 1; give "
        "images of more classes."
    )


@pytest.mark.parametrize(
    "change", [{"strengths": ()}, {"strengths": (1.0, 0.0)}, {"max_iterations": 0}], ids=str
)
def test_settings_out_of_range_are_refused(change):
    ((name, value),) = change.items()
    with pytest.raises(SettingsError) as caught:
        LinearProbe(**change)
    assert str(caught.value).startswith(f"{name}={value!r} should be")
