"""MetaCLIP 2 and SigLIP against transformers' own forward passes; every family end to end."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import shutil

import pytest
import torch
import torch.nn.functional as F

from ldpf.backbones import assemble, load_backbone
from ldpf.data import load_dataset
from ldpf.errors import BackboneError, SettingsError
from ldpf.experiments.plan import BenchmarkPlan
from ldpf.experiments.runner import run_benchmark
from ldpf.features.extract import extract_features
from ldpf.methods import make_method
from ldpf.text import PromptedTextEncoder
from ldpf.training.recipe import FAST

FAMILIES = ("open-clip", "metaclip2", "siglip", "siglip2")
SIGLIP = ("siglip", "siglip2")
TEXTS = ["a photo of a cat.", "the house", "a Photo of A small dog with a guitar"]
NAMES = ["cat", "small dog", "guitar", "house"]


@pytest.fixture(scope="module")
def backbones(family_folders):
    return {name: load_backbone(folder) for name, folder in family_folders.items()}


@pytest.fixture
def parts(metaclip2_parts, siglip_parts, siglip2_parts):
    return {"metaclip2": metaclip2_parts, "siglip": siglip_parts, "siglip2": siglip2_parts}


def contexts_of(tower, prompts=2, tokens=4):
    draws = torch.Generator().manual_seed(0)
    return 0.5 * torch.randn(prompts, tokens, tower.width, generator=draws)


# --- features -------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["metaclip2", *SIGLIP])
def test_image_features_are_the_models_own(family, backbones, parts):
    pixels = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    features = backbones[family].encode_images(pixels)
    expected = parts[family]["model"].get_image_features(pixel_values=pixels).pooler_output
    assert torch.allclose(features, F.normalize(expected, dim=-1), atol=1e-5)
    assert features.shape == (3, backbones[family].embed_dim)


def test_metaclip2_reads_sentences_at_their_end(backbones, parts):
    model, tokenizer = parts["metaclip2"]["model"], parts["metaclip2"]["tokenizer"]
    for text, feature in zip(TEXTS, backbones["metaclip2"].encode_texts(TEXTS), strict=True):
        ids = tokenizer([text], return_tensors="pt")["input_ids"]
        assert (ids[0, 0], ids[0, -1]) == (0, 2)
        state = model.text_model(input_ids=ids).last_hidden_state[0, -1]
        expected = F.normalize(model.text_projection(state), dim=-1)
        assert torch.allclose(feature, expected, atol=1e-5)


@pytest.mark.parametrize("family", SIGLIP)
def test_siglip_reads_lower_case_sentences_padded_to_the_context(family, backbones, parts):
    model, tokenizer = parts[family]["model"], copy.deepcopy(parts[family]["tokenizer"])
    tokenizer.padding_side = "right"
    tokens = tokenizer(
        [text.lower() for text in TEXTS],
        padding="max_length",
        max_length=24,
        truncation=True,
        return_tensors="pt",
    )
    assert (tokens["input_ids"][:, -1] == tokenizer.pad_token_id).all()
    expected = model.get_text_features(input_ids=tokens["input_ids"]).pooler_output
    features = backbones[family].encode_texts(TEXTS)
    assert torch.allclose(features, F.normalize(expected, dim=-1), atol=1e-5)


@pytest.mark.parametrize("family", SIGLIP)
def test_a_sentence_too_long_for_siglip_keeps_its_end_token(family, backbones):
    tower = backbones[family].text
    ids = tower.padded_sentences(["cat " * 40, "cat"])
    assert ids.shape == (2, 24)
    assert ids[0, -1] == tower.eos_id
    assert ids[1].tolist() == [*tower.name_tokens("cat"), tower.eos_id, *[tower.pad_id] * 22]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_prompt_of_words_gives_the_feature_of_the_sentence(family, backbones):
    # Also where a word has another token behind a space than at the start of a sentence.
    backbone = backbones[family]
    tower = backbone.text
    context = tower.token_embeddings(tower.name_tokens("a photo of a"))
    features = PromptedTextEncoder(tower, NAMES)(context[None])[0]
    expected = backbone.encode_texts([f"a photo of a {name}." for name in NAMES])
    assert torch.allclose(features, expected, atol=1e-5)


def test_siglip2_knows_a_word_behind_others_by_another_token(backbones):
    tower = backbones["siglip2"].text
    assert tower.name_tokens("a cat") == [*tower.name_tokens("a"), *tower.tokens_behind("cat")]
    assert tower.tokens_behind("cat") != tower.name_tokens("cat")


@pytest.mark.parametrize("family", ["open-clip", "metaclip2", "siglip"])
def test_elsewhere_a_word_is_the_same_token(family, backbones):
    tower = backbones[family].text
    assert tower.tokens_behind("small dog.") == tower.name_tokens("small dog.")


# --- prompts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["open-clip", "metaclip2"])
def test_causal_towers_share_prefixes_exactly(family, backbones):
    tower = backbones[family].text
    results = []
    for path in ("auto", "reference"):
        encoder = PromptedTextEncoder(tower, NAMES, path=path)
        contexts = contexts_of(tower).requires_grad_()
        features = encoder(contexts)
        features[..., 0].square().sum().backward()
        results.append((encoder.path, features.detach(), contexts.grad))
    (one, features, gradient), (other, expected, expected_gradient) = results
    assert (one, other) == ("shared", "reference")
    assert torch.allclose(features, expected, atol=1e-5)
    assert torch.allclose(gradient, expected_gradient, atol=1e-5)


@pytest.mark.parametrize("family", SIGLIP)
def test_siglips_prompts_train_through_the_reference_path_and_it_says_so(family, backbones, caplog):
    tower = backbones[family].text
    with caplog.at_level(logging.WARNING, logger="ldpf"):
        encoder = PromptedTextEncoder(tower, NAMES)
    assert encoder.path == "reference"
    assert "text path: reference (the text tower is not causal" in caplog.text
    contexts = contexts_of(tower).requires_grad_()
    encoder(contexts)[..., 0].sum().backward()
    assert (contexts.grad.abs().amax(dim=-1) > 0).all()
    assert not any(p.requires_grad for p in tower.model.parameters())


@pytest.mark.parametrize("family", SIGLIP)
def test_every_class_sees_its_own_prompt(family, backbones):
    # In a tower that is not causal, the prompt's states depend on the class behind them.
    tower = backbones[family].text
    contexts = contexts_of(tower, 1)
    features = PromptedTextEncoder(tower, NAMES)(contexts)[0]
    alone = [PromptedTextEncoder(tower, [name])(contexts)[0, 0] for name in NAMES]
    assert torch.allclose(features, torch.stack(alone), atol=1e-5)


@pytest.mark.parametrize("family", SIGLIP)
def test_classes_can_be_computed_a_few_at_a_time(family, backbones):
    tower = backbones[family].text
    whole = PromptedTextEncoder(tower, NAMES)
    results = []
    for encoder in (whole, whole.with_class_chunk(3)):
        contexts = contexts_of(tower).requires_grad_()
        features = encoder(contexts)
        features[..., 0].square().sum().backward()
        results.append((features.detach(), contexts.grad))
    assert torch.allclose(results[0][0], results[1][0], atol=1e-6)
    assert torch.allclose(results[0][1], results[1][1], atol=1e-6)
    choice = whole.choose_class_chunk(2, 4, whole.estimate_memory_mib(2, 4) / 2)
    assert choice.class_chunk in (1, 2)


def test_sentences_without_a_start_token_have_room_for_one_more(backbones):
    tower = backbones["siglip"].text
    encoder = PromptedTextEncoder(tower, ["cat"], suffix="")  # one token, and the end
    assert encoder(contexts_of(tower, 1, 22)).shape == (1, 1, 32)
    with pytest.raises(SettingsError) as caught:
        encoder(contexts_of(tower, 1, 23))
    assert str(caught.value) == (
        "The sentence of class 'cat' has 25 tokens (23 context, 1 of the name and what follows it, "
        "end) but the text encoder reads at most 24; use at most 22 context tokens or a shorter "
        "name."
    )


def test_a_causal_tower_without_a_start_token_shares_prefixes_too(backbones):
    tower = dataclasses.replace(backbones["metaclip2"].text, bos_id=None)
    contexts = contexts_of(tower)
    shared, reference = (
        PromptedTextEncoder(tower, NAMES, path=path)(contexts) for path in ("shared", "reference")
    )
    assert torch.allclose(shared, reference, atol=1e-5)


def test_a_projection_with_a_bias_is_used_with_it(backbones):
    own = backbones["metaclip2"].text
    projection = torch.nn.Linear(own.width, own.embed_dim)
    projection.bias.data += 1.0
    tower = dataclasses.replace(own, projection=projection.requires_grad_(False))
    contexts = contexts_of(tower)
    shared, reference = (
        PromptedTextEncoder(tower, NAMES, path=path)(contexts) for path in ("shared", "reference")
    )
    assert torch.allclose(shared, reference, atol=1e-5)
    assert not torch.allclose(shared, PromptedTextEncoder(own, NAMES)(contexts), atol=1e-2)


# --- the sigmoid family ---------------------------------------------------------------------------


@pytest.mark.parametrize("family", SIGLIP)
def test_probabilities_are_the_softmax_of_siglips_logits(family, backbones, parts, make_features):
    backbone = backbones[family]
    data = make_features(2, dim=32)
    classifier = make_method("zero-shot").fit(data, data, backbone)
    model = parts[family]["model"]
    pixels = torch.randn(5, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    texts = [f"a photo of a {name}." for name in data.class_names]
    ids = backbone.text.padded_sentences(texts)
    logits = model(input_ids=ids, pixel_values=pixels).logits_per_image
    probabilities = classifier.probabilities(backbone.encode_images(pixels))
    assert torch.allclose(probabilities, logits.softmax(dim=1), atol=1e-5)


@pytest.mark.parametrize("family", SIGLIP)
def test_scale_and_bias_are_read_off_siglip(family, backbones):
    assert backbones[family].logit_scale == pytest.approx(10.0, rel=1e-6)
    assert backbones[family].logit_bias == -7.0


def test_other_families_have_no_bias(backbones, tiny_clip):
    assert tiny_clip.logit_bias == backbones["metaclip2"].logit_bias == 0.0


# --- loading --------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["metaclip2", *SIGLIP])
def test_a_saved_model_comes_back_with_the_same_fingerprint(family, backbones, parts, tmp_path):
    own = backbones[family].fingerprint
    assert assemble("again", **parts[family]).fingerprint == own
    for part in (backbones[family].model, backbones[family].image_processor):
        part.save_pretrained(tmp_path)
    backbones[family].tokenizer.save_pretrained(tmp_path)
    assert load_backbone(tmp_path).fingerprint == own


@pytest.mark.parametrize("token", ["eos_token", "pad_token"])
def test_another_special_token_changes_siglips_fingerprint(token, backbones, siglip2_parts):
    tokenizer = copy.deepcopy(siglip2_parts["tokenizer"])
    setattr(tokenizer, token, "<bos>")
    other = assemble("other", **siglip2_parts | {"tokenizer": tokenizer})
    assert other.fingerprint != backbones["siglip2"].fingerprint


@pytest.fixture
def folder(family_folders, tmp_path):
    """A copy of a SigLIP to break."""
    return shutil.copytree(family_folders["siglip"], tmp_path / "broken")


def message_of(folder):
    with pytest.raises(BackboneError) as caught:
        load_backbone(folder)
    return str(caught.value)


def test_naflex_models_are_refused(folder):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_type": "siglip2"}))
    assert message_of(folder) == (
        f"The backbone {str(folder)!r} is of type 'siglip2', a NaFlex model, which cuts every "
        "image into another number of patches; use SigLIP 2 at a fixed resolution, such as "
        "'google/siglip2-base-patch16-224'."
    )


@pytest.mark.parametrize("cls", ["SiglipTokenizer", "GemmaTokenizerFast"])
def test_tokenizer_json_holds_siglips_rules_whatever_class_is_named(cls, folder, backbones):
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tokenizer_class": cls}))
    assert load_backbone(folder).fingerprint == backbones["siglip"].fingerprint


def test_a_sentencepiece_model_alone_is_not_enough(folder):
    (folder / "tokenizer.json").unlink()
    (folder / "spiece.model").write_bytes(b"pieces")
    assert "there is no tokenizer.json" in message_of(folder)


@pytest.mark.parametrize("token", ["eos_token", "pad_token"])
def test_siglip_without_end_or_padding_token_is_refused(token, siglip2_parts):
    tokenizer = copy.deepcopy(siglip2_parts["tokenizer"])
    setattr(tokenizer, token, None)
    with pytest.raises(BackboneError) as caught:
        assemble("odd", **siglip2_parts | {"tokenizer": tokenizer})
    names = {"eos_token": "'<eos>'", "pad_token": "'<pad>'"} | {token: "None"}
    assert str(caught.value) == (
        f"The tokenizer of 'odd' names no end or padding token (eos_token={names['eos_token']}, "
        f"pad_token={names['pad_token']}); SigLIP's needs both."
    )


def test_an_image_tower_without_a_head_is_refused(siglip_parts):
    model = copy.deepcopy(siglip_parts["model"])
    model.config.vision_config.vision_use_head = False
    with pytest.raises(BackboneError) as caught:
        assemble("odd", **siglip_parts | {"model": model})
    assert str(caught.value) == (
        "The backbone 'odd' has vision_use_head=False, so its image tower ends in patches and "
        "gives no feature of an image; use a checkpoint with the pooling head."
    )


def test_metaclip2_with_another_end_token_than_its_tokenizer_is_refused(metaclip2_parts):
    model = copy.deepcopy(metaclip2_parts["model"])
    model.config.text_config.eos_token_id = 7
    with pytest.raises(BackboneError) as caught:
        assemble("odd", **metaclip2_parts | {"model": model})
    assert str(caught.value) == (
        "The config of 'odd' names the end token 7, its tokenizer 2; they do not belong together."
    )


# --- from images to results -----------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_features_training_and_results(family, backbones, image_tree, tmp_path):
    backbone = backbones[family]
    counts = {f"{d}/{c}": 4 for d in ("art", "photo", "sketch") for c in ("cat", "dog", "house")}
    images = load_dataset(image_tree(counts))
    data = extract_features(images, backbone, cache_dir=tmp_path / "cache", progress=False)
    assert data.features.shape == (36, backbone.embed_dim)
    short = dataclasses.replace(FAST, max_steps=3, cooldown=0, evaluate_every=1, round_every=1)
    plan = BenchmarkPlan(
        methods=("zero-shot", "coop", "ldpf"), recipe=short, seeds=1, targets=["art"]
    )
    rows, failed = run_benchmark(data, "tree", backbone, plan, tmp_path / "results")
    assert not failed
    assert sorted(row["method"] for row in rows) == ["coop", "ldpf", "zero-shot"]
    assert {row["fingerprint"] for row in rows} == {backbone.fingerprint}
    assert all(row["n_test"] == 12 and 0 <= row["accuracy"] <= 1 for row in rows)
