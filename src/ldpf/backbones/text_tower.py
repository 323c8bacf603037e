"""The frozen text tower of a backbone, reduced to what prompt learning touches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import nn

from ldpf.backbones.text_model import TextModel

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Pooling = Literal["eos", "last"]
"""Whose final state is the sentence's feature: the end token's, or the context's last position."""


@dataclass(frozen=True)
class TextTower:
    """A text transformer of CLIP's kind with its projection and tokenizer.

    Attributes:
        model: transformers' text model (embeddings, encoder layers, final layer norm), frozen.
        projection: linear map from the tower's width W to the joint space D; with a bias in SigLIP.
        tokenizer: the tokenizer the tower was trained with.
        bos_id: id of the start token, [SOS] in the papers; None where sentences have none (SigLIP).
        eos_id: id of the end token.
        context_length: positions the tower has (77 for CLIP, 64 for SigLIP).
        causal: whether a position only sees those before it. The shared-prefix encoder needs this.
        pooling: `eos` (CLIP, MetaCLIP 2) or `last` (SigLIP, whose sentences are always padded to
            the whole context).
        lower_case: whether the tower was trained on lower-case text only (SigLIP).
    """

    model: TextModel
    projection: nn.Linear
    tokenizer: PreTrainedTokenizerBase
    bos_id: int | None
    eos_id: int
    context_length: int
    causal: bool = True
    pooling: Pooling = "eos"
    lower_case: bool = False

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

    @property
    def start_ids(self) -> list[int]:
        """What every sentence starts with: [SOS], or nothing."""
        return [] if self.bos_id is None else [self.bos_id]

    @property
    def pad_id(self) -> int:
        """What follows [EOS]. Only a tower that is not causal, or pools `last`, reads it."""
        pad = getattr(self.tokenizer, "pad_token_id", None)
        return self.eos_id if pad is None else int(pad)

    @property
    def shares_prefixes(self) -> bool:
        """Whether a prompt's states are the same for all classes, and end at [EOS]."""
        return self.causal and self.pooling == "eos"

    def name_tokens(self, text: str) -> list[int]:
        """Token ids of `text`, without start and end token, never truncated."""
        text = text.lower() if self.lower_case else text
        # No truncation: callers reject long names.
        return list(self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    def tokens_behind(self, text: str) -> list[int]:
        """Token ids of `text` where it follows other words.

        For CLIP the same as `name_tokens`. Tokenizers that count the space before a word as part of
        it, as SigLIP 2's does, know a word by another id at the start of a sentence.
        """
        first, twice = self.name_tokens(text), self.name_tokens(f"{text} {text}")
        if len(twice) > len(first) and twice[: len(first)] == first:
            return twice[len(first) :]
        return first

    def padded_sentences(self, texts: Sequence[str]) -> torch.Tensor:
        """Whole sentences filled up to the context length, a longer one cut before its [EOS].

        Returns:
            [N, context length] token ids, on the tower's device.
        """
        room = self.context_length - len(self.start_ids) - 1
        rows = torch.full((len(texts), self.context_length), self.pad_id, dtype=torch.long)
        for row, text in zip(rows, texts, strict=True):
            ids = [*self.start_ids, *self.name_tokens(text)[:room], self.eos_id]
            row[: len(ids)] = torch.tensor(ids)
        return rows.to(self.device)

    def token_embeddings(self, ids: list[int]) -> torch.Tensor:
        """Embeddings of token ids, without positions: the space prompts live in.

        Returns:
            [len(ids), W], detached.
        """
        index = torch.tensor(ids, dtype=torch.long).to(self.device, non_blocking=True)
        return self.model.embeddings.token_embedding(index).detach()
