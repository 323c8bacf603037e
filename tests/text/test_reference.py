"""The reference path against the model's own forward pass on written-out sentences."""

from __future__ import annotations

import dataclasses

import torch
import torch.nn.functional as F

from ldpf.text.reference import reference_features
from ldpf.text.sentences import ClassTokens

NAMES = ["cat", "polar bear", "guitar"]


def test_hard_prompt_equals_the_models_own_text_features(tiny_clip, relative_error):
    tower = tiny_clip.text
    context = tower.token_embeddings(tower.name_tokens("a photo of a"))
    features = reference_features(
        tower, context[None], ClassTokens.read(tower, NAMES, "."), length=tower.context_length
    )
    expected = tiny_clip.encode_texts([f"a photo of a {name}." for name in NAMES])
    assert relative_error(features[0], expected) < 1e-6


def test_soft_prompt_equals_the_model_with_a_changed_embedding(make_tower, relative_error):
    tower = make_tower()
    contexts = torch.randn(2, 3, tower.width, generator=torch.Generator().manual_seed(0))
    tokens = ClassTokens.read(tower, ["dog"], ".")
    features = reference_features(tower, contexts, tokens, length=77)
    # Ids 0, 1, 2 stand for the context; their embeddings are overwritten by it.
    assert not {0, 1, 2} & set(tokens.ids[0])
    ids = torch.tensor([[tower.bos_id, 0, 1, 2, *tokens.ids[0]]])
    for prompt, context in enumerate(contexts):
        tower.model.embeddings.token_embedding.weight.data[:3] = context
        pooled = tower.model(input_ids=ids).pooler_output
        expected = F.normalize(tower.projection(pooled), dim=-1)
        assert relative_error(features[prompt], expected) < 1e-5


def _change_padding(tower):
    # Not by a constant: layer norms would take that out again.
    row = tower.model.embeddings.token_embedding.weight.data[tower.tokenizer.pad_token_id]
    row.copy_(torch.randn(row.shape, generator=torch.Generator().manual_seed(1)))


def test_what_stands_behind_the_end_does_not_matter_to_a_causal_tower(make_tower):
    tower = make_tower()
    contexts = torch.randn(1, 4, tower.width, generator=torch.Generator().manual_seed(0))
    tokens = ClassTokens.read(tower, NAMES, ".")
    features = reference_features(tower, contexts, tokens, length=20)
    _change_padding(tower)
    assert torch.equal(features, reference_features(tower, contexts, tokens, length=20))


def test_every_position_matters_to_a_tower_that_is_not_causal(make_tower):
    tower = make_tower(causal=False)
    contexts = torch.randn(1, 4, tower.width, generator=torch.Generator().manual_seed(0))
    tokens = ClassTokens.read(tower, NAMES, ".")
    features = reference_features(tower, contexts, tokens, length=20)
    causal = reference_features(
        dataclasses.replace(tower, causal=True), contexts, tokens, length=20
    )
    assert (features - causal).abs().max() > 0.01
    _change_padding(tower)
    changed = reference_features(tower, contexts, tokens, length=20)
    assert (features - changed).abs().max() > 0.01
