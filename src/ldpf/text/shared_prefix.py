"""Prompted text features with the prompt computed once: fast, and exact in values and gradients.

In a causal tower the prefix [SOS | context] does not see the class name after it, so its states
are the same for all K classes. They are computed once per prompt; each class adds only its own
tokens, and what follows [EOS] is never computed. In the last layer only [EOS] has a query, so the
other tokens need no query and no MLP there.

Two arrangements of the same computation, by the number of class tokens (see `packing`):

- joint: prefix and all class tokens in one sequence with a fixed mask, the fewest operations;
- split: the prefix alone first; then blocks of class tokens, which read its keys and values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ldpf.text.layers import FrozenTower
from ldpf.text.packing import Packing

PrefixKeys = Sequence[Tensor]
"""Per layer the prefix's keys and values side by side, [P, L, 2 W]."""


@dataclass(frozen=True)
class ClassPart:
    """Everything about the class tokens that does not depend on the prompts' values.

    Attributes:
        x: embeddings with positions, [1, slots, W].
        qkv: for joint, queries, keys and values in the first layer, [1, slots, 3 W].
        mask: added to the attention scores: [1, 1, L + slots, L + slots] for joint,
            [B, 1, width, L + width] for split.
        end_mask: its rows for [EOS]: [1, 1, K, L + slots] or [B, 1, E, L + width].
        ends: where the [EOS] tokens are: [K] in the joint sequence, [B * E] among the slots.
        order: which of `ends` belong to classes 0 .. K - 1, [K]; None if that is all of them.
        blocks: B; 1 for joint.
        joint: which of the two arrangements this is.
    """

    x: Tensor
    qkv: Tensor | None
    mask: Tensor
    end_mask: Tensor
    ends: Tensor
    order: Tensor | None
    blocks: int
    joint: bool

    @classmethod
    def build(cls, tower: FrozenTower, packing: Packing, prefix: int, *, joint: bool) -> ClassPart:
        """Embed the packed tokens after a prefix of `prefix` = 1 + M positions."""
        device = tower.tokens.device
        positions = tower.positions[packing.offset.to(device) + prefix]
        x = (tower.tokens[packing.ids.to(device)] + positions).flatten(0, 1)[None]
        first = tower.layers[0]
        n_blocks, width = packing.ids.shape
        # Every class token sees the whole prefix.
        seen = torch.cat([torch.ones(n_blocks, width, prefix).bool(), packing.visible], dim=2)
        if joint:
            assert n_blocks == 1, "the joint arrangement has one block"
            above = torch.zeros(prefix, prefix + width, dtype=torch.bool)
            above[:, :prefix] = torch.ones(prefix, prefix).tril().bool()
            rows = prefix + packing.ends[0, packing.class_order]
            seen = torch.cat([above, seen[0]])
            seen, end_seen, order = seen[None], seen[rows][None], None
        else:
            blocks = torch.arange(n_blocks)[:, None]
            rows = (blocks * width + packing.ends).flatten()
            end_seen, order = seen[blocks, packing.ends], packing.class_order.to(device)

        def additive(allowed: Tensor) -> Tensor:
            mask = torch.zeros(allowed.shape).masked_fill(~allowed, float("-inf"))
            return mask[:, None].to(x)

        return cls(
            x=x,
            qkv=first.project(first.norm(x)) if joint else None,
            mask=additive(seen),
            end_mask=additive(end_seen),
            ends=rows.to(device),
            order=order,
            blocks=n_blocks,
            joint=joint,
        )


def embed_prefix(tower: FrozenTower, contexts: Tensor) -> Tensor:
    """[SOS | context] with positions: [P, M, W] to [P, 1 + M, W]."""
    n_prompts, n_context, _ = contexts.shape
    start = tower.start.expand(n_prompts, -1, -1)
    return torch.cat([start, contexts], dim=1) + tower.positions[: len(tower.start) + n_context]


