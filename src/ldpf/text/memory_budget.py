"""What methods that learn prompts share: the encoder for their prompts, and the end of training."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from ldpf.text import PromptedTextEncoder

if TYPE_CHECKING:
    from ldpf.backbones import Backbone

log = logging.getLogger("ldpf")

MEMORY_BUDGET_MIB = 2048.0
"""What one training pass through the text encoder may take. A fixed number, not what happens to be
free: another chunk size rounds differently, and the same command must give the same bits."""


def build_encoder(
    backbone: Backbone, class_names: Sequence[str], *, prompts: int, length: int
) -> PromptedTextEncoder:
    """The prompted text encoder for `prompts` contexts of `length` tokens.

    With very many classes it computes them in chunks, so that a training pass stays within
    `MEMORY_BUDGET_MIB`.
    """
    encoder = PromptedTextEncoder(backbone.text, class_names)
    choice = encoder.choose_class_chunk(prompts, length, MEMORY_BUDGET_MIB)
    if choice.class_chunk is None:
        return encoder
    log.info("text encoder: %s", choice.reason)
    return encoder.with_class_chunk(choice.class_chunk)


@torch.no_grad()
def finish_training(
    encoder: PromptedTextEncoder, contexts: torch.Tensor, backbone: Backbone
) -> torch.Tensor:
    """Text features [P, K, D] of the final contexts [P, M, W], on the CPU."""
    return encoder(contexts.to(backbone.device)).float().cpu()
