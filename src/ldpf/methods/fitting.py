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


def build_encoder(
    backbone: Backbone, class_names: Sequence[str], *, prompts: int, length: int
) -> PromptedTextEncoder:
    """The prompted text encoder for `prompts` contexts of `length` tokens."""
    return PromptedTextEncoder(backbone.text, class_names)


@torch.no_grad()
def finish_training(
    encoder: PromptedTextEncoder, contexts: torch.Tensor, backbone: Backbone
) -> torch.Tensor:
    """Text features [P, K, D] of the final contexts [P, M, W], on the CPU."""
    return encoder(contexts.to(backbone.device)).float().cpu()
