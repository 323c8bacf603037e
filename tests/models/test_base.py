"""What every face may ask of any classifier."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from ldpf.errors import ModelError
from ldpf.models.base import CLASSIFIERS, Classifier
from ldpf.models.linear_classifier import LinearClassifier


@pytest.fixture
def plain() -> LinearClassifier:
    """Two classes on three features."""
    return LinearClassifier("probe", ("cat", "dog"), torch.eye(3)[:2], torch.zeros(2))


def test_kinds_are_known_without_loading_torch() -> None:
    code = (
        "import sys\nfrom ldpf.models.base import CLASSIFIERS\n"
        "names = ['combined', 'instance', 'linear', 'prompt']\n"
        "assert CLASSIFIERS.names() == names, CLASSIFIERS.names()\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_a_kind_is_a_classifier(kind: str) -> None:
    assert issubclass(CLASSIFIERS.get(kind), Classifier)


def test_without_latent_domains_there_is_one_of_full_weight(plain: LinearClassifier) -> None:
    assert plain.n_domains == 1 and plain.per_image
    assert plain.latent is plain.expectation is plain.contexts is None
    assert torch.equal(plain.domain_weights(torch.randn(4, 3)), torch.ones(4, 1))


def test_probabilities_are_the_softmax_of_logits(plain: LinearClassifier) -> None:
    images = torch.randn(4, 3)
    assert torch.equal(plain.probabilities(images), plain.logits(images).softmax(dim=1))


def test_accuracy_is_the_share_of_right_answers(plain: LinearClassifier) -> None:
    assert plain.accuracy(torch.eye(3)[[0, 0, 1, 1]], torch.tensor([0, 1, 1, 1])) == 0.75


def test_answers_by_prompt_are_refused_without_prompts(plain: LinearClassifier) -> None:
    with pytest.raises(ModelError, match="'probe'"):
        plain.prompt_logits(torch.randn(4, 3))
