"""scikit-learn's own checks of an estimator, and the estimators inside its tools."""

from __future__ import annotations

import copy
import functools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from quick_training import QUICK
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from ldpf import LatentDomains, LDPFClassifier
from ldpf.backbones import Backbone, assemble
from ldpf.data import Split
from ldpf.errors import DataError, SettingsError

_PARTS: dict[str, Any] = {}


@pytest.fixture(autouse=True, scope="module")
def parts(tiny_clip_parts: dict[str, Any]) -> None:
    _PARTS.update(tiny_clip_parts)


@functools.cache
def backbone_of_size(dim: int) -> Backbone:
    """The random CLIP of the other tests with image and text features of another size."""
    from transformers import CLIPModel

    config = copy.deepcopy(_PARTS["model"].config)
    config.projection_dim = dim
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = CLIPModel(config).eval().requires_grad_(False)
    return assemble(f"tiny-{dim}", model, _PARTS["image_processor"], _PARTS["tokenizer"])


class ClassifierOfAnySize(LDPFClassifier):
    """The checks draw features of 2 to 20 columns, a backbone has one size.

    So a backbone of the size of the features stands in for the one that would be loaded;
    everything else is the class itself.
    """

    def _load_backbone(self) -> Backbone:
        return backbone_of_size(self.n_features_in_)


def expected_failures(estimator: object) -> dict[str, str]:
    return {
        "check_estimators_dtypes": "it draws a row of zeros, which has no direction: no image "
        "feature is like that, and such a row is refused",
    }


@pytest.mark.slow
@parametrize_with_checks(
    [
        LatentDomains(rounds=5),
        # Features of 2 columns hold no domain once 3 classes are erased from them in closed form.
        ClassifierOfAnySize(
            n_domains=2, agnostic_length=1, specific_length=2, recipe=QUICK, preset="paper"
        ),
    ],
    expected_failed_checks=expected_failures,
    xfail_strict=True,
)
@pytest.mark.filterwarnings("ignore")
def test_check_of_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)


# --- LDPFClassifier inside scikit-learn's tools ------------------------------------------------


@pytest.fixture(scope="module")
def data(make_features):
    features = make_features(8)
    words = np.array([features.class_names[i] for i in features.labels])
    return features.features.numpy(), words, features.domains.numpy()


@pytest.fixture
def classifier(tiny_clip) -> LDPFClassifier:
    return LDPFClassifier(tiny_clip, agnostic_length=2, specific_length=2, recipe=QUICK)


@pytest.mark.slow
def test_the_last_step_of_a_pipeline(classifier, data):
    features, labels, _ = data
    pipeline = make_pipeline(FunctionTransformer(), classifier).fit(features, labels)
    alone = clone(classifier).fit(features, labels)
    assert np.array_equal(pipeline.predict_proba(features), alone.predict_proba(features))


@pytest.mark.slow
def test_a_grid_search_chooses_domains_and_temperature(classifier, data):
    features, labels, _ = data
    grid = {"n_domains": [1, 2], "tau": [0.05, 1.0]}
    search = GridSearchCV(classifier, grid, cv=2).fit(features, labels)
    assert len(search.cv_results_["params"]) == 4
    assert not np.isnan(search.cv_results_["mean_test_score"]).any()
    chosen = search.best_estimator_
    assert {name: getattr(chosen, name) for name in grid} == search.best_params_
    assert chosen.domain_weights(features).shape == (72, search.best_params_["n_domains"])


@pytest.mark.slow
def test_one_domain_after_the_other_is_left_out(classifier, data):
    features, labels, domains = data
    scores = cross_val_score(classifier, features, labels, groups=domains, cv=LeaveOneGroupOut())
    by_hand = []
    for target in range(3):
        fitted = clone(classifier).fit(features[domains != target], labels[domains != target])
        by_hand.append(fitted.score(features[domains == target], labels[domains == target]))
    assert scores.tolist() == by_hand


@pytest.mark.slow
def test_names_of_columns_are_remembered_and_compared(classifier, data):
    pandas = pytest.importorskip("pandas", reason="needs pandas, which is no dependency")
    features, labels, _ = data
    table = pandas.DataFrame(features, columns=[f"f{i}" for i in range(16)])
    classifier.fit(table, pandas.Series(labels))
    assert classifier.feature_names_in_.tolist() == list(table.columns)
    assert np.array_equal(
        classifier.predict(table), clone(classifier).fit(*data[:2]).predict(table)
    )
    with pytest.raises(DataError, match="feature names should match"):
        classifier.predict(table.rename(columns={"f0": "other"}))


