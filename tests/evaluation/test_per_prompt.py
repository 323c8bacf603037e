from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ldpf.domains import DomainExtractor, FittedDomains
from ldpf.evaluation.per_prompt import prompt_answers
from ldpf.experiments.readouts import READOUTS
from ldpf.models.prompt_classifier import PromptClassifier
from ldpf.utils.seed import generator


@pytest.fixture
def classifier():
    text = torch.nn.functional.normalize(torch.randn(2, 3, 16, generator=generator(0, "t")), dim=-1)
    extractor = DomainExtractor(16, 8, 4, generator(0, "extractor"))
    latent = FittedDomains(extractor, torch.randn(2, 4, generator=generator(0, "centroids")))
    return PromptClassifier("ldpf", ("cat", "dog", "horse"), text, 20.0, latent=latent)


def test_prompts_answer_as_they_would_alone(classifier, make_features):
    features = make_features(4).features
    said = prompt_answers(classifier, features)
    for s in range(2):
        alone = replace(classifier, text_features=classifier.text_features[s : s + 1], latent=None)
        best = alone.probabilities(features).max(dim=1)
        assert torch.equal(said.votes[:, s], best.indices)
        assert torch.allclose(said.confidence[:, s], best.values, atol=1e-6)


def test_a_readout_gives_the_probability_of_its_answer(classifier, make_features):
    data = make_features(4)
    reader = READOUTS["ldpf-uniform"].reader(classifier)
    answered, sure = READOUTS["ldpf-uniform"].answer(reader, data.features, data.labels)
    probabilities = classifier.with_fusion("uniform").probabilities(data.features)
    assert torch.equal(answered, probabilities.argmax(dim=1))
    assert torch.allclose(sure, probabilities.max(dim=1).values, atol=1e-6)


def test_an_oracle_has_no_probability(classifier, make_features):
    data = make_features(4)
    assert READOUTS["ldpf-oracle"].answer(classifier, data.features, data.labels)[1] is None
