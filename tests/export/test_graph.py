"""The exported modules compute what the classifier computes."""

from __future__ import annotations

import copy
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from ldpf.domains import DomainExtractor, FittedDomains
from ldpf.errors import ModelError
from ldpf.export.graph import FeatureHead, PixelGraph
from ldpf.export.preprocessing import normalization
from ldpf.fusion import FUSION_RULES, FusionRule, as_rule
from ldpf.fusion.fuse import MIXTURES
from ldpf.methods import CoCoOp, CoOp, LinearProbe
from ldpf.models.base import CLASSIFIERS, Classifier
from ldpf.models.combined_classifier import CombinedClassifier
from ldpf.models.combining import combine
from ldpf.models.linear_classifier import LinearClassifier
from ldpf.models.prompt_classifier import PromptClassifier
from ldpf.training.recipe import FAST

N, S, K, D = 7, 3, 4, 16


def unit(*shape, seed=0):
    draws = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(*shape, generator=draws), dim=-1)


def classifier(fusion="similarity", prompts=S):
    latent = None
    if prompts > 1:
        extractor = DomainExtractor(D, 8, 4, torch.Generator().manual_seed(1))
        latent = FittedDomains(extractor.requires_grad_(False), unit(prompts, 4, seed=2))
    return PromptClassifier(
        "ldpf",
        ("a", "b", "c", "d"),
        unit(prompts, K, D, seed=3),
        20.0,
        None,
        latent,
        as_rule(fusion, tau=0.2),
    )


class ByClass(FusionRule):
    """Weights that differ between classes, from the answers of each prompt."""

    def weights(self, inputs):
        return inputs.prompt_logits.softmax(dim=1)


def linear(bias=(0.1, -0.2, -torch.inf, 0.3)):
    return LinearClassifier("probe", tuple("abcd"), unit(K, D, seed=4), torch.tensor(bias))


@pytest.mark.parametrize("fusion", list(FUSION_RULES))
@pytest.mark.parametrize("prompts", [1, S])
def test_head_agrees_with_the_classifier(fusion, prompts, fitted_rule):
    model, features = classifier(prompts=prompts), unit(N, D)
    model = model.with_fusion(fitted_rule(fusion, model.fusion_inputs(unit(40, D, seed=5))))
    probabilities, weights = FeatureHead(model)(features)
    torch.testing.assert_close(probabilities, model.probabilities(features))
    torch.testing.assert_close(weights, model.domain_weights(features))


@pytest.mark.parametrize("mixes", list(MIXTURES))
def test_a_rule_with_weights_for_each_class_agrees(mixes):
    rule = type("Mixing", (ByClass,), {"mixes": mixes})()
    model, features = replace(classifier(), fusion=rule), unit(N, D)
    probabilities, weights = FeatureHead(model)(features)
    torch.testing.assert_close(probabilities, model.probabilities(features))
    torch.testing.assert_close(weights, model.domain_weights(features))


def test_a_linear_head_agrees_and_never_answers_a_class_it_has_not_seen():
    model, features = linear(), unit(N, D)
    probabilities, weights = FeatureHead(model)(features)
    torch.testing.assert_close(probabilities, model.probabilities(features))
    torch.testing.assert_close(weights, model.domain_weights(features))
    assert probabilities[:, 2].tolist() == [0.0] * N


def combined():
    pair = (linear(), classifier())
    return CombinedClassifier("ldpf", tuple("abcd"), pair, (0.5, 2.0), (0.4, 0.6))


def test_a_combined_head_agrees_where_a_member_has_not_seen_a_class():
    model, features = combined(), unit(N, D)
    probabilities, weights = FeatureHead(model)(features)
    torch.testing.assert_close(probabilities, model.probabilities(features))
    torch.testing.assert_close(weights, model.domain_weights(features))
    assert (probabilities[:, 2] > 0).all()


@pytest.mark.parametrize("kind", list(CLASSIFIERS))
def test_every_kind_of_classifier_has_a_head_or_says_why_not(kind, tiny_clip, make_features):
    data = make_features(3)
    short = replace(FAST, max_steps=2, cooldown=0)
    methods = {
        "prompt": CoOp(recipe=short),
        "linear": LinearProbe(),
        "instance": CoCoOp(recipe=short),
    }
    if kind == "combined":
        pair = [methods[name].fit(data, data, tiny_clip) for name in ("linear", "prompt")]
        model = combine("coop", pair, data)
    else:
        model = methods[kind].fit(data, data, tiny_clip)
    if kind == "instance":
        with pytest.raises(ModelError, match=r"'cocoop'.*needs the text encoder"):
            FeatureHead(model)
    else:
        probabilities, _ = FeatureHead(model)(data.features)
        torch.testing.assert_close(probabilities, model.probabilities(data.features))


def test_a_kind_without_a_head_is_refused_by_the_name_of_its_method():
    class Own(Classifier):
        method = "own"

    with pytest.raises(ModelError, match=r"'own' model cannot be exported"):
        FeatureHead(Own())


def test_features_of_any_length_are_taken():
    head, features = FeatureHead(classifier()), unit(N, D)
    torch.testing.assert_close(head(features)[0], head(5 * features)[0])


def test_pixels_are_normalized_and_encoded_first(tiny_clip):
    draws = np.random.default_rng(0)
    images = [Image.fromarray(draws.integers(0, 256, (30, 40, 3), np.uint8)) for _ in range(2)]
    model, pixels = classifier(), tiny_clip.preprocess(images, normalized=False)
    assert pixels.min() >= 0 and 200 < pixels.max() <= 255
    probabilities, _ = PixelGraph(model, tiny_clip)(pixels)
    expected = model.probabilities(tiny_clip.encode_images(tiny_clip.preprocess(images)))
    torch.testing.assert_close(probabilities, expected, rtol=1e-4, atol=1e-6)


def test_a_tower_that_takes_values_as_they_are_gets_them(tiny_clip):
    processor = copy.deepcopy(tiny_clip.image_processor)
    processor.do_rescale = processor.do_normalize = False
    assert normalization(SimpleNamespace(image_processor=processor)) == ([1.0] * 3, [0.0] * 3)
