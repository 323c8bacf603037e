"""The frozen text tower of a backbone, reduced to what prompt learning touches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from transformers import CLIPTextModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class TextTower:
    """A CLIP text transformer with its projection and tokenizer.

    Attributes:
        model: transformers' `CLIPTextModel` (embeddings, encoder layers, final layer norm), frozen.
        projection: linear map from the tower's width W to the joint space D, without bias.
        tokenizer: the tokenizer the tower was trained with.
        bos_id: id of the start token, [SOS] in the papers.
        eos_id: id of the end token, whose final hidden state is the sentence's feature.
        context_length: positions the tower has (77 for CLIP).
        causal: whether a position only sees those before it. The shared-prefix encoder needs this.
    """

    model: CLIPTextModel
    projection: nn.Linear
    tokenizer: PreTrainedTokenizerBase
    bos_id: int
    eos_id: int
    context_length: int
    causal: bool = True

    @property
    def width(self) -> int:
        """W, the size of a token embedding, and so of one learnable prompt token."""
        return self.model.config.hidden_size

    @property
    def embed_dim(self) -> int:
        """D, the size of a text feature."""
        return self.projection.out_features

    @property
    def device(self) -> torch.device:
        """Where the tower's weights are."""
        return self.projection.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the tower's weights."""
        return self.projection.weight.dtype

    def name_tokens(self, text: str) -> list[int]:
        """Token ids of `text`, without start and end token, never truncated."""
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def token_embeddings(self, ids: list[int]) -> torch.Tensor:
        """Embeddings of token ids, without positions: the space prompts live in.

        Returns:
            [len(ids), W], detached.
        """
        index = torch.tensor(ids, dtype=torch.long, device=self.device)
        return self.model.embeddings.token_embedding(index).detach()
