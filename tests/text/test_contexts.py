from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from ldpf.text.contexts import nearest_words, random_context, similarity_between, worded_context
from ldpf.utils.seed import generator


@pytest.fixture
def draws():
    return generator(0, "prompts")


def embeddings(tower, text):
    return tower.model.embeddings.token_embedding.weight[tower.name_tokens(text)]


def test_random_tokens_have_the_given_spread(draws):
    context = random_context((50, 8, 32), draws, std=0.02)
    assert context.shape == (50, 8, 32)
    assert float(context.std()) == pytest.approx(0.02, rel=0.05)
    assert float(context.mean()) == pytest.approx(0, abs=1e-3)


def test_a_context_of_the_words_length_is_their_embeddings(tiny_clip, draws):
    context = worded_context(tiny_clip.text, 4, draws)
    assert torch.equal(context, embeddings(tiny_clip.text, "a photo of a"))


def test_a_shorter_context_keeps_the_beginning_of_the_words(tiny_clip, draws):
    context = worded_context(tiny_clip.text, 2, draws)
    assert torch.equal(context, embeddings(tiny_clip.text, "a photo"))


def test_a_longer_context_is_filled_up_with_random_tokens(tiny_clip, draws):
    context = worded_context(tiny_clip.text, 7, draws)
    assert torch.equal(context[:4], embeddings(tiny_clip.text, "a photo of a"))
    filler = random_context((3, tiny_clip.text.width), generator(0, "prompts"))
    assert torch.equal(context[4:], filler)


def test_a_context_of_length_zero_is_empty(tiny_clip, draws):
    assert worded_context(tiny_clip.text, 0, draws).shape == (0, tiny_clip.text.width)


def test_a_context_is_no_view_of_the_frozen_embeddings(tiny_clip, draws):
    before = tiny_clip.text.model.embeddings.token_embedding.weight.clone()
    worded_context(tiny_clip.text, 4, draws).add_(1.0)
    assert torch.equal(tiny_clip.text.model.embeddings.token_embedding.weight, before)


def test_a_context_made_of_words_reads_as_these_words(tiny_clip):
    context = embeddings(tiny_clip.text, "a photo of a") + 1e-4
    words = nearest_words(tiny_clip.text, context, count=2)
    assert [token[0][0] for token in words] == ["a", "photo", "of", "a"]
    assert all(len(token) == 2 and token[0][1] < token[1][1] for token in words)


def test_the_distance_of_a_reading_is_euclidean(tiny_clip):
    cat = embeddings(tiny_clip.text, "cat")
    step = torch.zeros_like(cat)
    step[0, 0] = 0.01
    ((word, distance),) = nearest_words(tiny_clip.text, cat + step, count=1)[0]
    assert word == "cat"
    assert distance == pytest.approx(0.01, rel=0.05)


def test_the_similarity_of_prompts_is_the_mean_cosine_over_classes():
    first = F.normalize(torch.randn(5, 8, generator=generator(0, "a")), dim=1)
    mixed = first.clone()
    mixed[2:] = -mixed[2:]
    similarity = similarity_between(torch.stack([first, mixed]))
    # Two classes agree and three are opposite: (2 - 3) / 5.
    assert torch.allclose(similarity, torch.tensor([[1.0, -0.2], [-0.2, 1.0]]), atol=1e-6)
