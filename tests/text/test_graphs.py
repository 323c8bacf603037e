from __future__ import annotations

import pytest
import torch

from ldpf.text import PromptedTextEncoder, graphs
from ldpf.text.graphs import EAGER_CALLS, GraphedEncoder, differences
from ldpf.training.shared_passes import OwnPasses
from ldpf.utils.seed import generator

NAMES = ("cat", "dog", "horse")


@pytest.fixture
def encoder(tiny_clip):
    return PromptedTextEncoder(tiny_clip.text, NAMES)


@pytest.fixture
def contexts():
    return torch.randn(2, 4, 32, generator=generator(0, "contexts")).requires_grad_()


@pytest.fixture
def recorded(monkeypatch):
    """What would be recorded on CUDA, with a stand-in for the graph."""
    shapes = []

    def make(function, samples):
        shapes.append(tuple(samples[0].shape))
        return function

    monkeypatch.setattr(torch.cuda, "make_graphed_callables", make)
    return shapes


def test_on_the_cpu_it_is_the_encoder(encoder, contexts, recorded):
    graphed = GraphedEncoder(encoder)
    for _ in range(EAGER_CALLS + 2):
        assert torch.equal(graphed(contexts), encoder(contexts))
    assert recorded == []


def test_a_shape_that_comes_again_is_recorded_once(encoder, contexts, recorded):
    graphed = GraphedEncoder(encoder)
    graphed.usable = True
    for calls in range(EAGER_CALLS + 3):
        assert len(recorded) == (calls > EAGER_CALLS)
        assert torch.equal(graphed(contexts), encoder(contexts))
    for _ in range(EAGER_CALLS + 1):
        graphed(contexts[:1])
    assert recorded == [(2, 4, 32), (1, 4, 32)]


def test_passes_without_gradient_are_not_recorded(encoder, contexts, recorded):
    graphed = GraphedEncoder(encoder)
    graphed.usable = True
    with torch.no_grad():
        for _ in range(EAGER_CALLS + 2):
            graphed(contexts)
    assert recorded == []


@pytest.mark.parametrize("wrong", ["values", "gradients", "refused"])
def test_a_graph_that_does_not_agree_is_not_used(wrong, encoder, contexts, monkeypatch):
    def make(function, samples):
        if wrong == "refused":
            raise RuntimeError("operation not permitted when stream is capturing")
        if wrong == "values":
            return lambda c: function(c) * 1.01
        return lambda c: function(c) + 1e-2 * (c - c.detach()).sum()

    monkeypatch.setattr(torch.cuda, "make_graphed_callables", make)
    graphed = GraphedEncoder(encoder)
    graphed.usable = True
    for _ in range(EAGER_CALLS + 2):
        assert torch.equal(graphed(contexts), encoder(contexts))
    assert graphed.graphs == {contexts.shape: None}


def test_differences_are_relative(encoder, contexts):
    of_features, of_gradients = differences(lambda c: 1.5 * encoder(c), encoder, contexts)
    assert (of_features, of_gradients) == (pytest.approx(0.5, 1e-4), pytest.approx(0.5, 1e-4))


def test_chunks_are_left_as_they_are(encoder):
    assert not GraphedEncoder(encoder.with_class_chunk(1)).usable
    assert graphs.TOLERANCE < 1e-3


def test_large_passes_are_not_recorded(encoder, contexts, recorded, monkeypatch):
    monkeypatch.setattr(graphs, "MOST_TOKENS", 2 * encoder.tokens_per_pass(1, 4) - 1)
    graphed = GraphedEncoder(encoder)
    graphed.usable = True
    for _ in range(EAGER_CALLS + 2):
        graphed(contexts)
        graphed(contexts[:1])
    assert recorded == [(1, 4, 32)]


def test_a_training_takes_graphs_only_where_it_is_asked_to(encoder):
    assert OwnPasses(encoder).encoder is encoder
    assert OwnPasses(encoder, graphs=True).encoder.encoder is encoder
