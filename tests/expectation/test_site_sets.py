from __future__ import annotations

import pytest
import torch

from ldpf.expectation.site_sets import site_sets, with_confidence


def drawn(n, seed, sharpness=2.0, classes=5):
    """Probabilities [n, classes] and labels drawn from them."""
    draws = torch.Generator().manual_seed(seed)
    probabilities = (sharpness * torch.randn(n, classes, generator=draws)).double().softmax(dim=1)
    return probabilities, torch.multinomial(probabilities, 1, generator=draws)[:, 0]


@pytest.mark.parametrize("confidence", [0.35, 0.6, 0.95])
def test_probabilities_get_the_confidence_asked_for_and_keep_their_order(confidence):
    probabilities, _ = drawn(300, 0)
    matched = with_confidence(probabilities, confidence)
    assert float(matched.max(dim=1).values.mean()) == pytest.approx(confidence, abs=1e-3)
    assert torch.equal(matched.argsort(dim=1), probabilities.argsort(dim=1))
    assert torch.allclose(matched.sum(dim=1), torch.ones(300, dtype=torch.float64))


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_a_confidence_out_of_reach_gives_the_nearest(confidence):
    matched = with_confidence(drawn(50, 1)[0], confidence)
    assert float(matched.max(dim=1).values.mean()) == pytest.approx(confidence, abs=0.25)


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
@pytest.mark.parametrize("distortion", [0.4, 1.0, 2.5])
def test_sets_cover_a_site_whose_accuracy_is_known_however_sure_the_model_is(coverage, distortion):
    probabilities, labels = drawn(4000, 2)
    accuracy = float((probabilities.argmax(dim=1) == labels).double().mean())
    given = (probabilities.log() * distortion).softmax(dim=1)
    sets = site_sets(given, coverage, accuracy)
    covered = float(sets.gather(1, labels[:, None]).double().mean())
    assert covered == pytest.approx(coverage, abs=0.02)


def test_a_lower_accuracy_gives_larger_sets():
    probabilities, _ = drawn(100, 3)
    sizes = [int(site_sets(probabilities, 0.9, accuracy).sum()) for accuracy in (0.9, 0.6, 0.3)]
    assert sizes[0] < sizes[1] < sizes[2]


def test_each_set_holds_the_answer():
    probabilities, _ = drawn(100, 4)
    sets = site_sets(probabilities, 0.1, 0.95)
    assert sets.gather(1, probabilities.argmax(dim=1, keepdim=True)).all()


def test_probabilities_of_zero_are_no_hindrance():
    probabilities = torch.eye(4, dtype=torch.float64)
    assert site_sets(probabilities, 0.9, 0.8).gather(1, torch.arange(4)[:, None]).all()
