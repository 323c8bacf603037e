from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from ldpf.domains import DomainExtractor, FittedDomains
from ldpf.errors import SettingsError
from ldpf.fusion import FUSION_RULES
from ldpf.fusion.fuse import fuse_reference
from ldpf.fusion.similarity import Similarity
from ldpf.fusion.uniform import Uniform
from ldpf.models.prompt_classifier import PromptClassifier
from ldpf.utils.seed import generator


def unit(*shape, purpose="features"):
    return F.normalize(torch.randn(shape, generator=generator(0, purpose)), dim=-1)


@pytest.fixture
def images():
    return unit(40, 8, purpose="images")


@pytest.fixture
def classifier():
    extractor = DomainExtractor(8, 6, 4, generator(0, "extractor"))
    latent = FittedDomains(extractor, torch.randn(3, 4, generator=generator(0, "centroids")))
    return PromptClassifier(
        method="ldpf",
        class_names=("cat", "dog", "horse", "house"),
        text_features=unit(3, 4, 8),
        logit_scale=20.0,
        latent=latent,
        fusion=Similarity(tau=0.2),
    )


def test_logits_are_the_definition_of_fusion(classifier, images):
    expected = fuse_reference(classifier.fusion, classifier.fusion_inputs(images))
    assert torch.allclose(classifier.logits(images), expected, atol=1e-4)


def test_weights_sum_to_one_for_each_image(classifier, images):
    weights = classifier.domain_weights(images)
    assert weights.shape == (40, 3)
    assert torch.allclose(weights.sum(dim=1), torch.ones(40))


def test_one_image_alone_gets_the_answer_it_gets_in_a_batch(classifier, images):
    batch = classifier.logits(images)
    alone = torch.cat([classifier.logits(image[None]) for image in images])
    assert torch.allclose(alone, batch, atol=1e-5)


@pytest.mark.parametrize("fusion", FUSION_RULES)
def test_answers_do_not_depend_on_the_other_images(classifier, images, fusion, fitted_rule):
    reader = classifier.with_fusion(fitted_rule(fusion, classifier.fusion_inputs(images)))
    assert torch.allclose(reader.logits(images)[:7], reader.logits(images[:7]), atol=1e-5)


def test_prompt_logits_are_those_of_each_prompt_alone(classifier, images):
    logits = classifier.prompt_logits(images)
    assert logits.shape == (40, 3, 4)
    for s, text in enumerate(classifier.text_features):
        assert torch.allclose(logits[:, s], 20.0 * images @ text.T, atol=1e-5)


def test_the_nearest_rule_answers_with_the_prompt_of_the_nearest_domain(classifier, images):
    best = classifier.latent.similarities(images).argmax(dim=1)
    expected = classifier.prompt_logits(images)[torch.arange(40), best]
    assert torch.allclose(classifier.with_fusion("nearest").logits(images), expected, atol=1e-4)


def test_another_fusion_changes_the_answer_and_leaves_the_first_alone(classifier, images):
    before = classifier.logits(images)
    other = classifier.with_fusion("uniform")
    assert (other.fusion, classifier.fusion) == (Uniform(), Similarity(tau=0.2))
    assert not torch.allclose(other.logits(images), before, atol=1e-3)
    assert torch.equal(classifier.logits(images), before)


def test_without_latent_domains_the_single_prompt_has_all_the_weight(images):
    single = PromptClassifier("coop", ("cat", "dog"), unit(1, 2, 8), 20.0)
    assert torch.equal(single.domain_weights(images), torch.ones(40, 1))
    expected = 20.0 * images @ single.text_features[0].T
    assert torch.allclose(single.logits(images), expected, atol=1e-4)


def test_probabilities_are_the_softmax_over_classes(classifier, images):
    expected = classifier.logits(images).softmax(dim=1)
    assert torch.equal(classifier.probabilities(images), expected)


def test_no_images_give_no_answers(classifier):
    assert classifier.logits(torch.zeros(0, 8)).shape == (0, 4)


def test_an_unknown_fusion_rule_is_named_with_the_choices(classifier):
    with pytest.raises(SettingsError) as caught:
        classifier.with_fusion("magic")
    assert str(caught.value) == (
        "There is no fusion rule 'magic'; choose from " + ", ".join(FUSION_RULES) + "."
    )
