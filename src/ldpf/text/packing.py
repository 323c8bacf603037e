"""Names of different lengths in one sequence, without padding: slots and visibility of tokens.

A causal text tower reads [SOS | context | class name | suffix | EOS], so the tokens of one class
see the prefix [SOS | context] and the earlier tokens of their own class, nothing else. Many classes
can therefore follow one prefix, none of which sees the others. They are packed into blocks of equal
width: attention then works on whole blocks with a fixed mask. The other layers treat every token
alone, so the arrangement does not change their results.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

JOINT_LIMIT = 144
"""Class tokens up to which everything runs as one sequence: prefix and classes in one masked
attention. Fewer and larger operations win there; beyond, attention among classes that cannot see
each other costs more than it saves (measured on two CPU cores for widths 128 to 512)."""

_WIDTHS = range(20, 57)
"""Widths tried for blocks; narrower ones copy the prefix's keys more often, wider ones attend to
more tokens without use, and over this range the time of a layer was flat."""


TYPICAL_WIDTH = 32
"""About the width that `block_width` chooses, for estimates."""


@dataclass(frozen=True)
class Packing:
    """Places of all class tokens in B blocks of `width` slots.

    Attributes:
        ids: token id per slot, [B, width].
        offset: position of the token in its class's own part, [B, width].
        visible: whether slot i sees slot j of its block, [B, width, width]; empty slots too see
            themselves.
        ends: slots of the [EOS] tokens in each block, filled up with slot 0, [B, E].
        class_order: where class k's [EOS] lies in `ends` read row by row, [K].
    """

    ids: Tensor
    offset: Tensor
    visible: Tensor
    ends: Tensor
    class_order: Tensor

    @property
    def n_slots(self) -> int:
        """B * width, the class tokens computed per prompt."""
        return self.ids.numel()


def pack(sentences: Sequence[Sequence[int]], width: int | None = None) -> Packing:
    """Place the classes' own tokens, each class whole, first fit by decreasing length.

    Args:
        sentences: token ids per class, [EOS] last.
        width: slots per block, at least the longest sentence; None puts all into one block.

    Returns:
        Index tensors on the CPU.
    """
    lengths = [len(sentence) for sentence in sentences]
    width = sum(lengths) if width is None else width
    blocks = _first_fit(lengths, width)
    n_ends = max(len(block) for block in blocks)
    ids = torch.full((len(blocks), width), sentences[0][-1])
    offset = torch.zeros(len(blocks), width, dtype=torch.long)
    # A slot that holds nothing still needs something to see, or its softmax would be 0 / 0.
    visible = torch.eye(width, dtype=torch.bool).repeat(len(blocks), 1, 1)
    ends = torch.zeros(len(blocks), n_ends, dtype=torch.long)
    class_order = torch.zeros(len(sentences), dtype=torch.long)
    for b, block in enumerate(blocks):
        start = 0
        for e, k in enumerate(block):
            stop = start + lengths[k]
            ids[b, start:stop] = torch.tensor(sentences[k])
            offset[b, start:stop] = torch.arange(lengths[k])
            visible[b, start:stop, start:stop] = torch.ones(lengths[k], lengths[k]).tril().bool()
            ends[b, e] = stop - 1
            class_order[k] = b * n_ends + e
            start = stop
    return Packing(ids, offset, visible, ends, class_order)


def block_width(lengths: Sequence[int]) -> int:
    """The block width that leaves the fewest slots empty; of equal ones, the narrowest."""
    longest = max(lengths)
    narrowest = max(longest, min(_WIDTHS.start, sum(lengths)))
    widths = range(narrowest, max(_WIDTHS.stop, narrowest + 1))
    return min(widths, key=lambda width: pack_count(lengths, width))


def pack_count(lengths: Sequence[int], width: int | None) -> int:
    """Slots that `pack` uses for classes of these lengths."""
    return sum(lengths) if width is None else len(_first_fit(lengths, width)) * width


def _first_fit(lengths: Sequence[int], width: int) -> list[list[int]]:
    """Blocks of class numbers whose lengths sum to at most `width`, longest names first."""
    waiting: dict[int, list[int]] = {length: [] for length in sorted(set(lengths), reverse=True)}
    for k, length in enumerate(lengths):
        waiting[length].append(k)
    blocks = []
    left = len(lengths)
    while left:
        block: list[int] = []
        room = width
        for length, classes in waiting.items():
            count = min(room // length, len(classes))
            block += classes[:count]
            del classes[:count]
            room -= count * length
        blocks.append(block)
        left -= len(block)
    return blocks
