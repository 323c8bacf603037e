"""Learnable contexts: initial values, and how a person reads them after training."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ldpf.backbones import TextTower

INITIAL_WORDS = "a photo of a"
"""What the first tokens of a context say before training (METHOD: v starts from it)."""


def random_context(
    shape: tuple[int, ...], generator: torch.Generator, std: float = 0.02
) -> torch.Tensor:
    """Context tokens drawn from N(0, std), as CoOp starts them.

    Args:
        shape: any leading dimensions and the tower's width last, e.g. (P, M, W).

    Returns:
        float32 of `shape`, on the CPU.
    """
    return torch.randn(shape, generator=generator) * std


def worded_context(
    tower: TextTower, length: int, generator: torch.Generator, words: str = INITIAL_WORDS
) -> torch.Tensor:
    """A context that starts as the embeddings of `words`.

    If `words` has more tokens than `length`, its beginning is kept; if fewer, random ones follow.

    Returns:
        [length, W] float32 on the CPU.
    """
    ids = tower.name_tokens(words)[:length]
    filler = random_context((length - len(ids), tower.width), generator)
    if not ids:
        return filler
    return torch.cat([tower.token_embeddings(ids).float().cpu(), filler])


def nearest_words(
    tower: TextTower, context: torch.Tensor, count: int = 3
) -> list[list[tuple[str, float]]]:
    """The vocabulary entries closest to each context token, by Euclidean distance as in CoOp.

    A learned token need not lie near any word; the distance says how far off the reading is.

    Args:
        context: [M, W].
        count: words per token.

    Returns:
        For each of the M tokens, `count` pairs (word, distance), nearest first.
    """
    table = tower.model.embeddings.token_embedding.weight.detach()
    distances = torch.cdist(context.to(table), table)  # [M, vocabulary]
    values, indices = distances.topk(min(count, table.shape[0]), largest=False)
    return [
        [
            (str(tower.tokenizer.decode([int(index)])).strip() or "∅", float(value))
            for index, value in zip(row_indices, row_values, strict=True)
        ]
        for row_indices, row_values in zip(indices, values, strict=True)
    ]


def similarity_between(contexts_features: torch.Tensor) -> torch.Tensor:
    """How alike prompts are in what they say: mean over classes of the cosine of text features.

    Args:
        contexts_features: text features [P, K, D] of length one.

    Returns:
        [P, P], 1 on the diagonal; off-diagonal values near 1 mean that the prompts are redundant.
    """
    features = F.normalize(contexts_features, dim=-1)
    return torch.einsum("pkd,qkd->pq", features, features) / features.shape[1]
