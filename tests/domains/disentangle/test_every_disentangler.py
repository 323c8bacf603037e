"""What holds for every entry of the registry of disentanglers, and for those in closed form."""

from __future__ import annotations

import pytest
import torch
from sklearn.linear_model import LogisticRegression

from ldpf.domains.diagnostics import chance
from ldpf.domains.disentangle.base import DISENTANGLERS
from ldpf.utils.seed import generator
from ldpf.utils.trees import load_tree, save_tree

ERASING = ("class-centered", "leace")


@pytest.fixture(scope="module")
def train(make_features):
    return make_features(20, dim=32, class_strength=1.5)


def started(name, train):
    run = DISENTANGLERS.make(name).start(
        train.features, train.labels, len(train.class_names), generator(0, "extractor")
    )
    run.epoch(0.5)
    return run


@pytest.mark.parametrize("name", DISENTANGLERS)
def test_z_is_centered_on_the_training_images(name, train):
    z = started(name, train).extractor(train.features)
    assert z.mean(dim=0).abs().max() < 1e-4 * z.norm(dim=1).mean()


@pytest.mark.parametrize("name", DISENTANGLERS)
def test_one_image_alone_has_the_z_it_has_in_a_batch(name, train):
    extractor = started(name, train).extractor
    alone = torch.cat([extractor(row[None]) for row in train.features])
    assert torch.allclose(alone, extractor(train.features), atol=1e-5)


@pytest.mark.parametrize("name", DISENTANGLERS)
def test_a_restored_run_has_the_same_bits(name, train, tmp_path):
    first = started(name, train)
    save_tree(tmp_path / "run.safetensors", first.state())
    second = started(name, train)
    second.epoch(1.0)  # whatever it had before is replaced
    second.load_state(load_tree(tmp_path / "run.safetensors"))
    for run in (first, second):
        run.epoch(1.0)
    assert torch.equal(first.extractor(train.features), second.extractor(train.features))


@pytest.mark.parametrize("name", DISENTANGLERS)
def test_images_of_one_class_are_no_trouble(name, make_features):
    train = make_features(10, n_classes=1)
    z = started(name, train).extractor(train.features)
    assert torch.isfinite(z).all()
    assert z.var(dim=0).sum() > 0


@pytest.mark.parametrize("name", ERASING)
def test_all_classes_have_the_same_mean(name, train):
    z = started(name, train).extractor(train.features)
    means = torch.stack([z[train.labels == k].mean(dim=0) for k in range(3)])
    assert means.abs().max() < 1e-5


@pytest.mark.parametrize("name", ERASING)
def test_no_linear_classifier_reads_the_class_of_a_training_image(name, train):
    # Logistic regression with next to no penalty, on the images that the map was computed from.
    labels = train.labels.numpy()
    scores = {}
    for kind in (name, "none"):
        z = started(kind, train).extractor(train.features).numpy()
        scores[kind] = LogisticRegression(C=1e4, max_iter=2000).fit(z, labels).score(z, labels)
    assert scores[name] <= chance(train.labels) + 0.02
    assert scores["none"] > 0.95


@pytest.mark.parametrize("name", ERASING)
def test_the_style_is_still_there(name, train):
    z = started(name, train).extractor(train.features).numpy()
    domains = train.domains.numpy()
    assert LogisticRegression(max_iter=2000).fit(z, domains).score(z, domains) > 0.95
