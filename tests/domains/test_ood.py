from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ldpf.domains import OutsideCheck
from ldpf.domains.ood import CENTROIDS
from ldpf.errors import ModelError
from ldpf.methods import LDPF, CoOp
from ldpf.models.saving import load_model, save_model
from ldpf.training.recipe import FAST


def features(n: int, seed: int, centre: float = 1.0) -> torch.Tensor:
    draws = torch.randn(n, 16, generator=torch.Generator().manual_seed(seed))
    draws[:, 0] += 8 * centre
    return torch.nn.functional.normalize(draws, dim=1)


def test_one_in_a_hundred_held_out_images_is_outside():
    held_out = features(1000, 1)
    check = OutsideCheck.measure(features(2000, 0), held_out)
    assert int(check.is_outside(held_out).sum()) == 10
    assert check.n_measured == 1000


def test_other_images_of_the_same_kind_are_mostly_inside_and_strange_ones_outside():
    check = OutsideCheck.measure(features(2000, 0), features(1000, 1))
    assert check.is_outside(features(1000, 2)).float().mean() < 0.04
    assert check.is_outside(features(100, 3, centre=-1.0)).all()


def test_the_score_of_a_centroid_is_zero():
    check = OutsideCheck.measure(features(200, 0), features(10, 1))
    zeros = torch.zeros(len(check.centroids))
    assert torch.allclose(check.scores(check.centroids), zeros, atol=1e-6)


def test_centroids_are_few_and_the_same_for_the_same_seed():
    train = features(2000, 0)
    first, again, other = (OutsideCheck.measure(train, train[:9], seed=s) for s in (0, 0, 1))
    assert 1 <= len(first.centroids) <= CENTROIDS
    assert torch.equal(first.centroids, again.centroids)
    assert not torch.equal(first.centroids, other.centroids)


@pytest.mark.parametrize("n", [2, 7, 8, 40, 600])
def test_no_centroid_is_the_feature_of_one_image(n):
    train = features(n, 0)
    strays = torch.nn.functional.normalize(torch.eye(16)[1:4] * -1.0, dim=1)
    check = OutsideCheck.measure(torch.cat([train, strays]), train[:2])
    nearest = (check.centroids @ torch.cat([train, strays]).T).max(dim=1).values
    assert (nearest < 1 - 1e-4).all()


def test_without_held_out_images_none_is_measured_against_itself():
    check = OutsideCheck.measure(features(40, 0), features(0, 1))
    assert check.n_measured == 20
    assert check.threshold > 1e-3


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_images_give_no_check(n):
    assert OutsideCheck.measure(features(n, 0), features(0, 1)) is None


SHORT = CoOp(length=4, recipe=replace(FAST, max_steps=2, cooldown=0))


@pytest.fixture(scope="module")
def classifier(make_features, tiny_clip):
    return SHORT.fit(make_features(6), make_features(4, seed=1), tiny_clip)


def test_the_check_survives_the_model_folder(classifier, tiny_clip, tmp_path):
    loaded, _ = load_model(save_model(classifier, tiny_clip, tmp_path / "model"), tiny_clip)
    assert torch.equal(loaded.outside.centroids, classifier.outside.centroids)
    assert loaded.outside.threshold == classifier.outside.threshold
    assert loaded.outside.n_measured == classifier.outside.n_measured == 36


def test_a_model_without_the_check_still_loads(classifier, tiny_clip, tmp_path):
    older = replace(classifier, outside=None)
    loaded, _ = load_model(save_model(older, tiny_clip, tmp_path / "model"), tiny_clip)
    assert loaded.outside is None


def test_a_damaged_check_is_refused(classifier, tiny_clip, tmp_path):
    broken = replace(classifier.outside, threshold=float("nan"))
    folder = save_model(replace(classifier, outside=broken), tiny_clip, tmp_path / "model")
    with pytest.raises(ModelError, match=r"'outside\.threshold' in .* holds NaN or infinite"):
        load_model(folder, tiny_clip)


def test_ldpf_measures_it_on_its_validation_images(make_features, tiny_clip):
    method = LDPF(recipe=SHORT.recipe)
    held_out = make_features(4, seed=1)
    fitted = method.fit(make_features(6), held_out, tiny_clip)
    assert fitted.outside.n_measured == len(held_out)
