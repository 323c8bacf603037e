"""Learned prompts as words."""

from __future__ import annotations

import torch

from ldpf.inspection.prompt_words import read_prompts


def test_tokens_are_read_as_the_words_they_are(tiny_clip):
    tower = tiny_clip.text
    photo, cat, dog = (
        tower.token_embeddings(tower.name_tokens(w)) for w in ("photo", "cat", "dog")
    )
    contexts = torch.stack([torch.cat([photo, cat]), torch.cat([photo, dog])])  # [2, 2, W]
    prompts = read_prompts(tower, contexts)
    assert [entry["word"] for entry in prompts["shared"]] == ["photo"]
    assert [[entry["word"] for entry in own] for own in prompts["own"]] == [["cat"], ["dog"]]
    assert all(entry["distance"] < 1e-3 for own in prompts["own"] for entry in own)
