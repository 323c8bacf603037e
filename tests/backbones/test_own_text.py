"""OpenCLIP's own text transformer with attention, pooling and tokenizers that CLIP has not."""

from __future__ import annotations

import json
import string

import pytest
import torch
import torch.nn.functional as F

from ldpf.backbones import load_backbone
from ldpf.text import PromptedTextEncoder

NAMES = ["cat", "small dog", "guitar"]
TEXTS = [f"a photo of a {name}." for name in NAMES]
MOBILE_CLIP = {"no_causal_mask": True}
SIGLIP = {
    "no_causal_mask": True,
    "pool_type": "last",
    "proj_bias": True,
    "norm_kwargs": {"eps": 1e-3},
    "act_kwargs": {"approximate": "tanh"},
}


def padded(backbone, texts, fill):
    """Whole contexts of token ids as OpenCLIP's tokenizers write them."""
    ids = torch.full((len(texts), backbone.text.context_length), fill)
    for row, text in zip(ids, texts, strict=True):
        sentence = backbone.tokenizer(text)["input_ids"]
        row[: len(sentence)] = torch.tensor(sentence)
    return ids


def prompts_of(backbone):
    tower = backbone.text
    context = tower.token_embeddings(tower.name_tokens("a photo of a"))
    return PromptedTextEncoder(tower, NAMES)(context[None])[0]


def with_tokenizer(folder, tokenizer, **settings):
    """Give a checkpoint another tokenizer, and say so in its config."""
    for path in folder.glob("tokenizer*"):
        path.unlink()
    tokenizer.save_pretrained(folder)
    path = folder / "open_clip_config.json"
    content = json.loads(path.read_text())
    content["model_cfg"]["text_cfg"].update(hf_tokenizer_name="somebody/words", **settings)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    "fields",
    [
        MOBILE_CLIP,
        SIGLIP,
        {"pool_type": "last"},
        {"proj_bias": True},
        {"norm_kwargs": {"eps": 1e-3}},
        {"act_kwargs": {"approximate": "tanh"}},
    ],
    ids=lambda fields: "+".join(fields),
)
def test_features_and_prompts_are_those_of_the_architecture_written_out(
    fields, make_open_clip, tmp_path
):
    plain = make_open_clip(tmp_path, **fields)
    backbone = load_backbone(tmp_path)
    # CLIP's own tokenizer fills with zeros in OpenCLIP, which a bidirectional tower reads.
    expected = F.normalize(plain.encode_text(padded(backbone, TEXTS, 0)), dim=-1)
    assert torch.allclose(backbone.encode_texts(TEXTS), expected, atol=1e-5)
    assert torch.allclose(prompts_of(backbone), expected, atol=1e-5)
    pixels = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    expected = F.normalize(plain.encode_image(pixels), dim=-1)
    assert torch.allclose(backbone.encode_images(pixels), expected, atol=1e-5)


@pytest.mark.slow
def test_each_field_changes_the_features(make_open_clip, tmp_path):
    # Or the test before could not tell them apart. (GELU by tanh is nearly GELU.)
    variants = [{}, *({key: value} for key, value in SIGLIP.items())]
    results = []
    for number, fields in enumerate(variants):
        make_open_clip(tmp_path / str(number), **fields)
        results.append(load_backbone(tmp_path / str(number)).encode_texts(TEXTS))
    for fields, result in zip(variants[1:], results[1:], strict=True):
        assert (result - results[0]).abs().max() > 3e-5, fields


def test_what_follows_the_end_is_read_by_a_bidirectional_tower(make_open_clip, tmp_path):
    plain = make_open_clip(tmp_path, **MOBILE_CLIP)
    backbone = load_backbone(tmp_path)
    assert backbone.text.pad_id == 0 != backbone.tokenizer.pad_token_id
    wrong = plain.encode_text(padded(backbone, TEXTS, 5))
    assert (F.normalize(wrong, dim=-1) - backbone.encode_texts(TEXTS)).abs().max() > 1e-3


