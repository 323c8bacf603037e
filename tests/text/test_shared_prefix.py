"""The shared-prefix path equals the reference, and a forward pass written out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from ldpf.text import PromptedTextEncoder
from ldpf.text.layers import FrozenTower
from ldpf.text.packing import JOINT_LIMIT, pack
from ldpf.text.shared_prefix import (
    ClassPart,
    embed_prefix,
    joint_features,
    prefix_keys,
    split_features,
)

LENGTHS = range(1, 13)
TOWERS = {
    "gelu": {"width": 32, "layers": 2, "heads": 2, "act": "gelu"},
    "quick_gelu": {"width": 48, "layers": 3, "heads": 4, "act": "quick_gelu"},
    "one layer": {"width": 24, "layers": 1, "heads": 3, "act": "quick_gelu"},
    "tanh gelu": {"width": 16, "layers": 4, "heads": 1, "act": "gelu_new"},
}
# Few classes run as one sequence, many in blocks.
N_TIMES = {"joint": 1, "split": 2}


def _pair(tower, names):
    return [PromptedTextEncoder(tower, names, path=path) for path in ("shared", "reference")]


def _contexts(tower, prompts, tokens, seed=0):
    draws = torch.Generator().manual_seed(seed)
    shape = (prompts, tokens, tower.width)
    return 0.1 * torch.randn(shape, generator=draws, dtype=torch.float64).to(tower.dtype)


@pytest.mark.slow
@pytest.mark.parametrize("times", N_TIMES.values(), ids=N_TIMES.keys())
@pytest.mark.parametrize(("prompts", "tokens"), [(1, 0), (16, 1), (3, 4), (2, 12), (5, 16)])
@pytest.mark.parametrize("kind", TOWERS)
def test_values_and_gradients_equal_the_reference(
    kind, prompts, tokens, times, make_tower, names_of, values_and_gradients, relative_error
):
    tower = make_tower(**TOWERS[kind])
    shared, reference = _pair(tower, names_of([*LENGTHS] * times))
    assert (sum(shared._tokens.lengths) > JOINT_LIMIT) == (times == 2)
    contexts = _contexts(tower, prompts, tokens)
    results = zip(
        values_and_gradients(shared, contexts),
        values_and_gradients(reference, contexts),
        strict=True,
    )
    for value, expected in results:
        assert relative_error(value, expected) < 1e-5


@pytest.mark.parametrize("times", N_TIMES.values(), ids=N_TIMES.keys())
@pytest.mark.parametrize("kind", TOWERS)
def test_in_double_precision_nothing_but_rounding_differs(
    kind, times, make_tower, names_of, values_and_gradients, relative_error
):
    tower = make_tower(**TOWERS[kind], dtype=torch.float64)
    shared, reference = _pair(tower, names_of([*LENGTHS] * times))
    contexts = _contexts(tower, 2, 4)
    results = zip(
        values_and_gradients(shared, contexts),
        values_and_gradients(reference, contexts),
        strict=True,
    )
    for value, expected in results:
        assert value.dtype == torch.float64
        assert relative_error(value, expected) < 1e-10


@pytest.mark.parametrize("act", ["gelu", "quick_gelu"])
def test_features_equal_a_naive_loop_over_sentences(act, make_tower, names_of, relative_error):
    tower = make_tower(width=24, layers=2, heads=3, act=act, dtype=torch.float64)
    names = names_of([1, 3, 2])
    contexts = _contexts(tower, 2, 5)
    features = PromptedTextEncoder(tower, names)(contexts)
    for p, context in enumerate(contexts):
        for k, name in enumerate(names):
            ids = [*tower.name_tokens(f"{name}."), tower.eos_id]
            expected = _naive_feature(tower, context, ids, act)
            assert relative_error(features[p, k], expected) < 1e-10


@torch.no_grad()
def _naive_feature(tower, context, ids, act):
    """One sentence, one position, one head at a time, from the formulas."""
    model = tower.model
    embed = model.embeddings.token_embedding.weight
    x = torch.cat([embed[[tower.bos_id]], context, embed[ids]])
    x = x + model.embeddings.position_embedding.weight[: len(x)]
    n_heads = model.config.num_attention_heads

    def norm(module, row):
        row = (row - row.mean()) / (row.var(unbiased=False) + module.eps).sqrt()
        return row * module.weight + module.bias

    def linear(module, row):
        return module.weight @ row + (module.bias if module.bias is not None else 0)

    def activation(row):
        if act == "quick_gelu":
            return row / (1 + torch.exp(-1.702 * row))
        return row * 0.5 * (1 + torch.erf(row / math.sqrt(2)))

    for layer in model.encoder.layers:
        attention = layer.self_attn
        h = [norm(layer.layer_norm1, row) for row in x]
        parts = (attention.q_proj, attention.k_proj, attention.v_proj)
        q, k, v = ([linear(part, row).chunk(n_heads) for row in h] for part in parts)
        after = []
        for i in range(len(x)):
            heads = []
            for head in range(n_heads):
                scores = [
                    q[i][head] @ k[j][head] / math.sqrt(len(q[i][head])) for j in range(i + 1)
                ]
                weights = torch.stack(scores).exp()
                heads.append(sum(w * v[j][head] for j, w in enumerate(weights)) / weights.sum())
            row = x[i] + linear(attention.out_proj, torch.cat(heads))
            hidden = activation(linear(layer.mlp.fc1, norm(layer.layer_norm2, row)))
            after.append(row + linear(layer.mlp.fc2, hidden))
        x = torch.stack(after)
    feature = linear(tower.projection, norm(model.final_layer_norm, x[-1]))
    return feature / feature.norm()


def test_both_arrangements_agree(make_tower, names_of, relative_error):
    tower = make_tower(dtype=torch.float64)
    sentences = PromptedTextEncoder(tower, names_of([1, 5, 2, 2, 7]))._tokens.ids
    weights = FrozenTower.read(tower)
    prefix = embed_prefix(weights, _contexts(tower, 3, 4))
    joint = ClassPart.build(weights, pack(sentences), 5, joint=True)
    split = ClassPart.build(weights, pack(sentences, 10), 5, joint=False)
    assert split.blocks > 1
    one = joint_features(weights, prefix, joint)
    other = split_features(weights, prefix_keys(weights, prefix), split)
    assert relative_error(one, other) < 1e-12


def test_the_frozen_weights_share_the_models_memory_where_they_are_unchanged(make_tower):
    tower = make_tower()
    weights = FrozenTower.read(tower)
    layer, own = weights.layers[0], tower.model.encoder.layers[0]
    assert layer.fc1.data_ptr() == own.mlp.fc1.weight.data_ptr()
    assert layer.fc2.data_ptr() == own.mlp.fc2.weight.data_ptr()
    assert layer.out.data_ptr() == own.self_attn.out_proj.weight.data_ptr()
    assert weights.tokens.data_ptr() == tower.model.embeddings.token_embedding.weight.data_ptr()
