"""`PromptedTextEncoder`: learnable contexts in, text features of all classes out."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from ldpf.backbones import TextTower
from ldpf.errors import BackboneError, SettingsError
from ldpf.text.layers import FrozenTower
from ldpf.text.memory import ChunkChoice, TokenCost, choose_chunk
from ldpf.text.packing import JOINT_LIMIT, block_width, pack, pack_count
from ldpf.text.reference import reference_features
from ldpf.text.sentences import ClassTokens
from ldpf.text.shared_prefix import (
    ClassPart,
    embed_prefix,
    joint_features,
    prefix_keys,
    split_features,
)
from ldpf.utils.constraints import OneOf, Whole, check_value
from ldpf.utils.precision import OWN, PRECISIONS, normalized, products_in
from ldpf.utils.resources import available_memory_mib

log = logging.getLogger("ldpf")

PathName = Literal["auto", "shared", "truncated", "reference"]
PATHS: tuple[str, ...] = get_args(PathName)
"""Ways to the same features: `auto` takes `shared` wherever it is exact."""

_MAX_PREPARED = 4  # context lengths whose class tokens are kept embedded


class PromptedTextEncoder:
    """Text features t_k of sentences [SOS] context [class name] suffix [EOS].

    All weights are frozen: gradients reach only the contexts, whether or not the parameters of the
    model require any. The paths differ only in speed:

    - `shared`: the prompt is computed once, and each class adds its own tokens (`shared_prefix`);
    - `truncated`: the model's own layers over P * K sentences, cut after the longest [EOS];
    - `reference`: the same over all positions of the tower (77 for CLIP). If the tower masks the
      padding (BERT), only over the positions of the longest sentence.

    A call changes only a cache of results that do not depend on the values of the contexts, so one
    encoder can be used for any P and M. The cache is dropped when the tower's weights change.
    """

    def __init__(
        self,
        tower: TextTower,
        class_names: Sequence[str],
        *,
        suffix: str = ".",
        path: PathName = "auto",
        class_chunk: int | None = None,
    ) -> None:
        """Tokenize the class names and choose the path.

        Args:
            tower: the frozen text tower, width W, joint space D.
            class_names: K readable names, in the order of the result.
            suffix: comes right after each name.
            path: one of `PATHS`.
            class_chunk: compute that many classes at a time, and once more in the backward pass:
                the same features and gradients in less memory. None computes all at once; see
                `choose_class_chunk`.

        Raises:
            SettingsError: no class, an empty or too long name, an unknown path, a chunk below 1.
            BackboneError: `shared` or `truncated` was asked for, but the tower is not causal.
        """
        self.tower = tower
        self.class_names = tuple(class_names)
        self.suffix = suffix
        self.class_chunk = _checked_chunk(class_chunk)
        self.path = self._resolve(path)
        self._tokens = ClassTokens.read(tower, self.class_names, suffix)
        self._parameters = [*tower.model.parameters(), *tower.projection.parameters()]
        self._stamp: tuple | None = None
        self._frozen: FrozenTower | None = None
        self._prepared: dict[int, list[ClassPart]] = {}
        self.precision = OWN

    def __len__(self) -> int:
        """K, the number of classes."""
        return len(self.class_names)

    def __repr__(self) -> str:
        return (
            f"PromptedTextEncoder({len(self)} classes, path={self.path!r}, "
            f"class_chunk={self.class_chunk})"
        )

    def __call__(self, contexts: Tensor) -> Tensor:
        """Text features of every class under every prompt.

        Args:
            contexts: P prompts of M >= 0 tokens in the space of token embeddings, [P, M, W], on the
                tower's device; computed in the tower's precision.

        Returns:
            [P, K, D] of length one, differentiable in `contexts`.

        Raises:
            SettingsError: the contexts have another shape or device, or are too long for a name.
        """
        contexts = self._checked(contexts)
        if len(contexts) == 0:
            # An empty sum keeps the result connected to the contexts, as any other P would be.
            nothing = contexts.sum() * 0.0
            return contexts.new_zeros(0, len(self), self.tower.embed_dim) + nothing
        compute = self._shared if self.path == "shared" else self._whole_sentences
        with products_in(self.precision, self.tower.device):
            features = compute(contexts)
        return features if self.precision == OWN else normalized(features, self.tower.dtype)

    def with_class_chunk(self, class_chunk: int | None) -> PromptedTextEncoder:
        """The same encoder with another `class_chunk`; the names are not tokenized again."""
        other = copy.copy(self)
        other.class_chunk = _checked_chunk(class_chunk)
        other._prepared = {}
        return other

    def with_precision(self, precision: str) -> PromptedTextEncoder:
        """The same encoder with products in another precision; see `ldpf.utils.precision`."""
        check_value("precision", precision, OneOf(PRECISIONS))
        other = copy.copy(self)
        other.precision = precision
        other._prepared = {}
        return other

    def tokens_per_pass(self, prompts: int, context_tokens: int = 12) -> int:
        """Token positions that one forward pass over P `prompts` of M `context_tokens` computes."""
        if self.path != "shared":
            return prompts * len(self) * self._sentence_length(context_tokens)
        lengths = self._tokens.lengths
        slots = sum(
            pack_count(lengths[start:stop], self._block_width(start, stop))
            for start, stop in self._chunks(self.class_chunk)
        )
        return prompts * (self._prefix(context_tokens) + slots)

    def estimate_memory_mib(
        self, prompts: int, context_tokens: int = 12, class_chunk: int | None = None
    ) -> float:
        """Approximate memory of forward and backward pass, in addition to the weights, in MiB.

        Args:
            prompts: P.
            context_tokens: M.
            class_chunk: classes at a time; None for all at once, regardless of the encoder's own.
        """
        lengths = self._tokens.lengths
        chunks = [lengths[start:stop] for start, stop in self._chunks(class_chunk)]
        cost = TokenCost.of(self.tower)
        if self.path == "shared":
            return cost.shared_mib(prompts, self._prefix(context_tokens), max(map(sum, chunks)))
        length = self._sentence_length(context_tokens)
        return cost.whole_mib(prompts * max(map(len, chunks)) * length)

    def choose_class_chunk(
        self, prompts: int, context_tokens: int = 12, budget_mib: float | None = None
    ) -> ChunkChoice:
        """Number of classes to compute at a time so that training stays within a memory budget.

        Args:
            prompts: P.
            context_tokens: M.
            budget_mib: memory that a pass may use, in MiB; None for half of the available memory.

        Returns:
            The choice: a `reason` to print, and a `class_chunk` for `with_class_chunk`.
        """
        if budget_mib is None:
            budget_mib = available_memory_mib(self.tower.device) / 2
        return choose_chunk(
            len(self),
            lambda chunk: self.estimate_memory_mib(prompts, context_tokens, chunk),
            budget_mib,
        )

    def _resolve(self, path: PathName) -> str:
        check_value("path", path, OneOf(PATHS))
        if self.tower.shares_prefixes:
            return "shared" if path == "auto" else path
        if path in ("shared", "truncated"):
            raise BackboneError(
                f"The text path {path!r} needs a causal text tower, and this one is not causal; "
                "use path='auto' or path='reference'."
            )
        if path == "auto":
            log.warning(
                "text path: reference (the text tower is not causal, so class names change what "
                "the prompt's tokens become and nothing can be shared between classes)"
            )
        return "reference"

    def _checked(self, contexts: Tensor) -> Tensor:
        width = self.tower.width
        if contexts.ndim != 3 or contexts.shape[2] != width:
            raise SettingsError(
                f"The contexts have shape {list(contexts.shape)}, but the encoder needs "
                f"[prompts, tokens, {width}]."
            )
        if contexts.device != self.tower.device:
            raise SettingsError(
                f"The contexts are on {contexts.device} but the text tower on {self.tower.device}; "
                "move them with contexts.to(...)."
            )
        self._tokens.require_fit(contexts.shape[1])
        return contexts.to(self.tower.dtype)

    def _prefix(self, context_tokens: int) -> int:
        """Positions before the class name: the start token, where there is one, and the prompt."""
        return self._tokens.start + context_tokens

    def _sentence_length(self, context_tokens: int) -> int:
        if self.path == "reference" and not self.tower.masks_padding:
            return self.tower.context_length
        return self._prefix(context_tokens) + max(self._tokens.lengths)

    def _chunks(self, class_chunk: int | None) -> list[tuple[int, int]]:
        """First class and end of each chunk."""
        step = class_chunk or len(self)
        return [(start, min(start + step, len(self))) for start in range(0, len(self), step)]

    def _block_width(self, start: int, stop: int) -> int | None:
        """Slots per block for a chunk of classes; None for the joint arrangement."""
        lengths = self._tokens.lengths
        if stop - start == len(lengths) and sum(lengths) <= JOINT_LIMIT:
            return None
        return block_width(lengths[start:stop])

    def _shared(self, contexts: Tensor) -> Tensor:
        tower, parts = self._prepare(self._prefix(contexts.shape[1]))
        prefix = embed_prefix(tower, contexts)
        if parts[0].joint:
            return joint_features(tower, prefix, parts[0])
        keys = prefix_keys(tower, prefix)
        if len(parts) == 1:
            return split_features(tower, keys, parts[0])
        chunks = [
            _recomputed(lambda *keys, part=part: split_features(tower, keys, part), *keys)
            for part in parts
        ]
        return torch.cat(chunks, dim=1)

    def _whole_sentences(self, contexts: Tensor) -> Tensor:
        length = self._sentence_length(contexts.shape[1])
        chunks = [self._tokens.part(*chunk) for chunk in self._chunks(self.class_chunk)]
        if len(chunks) == 1:
            return reference_features(self.tower, contexts, chunks[0], length=length)
        parts = [
            _recomputed(
                lambda c, tokens=tokens: reference_features(self.tower, c, tokens, length=length),
                contexts,
            )
            for tokens in chunks
        ]
        return torch.cat(parts, dim=1)

    def _prepare(self, prefix: int) -> tuple[FrozenTower, list[ClassPart]]:
        """Weights and embedded class tokens for a prefix of `prefix` positions."""
        stamp = tuple(
            (p.data_ptr(), None if p.is_inference() else p._version) for p in self._parameters
        )
        # Outside of any inference mode: its tensors could not be trained through later.
        with torch.inference_mode(False), torch.no_grad():
            if self._frozen is None or stamp != self._stamp:
                self._frozen, self._stamp = FrozenTower.read(self.tower), stamp
                self._prepared = {}
            if prefix not in self._prepared:
                if len(self._prepared) >= _MAX_PREPARED:
                    self._prepared.pop(next(iter(self._prepared)))
                self._prepared[prefix] = [
                    self._class_part(self._frozen, prefix, start, stop)
                    for start, stop in self._chunks(self.class_chunk)
                ]
        return self._frozen, self._prepared[prefix]

    def _class_part(self, tower: FrozenTower, prefix: int, start: int, stop: int) -> ClassPart:
        width = self._block_width(start, stop)
        packing = pack(self._tokens.ids[start:stop], width)
        return ClassPart.build(tower, packing, prefix, joint=width is None)


def _recomputed(function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    """Call `function`, keeping its inputs only; the backward pass computes the rest again."""
    return checkpoint(function, *inputs, use_reentrant=False, preserve_rng_state=False)


def _checked_chunk(class_chunk: int | None) -> int | None:
    if class_chunk is not None:
        check_value("class_chunk", class_chunk, Whole(at_least=1))
    return class_chunk