def test_a_causal_tower_still_shares_prefixes(make_open_clip, tmp_path):
    make_open_clip(tmp_path, proj_bias=True, norm_kwargs={"eps": 1e-3})
    tower = load_backbone(tmp_path).text
    contexts = torch.randn(2, 4, tower.width, generator=torch.Generator().manual_seed(0))
    shared = PromptedTextEncoder(tower, NAMES)
    assert shared.path == "shared"
    reference = PromptedTextEncoder(tower, NAMES, path="reference")
    assert torch.allclose(shared(contexts), reference(contexts), atol=1e-5)


def test_a_bidirectional_tower_takes_the_reference_path(make_open_clip, tmp_path):
    make_open_clip(tmp_path, **MOBILE_CLIP)
    encoder = PromptedTextEncoder(load_backbone(tmp_path).text, NAMES)
    assert encoder.path == "reference"
    assert encoder.tokens_per_pass(2, 4) == 2 * len(NAMES) * 20  # the padding is read, too


@torch.no_grad()
def test_a_tokenizer_by_name_pads_as_it_says(make_open_clip, t5_tokenizer, tmp_path):
    plain = make_open_clip(tmp_path, **SIGLIP)
    with_tokenizer(tmp_path, t5_tokenizer)
    backbone = load_backbone(tmp_path)
    assert (backbone.text.bos_id, backbone.text.pad_id) == (None, t5_tokenizer.pad_token_id)
    expected = plain.encode_text(padded(backbone, TEXTS, t5_tokenizer.pad_token_id))
    expected = F.normalize(expected, dim=-1)
    assert torch.allclose(backbone.encode_texts(TEXTS), expected, atol=1e-5)
    assert torch.allclose(prompts_of(backbone), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("clean", "same"),
    [
        (None, []),
        ("whitespace", []),
        ("lower", ["A Cat."]),
        ("canonicalize", ["A Cat.", "a cat", "a_cat.", "a  cat!"]),
    ],
)
def test_texts_are_cleaned_as_the_config_says(clean, same, make_open_clip, t5_tokenizer, tmp_path):
    make_open_clip(tmp_path, **SIGLIP)
    with_tokenizer(tmp_path, t5_tokenizer, tokenizer_kwargs={"clean": clean} if clean else None)
    tower = load_backbone(tmp_path).text
    for text in ("A Cat.", "a cat", "a_cat.", "a  cat!"):
        equal = tower.name_tokens(text) == tower.name_tokens("a cat.")
        assert equal == (text in same), text


def test_canonical_texts_are_those_of_big_vision(make_open_clip, t5_tokenizer, tmp_path):
    # Its rule (prompt_engineering.py, canonicalize_text) written out.
    make_open_clip(tmp_path, **SIGLIP)
    with_tokenizer(tmp_path, t5_tokenizer, tokenizer_kwargs={"clean": "canonicalize"})
    tower = load_backbone(tmp_path).text
    for text in ("Sea_Lion, (old).", "X-ray  of a hand", f"a{string.punctuation}b"):
        by_hand = text.replace("_", " ").translate(str.maketrans("", "", string.punctuation))
        by_hand = " ".join(by_hand.lower().split())
        expected = t5_tokenizer(by_hand, add_special_tokens=False)["input_ids"]
        assert tower.name_tokens(text) == expected


@pytest.mark.parametrize("key", list(SIGLIP))
def test_how_sentences_are_read_is_part_of_the_fingerprint(key, make_open_clip, tmp_path):
    fields = {k: v for k, v in SIGLIP.items() if k != "proj_bias"}
    make_open_clip(tmp_path / "a", **fields)
    changed = {**fields, "proj_bias": True} if key == "proj_bias" else fields | {key: None}
    if key == "pool_type":
        changed["pool_type"] = "argmax"
    make_open_clip(tmp_path / "b", **changed)
    first, second = (load_backbone(tmp_path / name).fingerprint for name in "ab")
    assert first != second