def joint_features(tower: FrozenTower, prefix: Tensor, part: ClassPart) -> Tensor:
    """Text features from one sequence per prompt that holds the prefix and all classes.

    Args:
        tower: frozen weights.
        prefix: embedded [SOS | context], [P, L, W].
        part: the class tokens, built for L and `joint=True`.

    Returns:
        [P, K, D] of length one.
    """
    n_prompts = len(prefix)
    x = torch.cat([prefix, part.x.expand(n_prompts, -1, -1)], dim=1)  # [P, L + slots, W]
    for number, layer in enumerate(tower.layers):
        if number == len(tower.layers) - 1:
            h = layer.norm(x)
            q = layer.project(h[:, part.ends], "q")
            k, v = layer.project(h, "kv").chunk(2, dim=-1)
            x, mask = x[:, part.ends], part.end_mask
        else:
            if number == 0:
                assert part.qkv is not None, "a part for the joint arrangement has its first qkv"
                own = part.qkv.expand(n_prompts, -1, -1)
                qkv = torch.cat([layer.project(layer.norm(prefix)), own], dim=1)
            else:
                qkv = layer.project(layer.norm(x))
            q, k, v = qkv.chunk(3, dim=-1)
            mask = part.mask
        x = layer.finish(x, _attend(q, k, v, tower.heads, mask))
    return tower.features(x)


def prefix_keys(tower: FrozenTower, prefix: Tensor) -> PrefixKeys:
    """Keys and values of the prefix in every layer.

    Args:
        tower: frozen weights.
        prefix: embedded [SOS | context], [P, L, W].
    """
    keys = []
    x = prefix
    for layer in tower.layers[:-1]:
        qkv = layer.project(layer.norm(x))
        q, k, v = qkv.chunk(3, dim=-1)
        keys.append(qkv[..., x.shape[-1] :])
        x = layer.finish(x, _attend(q, k, v, tower.heads, causal=True))
    top = tower.layers[-1]
    return [*keys, top.project(top.norm(x), "kv")]


def split_features(tower: FrozenTower, keys: PrefixKeys, part: ClassPart) -> Tensor:
    """Text features from blocks of class tokens that read the prefix's keys and values.

    Args:
        tower: frozen weights.
        keys: from `prefix_keys`.
        part: the class tokens, built for L and `joint=False`.

    Returns:
        [P, K, D] of length one.
    """
    n_prompts, _, _ = keys[0].shape
    n_blocks = part.blocks
    mask, end_mask = (
        m.expand(n_prompts, -1, -1, -1, -1).flatten(0, 1)
        for m in (part.mask[None], part.end_mask[None])
    )

    def in_blocks(h: Tensor) -> Tensor:
        return h.expand(n_prompts, -1, -1).unflatten(1, (n_blocks, -1))  # [P, B, slots / B, ...]

    x = part.x  # until the first attention the same for all prompts
    for number, (layer, before) in enumerate(zip(tower.layers, keys, strict=True)):
        last = number == len(tower.layers) - 1
        h = layer.norm(x)
        # Separate, so that the classes' own keys and values are freed once they are appended.
        kv = layer.project(h, "kv")
        q = layer.project(h[:, part.ends] if last else h, "q")
        before = before[:, None].expand(-1, n_blocks, -1, -1)
        kv = torch.cat([before, in_blocks(kv)], dim=2).flatten(0, 1)  # [P * B, L + width, 2 W]
        k, v = kv.chunk(2, dim=-1)
        q = in_blocks(q).flatten(0, 1)
        attended = _attend(q, k, v, tower.heads, end_mask if last else mask)
        attended = attended.unflatten(0, (n_prompts, n_blocks)).flatten(1, 2)
        if last:
            attended, x = attended[:, part.order], x[:, part.ends[part.order]]
        x = layer.finish(x, attended)
    return tower.features(x)


def _attend(
    q: Tensor, k: Tensor, v: Tensor, heads: int, mask: Tensor | None = None, causal: bool = False
) -> Tensor:
    """Attention over heads: queries [N, T, W], keys and values [N, S, W] to [N, T, W]."""
    q, k, v = (part.view(*part.shape[:2], heads, -1).transpose(1, 2) for part in (q, k, v))
    attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)
    return attended.transpose(1, 2).flatten(2)
