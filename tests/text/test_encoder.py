"""`PromptedTextEncoder`: what must not change its features, and what it refuses."""

from __future__ import annotations

import logging

import pytest
import torch

from ldpf.errors import BackboneError, SettingsError
from ldpf.text import PromptedTextEncoder

PATHS = ("shared", "truncated", "reference")
LENGTHS = [2, 1, 4, 1, 3, 7, 2]
MANY = LENGTHS * 5  # enough for blocks


def _contexts(tower, prompts=3, tokens=4, seed=0):
    draws = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(prompts, tokens, tower.width, generator=draws)


@pytest.mark.parametrize("path", PATHS)
def test_features_have_length_one(path, make_tower, names_of):
    tower = make_tower()
    features = PromptedTextEncoder(tower, names_of(LENGTHS), path=path)(_contexts(tower))
    assert features.shape == (3, len(LENGTHS), tower.embed_dim)
    torch.testing.assert_close(features.norm(dim=-1), torch.ones(3, len(LENGTHS)))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("suffix", [".", "", " in snow."])
def test_hard_prompts_equal_the_models_own_text_features(path, suffix, tiny_clip, relative_error):
    names = ["cat", "grand piano", "o", "dog house"]
    context = tiny_clip.text.token_embeddings(tiny_clip.text.name_tokens("a photo of a"))
    encoder = PromptedTextEncoder(tiny_clip.text, names, suffix=suffix, path=path)
    expected = tiny_clip.encode_texts([f"a photo of a {name}{suffix}" for name in names])
    assert relative_error(encoder(context[None])[0], expected) < 1e-6


@pytest.mark.parametrize("lengths", [LENGTHS, MANY], ids=["joint", "split"])
def test_order_of_classes_does_not_matter(lengths, make_tower, names_of, relative_error):
    tower, names = make_tower(), names_of(lengths)
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(1))
    features = PromptedTextEncoder(tower, names)(_contexts(tower))
    permuted = PromptedTextEncoder(tower, [names[i] for i in order])(_contexts(tower))
    assert relative_error(permuted, features[:, order]) < 1e-6


@pytest.mark.parametrize("lengths", [LENGTHS, MANY], ids=["joint", "split"])
def test_another_class_does_not_change_the_others(lengths, make_tower, names_of, relative_error):
    tower, names = make_tower(), names_of([*lengths, 9])
    features = PromptedTextEncoder(tower, names[:-1])(_contexts(tower))
    more = PromptedTextEncoder(tower, names)(_contexts(tower))
    assert relative_error(more[:, :-1], features) < 1e-6


@pytest.mark.parametrize("lengths", [LENGTHS, MANY], ids=["joint", "split"])
def test_prompts_in_one_batch_equal_prompts_one_by_one(
    lengths, make_tower, names_of, values_and_gradients, relative_error
):
    tower = make_tower()
    encoder = PromptedTextEncoder(tower, names_of(lengths))
    contexts = _contexts(tower)

    class OneByOne:
        def __call__(self, contexts):
            return torch.cat([encoder(prompt[None]) for prompt in contexts])

    results = zip(
        values_and_gradients(encoder, contexts),
        values_and_gradients(OneByOne(), contexts),
        strict=True,
    )
    for together, alone in results:
        assert relative_error(together, alone) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("chunk", [1, 4, 10, 34])
def test_class_chunks_change_neither_values_nor_gradients(
    path, chunk, make_tower, names_of, values_and_gradients, relative_error
):
    tower = make_tower()
    encoder = PromptedTextEncoder(tower, names_of(MANY), path=path)
    contexts = _contexts(tower)
    results = zip(
        values_and_gradients(encoder.with_class_chunk(chunk), contexts),
        values_and_gradients(encoder, contexts),
        strict=True,
    )
    for chunked, whole in results:
        assert relative_error(chunked, whole) < 1e-5


def test_a_chunk_of_all_classes_is_no_chunk(make_tower, names_of):
    tower = make_tower()
    encoder = PromptedTextEncoder(tower, names_of(LENGTHS))
    chunked = PromptedTextEncoder(tower, names_of(LENGTHS), class_chunk=len(LENGTHS))
    assert torch.equal(chunked(_contexts(tower)), encoder(_contexts(tower)))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("chunk", [None, 3])
def test_no_gradient_reaches_the_model_even_if_it_could(path, chunk, make_tower, names_of):
    tower = make_tower(trainable=True)
    encoder = PromptedTextEncoder(tower, names_of(LENGTHS), path=path, class_chunk=chunk)
    contexts = _contexts(tower).requires_grad_()
    encoder(contexts)[..., 0].sum().backward()
    assert contexts.grad.abs().max() > 0
    parameters = [*tower.model.parameters(), *tower.projection.parameters()]
    assert all(parameter.requires_grad for parameter in parameters)
    assert all(parameter.grad is None for parameter in parameters)


@pytest.mark.parametrize("path", PATHS)
def test_without_a_gradient_asked_for_none_is_prepared(path, make_tower, names_of):
    tower = make_tower(trainable=True)
    assert not PromptedTextEncoder(tower, names_of(LENGTHS), path=path)(
        _contexts(tower)
    ).requires_grad


@pytest.mark.parametrize("path", PATHS)
def test_no_prompts_give_no_features(path, make_tower, names_of):
    tower = make_tower()
    contexts = _contexts(tower, prompts=0).requires_grad_()
    features = PromptedTextEncoder(tower, names_of(LENGTHS), path=path)(contexts)
    assert features.shape == (0, len(LENGTHS), tower.embed_dim)
    features.sum().backward()
    assert contexts.grad.shape == contexts.shape


