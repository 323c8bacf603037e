"""Estimates of memory against what autograd really keeps, and the choice of a class chunk."""

from __future__ import annotations

import pytest
import torch

from ldpf.text import PromptedTextEncoder
from ldpf.text.memory import choose_chunk

MIB = 2**20


def _kept_mib(encoder, contexts) -> float:
    """MiB of all tensors that the forward pass keeps for the backward pass, weights left out."""
    weights = [*encoder.tower.model.parameters(), *encoder.tower.projection.parameters()]
    constant = {weight.untyped_storage().data_ptr() for weight in weights}
    encoder(contexts)  # fills the encoder's cache, which is constant too
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in constant:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        encoder(contexts).sum()
    return sum(kept.values()) / MIB


@pytest.mark.slow
@pytest.mark.parametrize("n_names", [12, 60])
@pytest.mark.parametrize("path", ["shared", "truncated", "reference"])
def test_estimate_is_about_what_autograd_keeps(path, n_names, make_tower, names_of):
    tower = make_tower(width=64, layers=6)
    encoder = PromptedTextEncoder(tower, names_of([1, 2, 3] * (n_names // 3)), path=path)
    kept = _kept_mib(encoder, torch.randn(3, 12, 64, requires_grad=True))
    estimate = encoder.estimate_memory_mib(3, 12)
    # The estimate also holds one layer's passing results, a fifth of what six layers keep, and
    # what the heap takes on top.
    assert 1.1 * kept < estimate < 1.9 * kept


@pytest.mark.slow
@pytest.mark.parametrize("n_names", [12, 60])
def test_shared_prefix_keeps_at_most_a_tenth_of_the_reference(n_names, make_tower, names_of):
    tower = make_tower(width=64, layers=4)
    names = names_of([1, 2, 3] * (n_names // 3))
    contexts = torch.randn(1, 12, 64, requires_grad=True)
    shared, reference = (
        _kept_mib(PromptedTextEncoder(tower, names, path=path), contexts)
        for path in ("shared", "reference")
    )
    assert shared < reference / 10


@pytest.mark.slow
@pytest.mark.parametrize("path", ["shared", "reference"])
def test_chunks_keep_next_to_nothing(path, make_tower, names_of):
    tower = make_tower(width=64, layers=4)
    encoder = PromptedTextEncoder(tower, names_of([1, 2, 3] * 40), path=path)
    contexts = torch.randn(1, 12, 64, requires_grad=True)
    whole = _kept_mib(encoder, contexts)
    assert _kept_mib(encoder.with_class_chunk(10), contexts) < whole / 5


def test_everything_at_once_if_the_budget_allows():
    choice = choose_chunk(100, lambda chunk: float(chunk or 100), budget_mib=100.0)
    assert choice.class_chunk is None
    assert str(choice) == (
        "class chunk: none (all 100 classes at once take about 100.0 MiB, budget 100.0 MiB)"
    )


def test_chunks_of_equal_size_within_the_budget():
    choice = choose_chunk(100, lambda chunk: 5.0 + (chunk or 100), budget_mib=38.0)
    assert choice.class_chunk == 25  # 33 fit, that is four chunks, and four are 25 each
    assert (choice.estimate_mib, choice.unchunked_mib) == (30.0, 105.0)
    assert choice.reason == (
        "class chunk: 25 of 100 classes at a time (about 30.0 MiB instead of 105.0 MiB, budget "
        "38.0 MiB); the backward pass computes each chunk once more"
    )


def test_single_classes_beyond_the_budget_are_admitted():
    choice = choose_chunk(100, lambda chunk: 5.0 + (chunk or 100), budget_mib=2.0)
    assert choice.class_chunk == 1
    assert "(about 6.0 MiB instead of 105.0 MiB, budget 2.0 MiB, still more than that)" in str(
        choice
    )


def test_encoder_chooses_within_its_budget(make_tower, names_of):
    encoder = PromptedTextEncoder(make_tower(width=64, layers=4), names_of([1, 2, 3] * 100))
    whole = encoder.estimate_memory_mib(3, 12)
    choice = encoder.choose_class_chunk(3, 12, budget_mib=whole / 4)
    assert choice.unchunked_mib == whole
    assert choice.estimate_mib <= whole / 4
    assert 30 <= choice.class_chunk <= 75
    assert encoder.choose_class_chunk(3, 12, budget_mib=2 * whole).class_chunk is None


def test_default_budget_is_half_of_the_available_memory(make_tower, names_of, monkeypatch):
    monkeypatch.setattr("ldpf.text.encoder.available_memory_mib", lambda device: 1000.0)
    encoder = PromptedTextEncoder(make_tower(), names_of([1, 2]))
    assert encoder.choose_class_chunk(1, 4).budget_mib == 500.0
