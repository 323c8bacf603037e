"""Where class tokens lie, and what they see."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ldpf.text.packing import block_width, pack, pack_count

LENGTHS = np.random.default_rng(0).integers(2, 15, 40).tolist()


def _sentences(lengths):
    """Different ids everywhere, so that a misplaced token is noticed; -1 stands for [EOS]."""
    ids = iter(range(10_000))
    return [[*(next(ids) for _ in range(length - 1)), -1] for length in lengths]


def _end_slots(packing):
    """Block and slot of every class's [EOS]."""
    n_ends = packing.ends.shape[1]
    blocks = packing.class_order // n_ends
    return blocks.tolist(), packing.ends.flatten()[packing.class_order].tolist()


@pytest.mark.parametrize("width", [None, 14, 20, 37])
def test_every_class_lies_whole_in_one_block(width):
    sentences = _sentences(LENGTHS)
    packing = pack(sentences, width)
    for sentence, block, end in zip(sentences, *_end_slots(packing), strict=True):
        start = end + 1 - len(sentence)
        assert packing.ids[block, start : end + 1].tolist() == sentence
        assert packing.offset[block, start : end + 1].tolist() == list(range(len(sentence)))


@pytest.mark.parametrize("width", [None, 14, 20, 37])
def test_a_token_sees_the_earlier_tokens_of_its_class_and_itself_only(width):
    packing = pack(_sentences(LENGTHS), width)
    expected = torch.zeros_like(packing.visible)
    empty = torch.ones_like(packing.ids, dtype=torch.bool)
    for length, block, end in zip(LENGTHS, *_end_slots(packing), strict=True):
        own = range(end + 1 - length, end + 1)
        empty[block, own.start : own.stop] = False
        for slot in own:
            expected[block, slot, own.start : slot + 1] = True
    for block, slot in empty.nonzero().tolist():
        expected[block, slot, slot] = True
    assert torch.equal(packing.visible, expected)


def test_without_a_width_there_is_one_block_without_an_empty_slot():
    packing = pack(_sentences(LENGTHS))
    assert packing.ids.shape == (1, sum(LENGTHS))


@pytest.mark.parametrize("width", [None, 14, 25])
def test_pack_count_is_what_pack_uses(width):
    assert pack_count(LENGTHS, width) == pack(_sentences(LENGTHS), width).n_slots


def test_chosen_width_wastes_few_slots():
    lengths = np.random.default_rng(1).choice([3, 4, 5, 6, 7], 300, p=[0.4, 0.3, 0.2, 0.05, 0.05])
    slots = pack_count(lengths.tolist(), block_width(lengths.tolist()))
    assert slots <= 1.02 * lengths.sum()


@pytest.mark.parametrize("lengths", [[70], [70, 2, 2], [3], [2] * 5])
def test_chosen_width_holds_the_longest_class_and_is_no_wider_than_needed(lengths):
    width = block_width(lengths)
    assert max(lengths) <= width <= max(sum(lengths), 1)
    assert pack_count(lengths, width) >= sum(lengths)