def test_one_encoder_serves_any_number_of_prompts_and_tokens(make_tower, names_of):
    tower, names = make_tower(), names_of(LENGTHS)
    encoder = PromptedTextEncoder(tower, names)
    for tokens in (4, 0, 7, 1, 2, 9, 4):  # more lengths than it keeps prepared
        contexts = _contexts(tower, prompts=1 + tokens, tokens=tokens)
        assert torch.equal(encoder(contexts), PromptedTextEncoder(tower, names)(contexts))


def test_changed_weights_are_noticed(make_tower, names_of, relative_error):
    tower, names = make_tower(), names_of(LENGTHS)
    encoder = PromptedTextEncoder(tower, names)
    before = encoder(_contexts(tower))
    tower.model.load_state_dict(make_tower(seed=5).model.state_dict())
    after = encoder(_contexts(tower))
    assert relative_error(after, before) > 0.1
    assert torch.equal(after, PromptedTextEncoder(tower, names)(_contexts(tower)))


def test_first_use_in_inference_mode_does_not_spoil_training(make_tower, names_of):
    tower = make_tower()
    encoder = PromptedTextEncoder(tower, names_of(LENGTHS))
    with torch.inference_mode():
        encoder(_contexts(tower))
    contexts = _contexts(tower).requires_grad_()
    encoder(contexts)[..., 0].sum().backward()
    assert contexts.grad.abs().max() > 0


def test_contexts_of_another_precision_are_computed_in_the_towers(make_tower, names_of):
    tower = make_tower(dtype=torch.float64)
    contexts = _contexts(tower).requires_grad_()
    features = PromptedTextEncoder(tower, names_of(LENGTHS))(contexts)
    features[..., 0].sum().backward()
    assert features.dtype == torch.float64
    assert contexts.grad.dtype == torch.float32


def test_tokens_per_pass_of_each_path(make_tower, names_of):
    tower = make_tower()
    count = {
        path: PromptedTextEncoder(tower, names_of([1, 2, 3]), path=path).tokens_per_pass(4, 12)
        for path in PATHS
    }
    assert count == {
        "shared": 4 * (13 + 3 + 4 + 5),
        "truncated": 4 * 3 * (13 + 5),
        "reference": 4 * 3 * 77,
    }


def test_packing_computes_few_tokens_that_nobody_reads(make_tower, names_of):
    encoder = PromptedTextEncoder(make_tower(), names_of([1, 2, 3] * 50))
    assert 13 + 600 <= encoder.tokens_per_pass(1, 12) <= 13 + 612


def test_auto_takes_the_shared_prefix(make_tower):
    assert PromptedTextEncoder(make_tower(), ["cat"]).path == "shared"


def test_tower_that_is_not_causal_takes_the_reference_and_says_so(
    make_tower, relative_error, caplog
):
    tower = make_tower(causal=False)
    with caplog.at_level(logging.WARNING, logger="ldpf"):
        encoder = PromptedTextEncoder(tower, ["cat", "polar bear"])
    assert encoder.path == "reference"
    assert caplog.messages == [
        "text path: reference (the text tower is not causal, so class names change what the "
        "prompt's tokens become and nothing can be shared between classes)"
    ]
    explicit = PromptedTextEncoder(tower, ["cat", "polar bear"], path="reference")
    assert torch.equal(encoder(_contexts(tower)), explicit(_contexts(tower)))


@pytest.mark.parametrize("path", ["shared", "truncated"])
def test_shortcuts_need_a_causal_tower(path, make_tower):
    with pytest.raises(BackboneError) as error:
        PromptedTextEncoder(make_tower(causal=False), ["cat"], path=path)
    assert str(error.value) == (
        f"The text path '{path}' needs a causal text tower, and this one is not causal; use "
        "path='auto' or path='reference'."
    )


def test_unknown_path_is_refused(make_tower):
    with pytest.raises(SettingsError, match=r"path='fast' .* auto, shared, truncated, reference"):
        PromptedTextEncoder(make_tower(), ["cat"], path="fast")  # type: ignore[arg-type]


@pytest.mark.parametrize("chunk", [0, -3])
def test_class_chunk_below_one_is_refused(chunk, make_tower):
    with pytest.raises(SettingsError, match=f"class_chunk={chunk} should be"):
        PromptedTextEncoder(make_tower(), ["cat"], class_chunk=chunk)
    with pytest.raises(SettingsError, match=f"class_chunk={chunk} should be"):
        PromptedTextEncoder(make_tower(), ["cat"]).with_class_chunk(chunk)


@pytest.mark.parametrize("shape", [(4, 32), (1, 4, 16), (1, 1, 4, 32)])
def test_contexts_of_another_shape_are_refused(shape, make_tower):
    encoder = PromptedTextEncoder(make_tower(width=32), ["cat"])
    with pytest.raises(SettingsError) as error:
        encoder(torch.zeros(shape))
    assert str(error.value) == (
        f"The contexts have shape {list(shape)}, but the encoder needs [prompts, tokens, 32]."
    )


def test_contexts_elsewhere_are_refused(make_tower):
    tower = make_tower()
    with pytest.raises(SettingsError) as error:
        PromptedTextEncoder(tower, ["cat"])(torch.zeros(1, 4, tower.width, device="meta"))
    assert str(error.value) == (
        "The contexts are on meta but the text tower on cpu; move them with contexts.to(...)."
    )


@pytest.mark.parametrize("path", PATHS)
def test_too_long_contexts_are_refused(path, make_tower):
    tower = make_tower(context_length=12)
    encoder = PromptedTextEncoder(tower, ["cat", "polar bear"], path=path)
    assert encoder(torch.zeros(1, 7, tower.width)).shape[1] == 2
    with pytest.raises(SettingsError, match=r"^The sentence of class 'polar bear' has 13 tokens"):
        encoder(torch.zeros(1, 8, tower.width))