@pytest.mark.slow
def test_a_recipe_of_ones_own_survives_saving(classifier, data, tmp_path):
    classifier.fit(*data[:2]).save(tmp_path / "model")
    assert LDPFClassifier.load(tmp_path / "model", classifier.backbone_).recipe == QUICK


# --- LatentDomains ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def domains(data) -> LatentDomains:
    return LatentDomains(random_state=3).fit(data[0], data[1])


def test_domains_are_found_where_raw_clusters_follow_classes(make_features):
    drawn = make_features(20, class_strength=1.2, domain_strength=0.8, dim=64)
    features, domains = drawn.features.numpy(), drawn.domains.numpy()
    found = LatentDomains(rounds=100).fit_predict(features, drawn.labels.numpy())
    without_labels = LatentDomains(rounds=100).fit_predict(features)
    raw = KMeans(3, n_init=4, random_state=0).fit_predict(features)
    assert adjusted_rand_score(domains, found) > 0.9
    assert adjusted_rand_score(domains, without_labels) < 0.5
    assert adjusted_rand_score(domains, raw) < 0.5


def test_weights_of_domains_sum_to_one_and_favor_the_own_one(domains, data):
    weights = domains.transform(data[0])
    assert weights.shape == (72, 3)
    assert np.allclose(weights.sum(axis=1), 1)
    assert weights[np.arange(72), domains.labels_].mean() > 0.6


def test_training_images_are_given_the_domain_they_were_found_in(domains, data):
    assert np.array_equal(domains.predict(data[0]), domains.labels_)
    assert domains.cluster_centers_.shape == (3, domains.domain_features(data[0]).shape[1])


@pytest.mark.slow
def test_the_domains_are_those_of_the_classifier(classifier, data, monkeypatch):
    # The same discovery: equal settings, images, labels and seed give equal centroids.
    features, labels, _ = data
    monkeypatch.setattr(
        "ldpf.features.feature_set.make_split",
        lambda _, ids, *__, **___: Split(np.arange(len(ids)), np.arange(0), np.arange(0)),
    )
    # A round every 5 steps: enough of them for all 20 rounds.
    recipe = replace(QUICK, max_steps=150, patience=150)
    fitted = classifier.set_params(recipe=recipe).fit(features, labels)
    found = LatentDomains().fit(features, labels)
    centroids = fitted.classifier_.latent.centroids.double().numpy()
    assert np.allclose(found.cluster_centers_, centroids, atol=1e-6)


def test_length_of_features_does_not_matter(domains, data):
    assert np.allclose(domains.transform(data[0]), domains.transform(7 * data[0]), atol=1e-5)


def test_transform_gives_a_table_with_names(domains, data):
    pandas = pytest.importorskip("pandas", reason="needs pandas, which is no dependency")
    table = clone(domains).set_output(transform="pandas").fit_transform(data[0], data[1])
    assert isinstance(table, pandas.DataFrame)
    assert table.columns.tolist() == ["domain_0", "domain_1", "domain_2"]


@pytest.mark.slow
def test_a_chosen_number_of_domains_has_as_many_names_as_weights(data):
    found = LatentDomains("auto").fit(data[0], data[1])
    number = found.transform(data[0]).shape[1]
    assert number == len(found.cluster_centers_)
    assert list(found.get_feature_names_out()) == [f"domain_{s}" for s in range(number)]


def test_a_step_of_a_pipeline_gets_the_labels(data):
    features, labels, _ = data
    pipeline = make_pipeline(LatentDomains(random_state=3), LogisticRegression())
    pipeline.fit(features, labels)
    alone = LatentDomains(random_state=3).fit(features, labels)
    assert np.array_equal(pipeline[:-1].transform(features), alone.transform(features))


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"n_domains": 0}, "n_domains=0 should be a whole number of at least 1"),
        ({"n_domains": 100}, "n_samples=72 should be >= n_domains=100: "),
        ({"rounds": 0}, "rounds=0 should be a whole number of at least 1."),
        ({"tau": -1.0}, "tau=-1.0 should be a finite number above 0"),
    ],
)
def test_parameters_out_of_range_are_refused(params, sentence, data):
    with pytest.raises(SettingsError) as caught:
        LatentDomains(**params).fit(data[0])
    assert str(caught.value).startswith(sentence)


def test_labels_of_another_number_are_refused(data):
    with pytest.raises(DataError, match=r"^n_images=72 should be n_labels=2\.$"):
        LatentDomains().fit(data[0], ["cat", "dog"])
