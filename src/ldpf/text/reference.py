"""The reference: every sentence written out and read by the model's own layers."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldpf.backbones import TextTower
from ldpf.backbones.pooling import pool
from ldpf.backbones.text_model import ModelPart
from ldpf.text.sentences import ClassTokens


def reference_features(
    tower: TextTower, contexts: Tensor, tokens: ClassTokens, *, length: int
) -> Tensor:
    """Text features by the model's own forward pass over P * K whole sentences.

    A tower that is not causal may read the padding after [EOS] too, as SigLIP does, so its features
    depend on `length`; those of a causal tower do not, nor those of one that masks the padding, as
    BERT does. SigLIP's feature is the state of the last position, CLIP's that of [EOS]
    (`TextTower.pooling`).

    Args:
        tower: the frozen text tower.
        contexts: [P, M, W].
        tokens: what each of the K classes adds.
        length: positions to compute: the tower's context length, or any number down to the longest
            sentence's.

    Returns:
        [P, K, D] of length one, differentiable in `contexts` only.
    """
    n_prompts, n_context, width = contexts.shape
    n_classes = len(tokens.ids)
    embed = tower.model.embeddings.token_embedding.weight.detach()
    start = tower.start_ids
    after = length - len(start) - n_context
    ids = torch.full((n_classes, after), tower.pad_id, dtype=torch.long)
    for row, sentence in zip(ids, tokens.ids, strict=True):
        row[: len(sentence)] = torch.tensor(sentence)
    written = torch.tensor(tokens.lengths) + len(start) + n_context
    real = torch.arange(length) < written[:, None]  # [K, length]
    real = real.repeat(n_prompts, 1).to(contexts.device, non_blocking=True)  # [P * K, length]

    def everywhere(part: Tensor) -> Tensor:
        return part.expand(n_prompts, n_classes, -1, width)

    sentences = torch.cat(
        [
            everywhere(tower.token_embeddings(start)),
            everywhere(contexts[:, None]),
            everywhere(embed[ids.to(embed.device)]),
        ],
        dim=2,
    ).flatten(0, 1)  # [P * K, length, W]
    hidden = _frozen(tower.model.embeddings, inputs_embeds=sentences)
    mask = real.long() if tower.masks_padding else None
    if tower.causal:  # written out: transformers' own helper changes its arguments between releases
        hidden_from = torch.full((length, length), float("-inf"), device=hidden.device).triu(1)
        mask = hidden_from.to(hidden.dtype)[None, None]  # [1, 1, length, length]
    hidden = _frozen(
        tower.model.encoder, inputs_embeds=hidden, attention_mask=mask, is_causal=tower.causal
    ).last_hidden_state
    hidden = _frozen(tower.model.final_layer_norm, hidden)
    features = _frozen(tower.projection, pool(hidden, real, tower.pooling))
    return F.normalize(features, dim=-1).view(n_prompts, n_classes, -1)


def _frozen(module: ModelPart, *args: Any, **kwargs: Any) -> Any:
    """Call a module of the model so that no gradient reaches its weights, frozen or not."""
    parameters = dict(module.named_parameters())
    if not any(parameter.requires_grad for parameter in parameters.values()):
        return module(*args, **kwargs)
    detached = {name: parameter.detach() for name, parameter in parameters.items()}
    return torch.func.functional_call(cast(nn.Module, module), detached, args, kwargs)
