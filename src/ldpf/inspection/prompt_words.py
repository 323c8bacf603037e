"""Learned prompts as their nearest words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ldpf.text.contexts import nearest_words

if TYPE_CHECKING:
    import torch

    from ldpf.backbones import TextTower


def read_prompts(tower: TextTower, contexts: torch.Tensor) -> dict[str, Any]:
    """Learned tokens [S, M, W] as their nearest words; what all prompts share comes once.

    Returns:
        `shared`: entries of the tokens that are the same in every prompt; `own`: for each prompt,
        those of its other tokens. An entry is {"word", "distance"}.
    """
    same = (contexts == contexts[:1]).all(dim=2).all(dim=0)  # [M]
    n_shared = 0 if len(contexts) == 1 else int(same.int().cumprod(dim=0).sum())

    def words(tokens: torch.Tensor) -> list[dict[str, Any]]:
        if not len(tokens):
            return []
        nearest = nearest_words(tower, tokens, count=1)
        return [{"word": word, "distance": round(distance, 4)} for [(word, distance)] in nearest]

    return {
        "shared": words(contexts[0, :n_shared]),
        "own": [words(context[n_shared:]) for context in contexts],
    }
