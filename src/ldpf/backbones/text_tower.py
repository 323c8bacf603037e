"""The frozen text tower of a backbone, reduced to what prompt learning touches."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ldpf.backbones.pooling import Pooling
from ldpf.backbones.text_model import Projection, TextModel
from ldpf.errors import BackboneError
from ldpf.utils.text import can_be_written, quoted

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# As big_vision cleans text: an underscore parts words, other punctuation goes.
_NO_PUNCTUATION = str.maketrans("_", " ", string.punctuation.replace("_", ""))


def refuse_halves(text: str) -> None:
    """Raise BackboneError where there is half a character in a text, as JSON can escape it."""
    if not can_be_written(text):
        raise BackboneError(
            f"The text {quoted(text)} holds half a character, which no tokenizer reads; write it "
            "in whole characters."
        )


@dataclass(frozen=True)
class TextTower:
    """A text transformer with its projection and tokenizer.

    Attributes:
        model: the text model (embeddings, encoder layers, final layer norm), frozen.
        projection: map from the tower's width W to the joint space D: linear, with a bias in
            SigLIP; an MLP behind some text towers of other families.
        tokenizer: the tokenizer the tower was trained with.
        bos_id: id of the start token, [SOS] in the papers; None where sentences have none (SigLIP).
        eos_id: id of the end token.
        context_length: positions the tower has (77 for CLIP, 64 for SigLIP).
        causal: whether a position only sees those before it. The shared-prefix encoder needs this.
        pooling: which state is the sentence's feature: `eos` (CLIP, MetaCLIP 2), `last` (SigLIP,
            whose sentences are always padded to the whole context), `first`, `mean` or `max` (BERT
            and its like).
        lower_case: whether the tower was trained on lower-case text only (SigLIP).
        drop_punctuation: whether it was trained on text without punctuation.
        masks_padding: whether no position sees the padding behind [EOS] (BERT and its like).
        padding_id: what follows [EOS]; None for the tokenizer's own padding token.
    """

    model: TextModel
    projection: Projection
    tokenizer: PreTrainedTokenizerBase
    bos_id: int | None
    eos_id: int
    context_length: int
    causal: bool = True
    pooling: Pooling = "eos"
    lower_case: bool = False
    drop_punctuation: bool = False
    masks_padding: bool = False
    padding_id: int | None = None

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
        return self.model.embeddings.token_embedding.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the tower's weights."""
        return self.model.embeddings.token_embedding.weight.dtype

    @property
    def start_ids(self) -> list[int]:
        """What every sentence starts with: [SOS], or nothing."""
        return [] if self.bos_id is None else [self.bos_id]

    @property
    def pad_id(self) -> int:
        """What follows [EOS]; see `reads_padding`."""
        if self.padding_id is not None:
            return self.padding_id
        pad = getattr(self.tokenizer, "pad_token_id", None)
        return self.eos_id if pad is None else int(pad)

    @property
    def shares_prefixes(self) -> bool:
        """Whether a prompt's states are the same for all classes, and end at [EOS]."""
        return self.causal and self.pooling == "eos"

    @property
    def reads_padding(self) -> bool:
        """Whether what follows [EOS] changes a sentence's feature."""
        return self.pooling == "last" or not (self.causal or self.masks_padding)

    def name_tokens(self, text: str) -> list[int]:
        """Token ids of `text`, without start and end token, never truncated.

        Raises:
            BackboneError: there is half a character in it, which no tokenizer reads.
        """
        refuse_halves(text)
        text = text.lower() if self.lower_case else text
        if self.drop_punctuation:
            text = " ".join(text.translate(_NO_PUNCTUATION).split())
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

        A tower that does not read the padding gets as much as the longest sentence needs.

        Returns:
            [N, context length at most] token ids, on the tower's device.
        """
        room = self.context_length - len(self.start_ids) - 1
        sentences = [
            [*self.start_ids, *self.name_tokens(text)[:room], self.eos_id] for text in texts
        ]
        needed = max(map(len, sentences), default=0)
        length = self.context_length if self.reads_padding else needed
        rows = torch.full((len(texts), length), self.pad_id, dtype=torch.long)
        for row, ids in zip(rows, sentences, strict=True):
            row[: len(ids)] = torch.tensor(ids)
        return rows.to(self.device)

    def token_embeddings(self, ids: list[int]) -> torch.Tensor:
        """Embeddings of token ids, without positions: the space prompts live in.

        Returns:
            [len(ids), W], detached.
        """
        index = torch.tensor(ids, dtype=torch.long).to(self.device, non_blocking=True)
        return self.model.embeddings.token_embedding(index).detach()
