"""OpenCLIP checkpoints against their architecture written out, and everything that is refused."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file

from ldpf.backbones import load_backbone
from ldpf.errors import BackboneError
from ldpf.text import PromptedTextEncoder

TEXTS = ["a cat.", "a photo of a dog with a guitar", "the house"]


@pytest.fixture
def folder(family_folders, tmp_path):
    """A copy to break."""
    return shutil.copytree(family_folders["open-clip"], tmp_path / "broken")


def message_of(folder):
    with pytest.raises(BackboneError) as caught:
        load_backbone(folder)
    return str(caught.value)


def change_config(folder, part, **fields):
    path = folder / "open_clip_config.json"
    content = json.loads(path.read_text())
    place = content if part in content else content["model_cfg"]  # which holds the towers
    place[part].update(fields)
    path.write_text(json.dumps(content))


def change_weights(folder, change):
    path = folder / "open_clip_model.safetensors"
    weights = load_file(path)
    change(weights)
    save_file(weights, path)


def padded_with_zeros(backbone, texts):
    """Token ids as OpenCLIP's own tokenizer pads them."""
    ids = torch.zeros(len(texts), backbone.text.context_length, dtype=torch.long)
    for row, text in zip(ids, texts, strict=True):
        sentence = backbone.tokenizer(text)["input_ids"]
        row[: len(sentence)] = torch.tensor(sentence)
    return ids


@pytest.mark.parametrize(("quick", "act"), [(True, "quick_gelu"), (False, "gelu"), (None, "gelu")])
def test_features_are_those_of_the_architecture_written_out(quick, act, make_open_clip, tmp_path):
    plain = make_open_clip(tmp_path, quick)
    backbone = load_backbone(tmp_path)
    assert backbone.activation == backbone.model.config.vision_config.hidden_act == act
    pixels = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    expected = F.normalize(plain.encode_image(pixels), dim=-1)
    assert torch.allclose(backbone.encode_images(pixels), expected, atol=1e-5)
    expected = F.normalize(plain.encode_text(padded_with_zeros(backbone, TEXTS)), dim=-1)
    assert torch.allclose(backbone.encode_texts(TEXTS), expected, atol=1e-5)
    assert backbone.logit_scale == pytest.approx(20.0)


def test_the_two_activations_give_different_features(make_open_clip, tmp_path):
    # Or the test before could not tell them apart.
    features = []
    for quick in (True, False):
        make_open_clip(tmp_path / str(quick), quick)
        features.append(load_backbone(tmp_path / str(quick)).encode_texts(TEXTS))
    assert (features[0] - features[1]).abs().max() > 1e-3


def test_prompts_are_read_as_whole_sentences_are(family_folders):
    backbone = load_backbone(family_folders["open-clip"])
    tower = backbone.text
    context = tower.token_embeddings(tower.name_tokens("a photo of a"))
    features = PromptedTextEncoder(tower, ["cat", "small dog"])(context[None])[0]
    expected = backbone.encode_texts(["a photo of a cat.", "a photo of a small dog."])
    assert torch.allclose(features, expected, atol=1e-5)


def test_a_text_tower_under_its_own_name_is_the_same(folder, family_folders):
    texts = ("transformer.", "token_emb", "positional_emb", "ln_final", "text_projection")

    def move(weights):
        for name in [n for n in weights if n.startswith(texts)]:
            weights[f"text.{name}"] = weights.pop(name)

    change_weights(folder, move)
    change_config(folder, "model_cfg", custom_text=True)
    own = load_backbone(family_folders["open-clip"])
    assert load_backbone(folder).fingerprint == own.fingerprint


def test_half_precision_is_computed_in_full(folder):
    change_weights(folder, lambda w: w.update({k: v.bfloat16() for k, v in w.items()}))
    backbone = load_backbone(folder)
    assert {p.dtype for p in backbone.model.parameters()} == {torch.float32}
    assert not any(p.requires_grad for p in backbone.model.parameters())


def test_a_bias_of_the_sigmoid_loss_is_kept_and_changes_no_feature(folder, family_folders):
    change_weights(folder, lambda w: w.update(logit_bias=torch.tensor([-10.0])))
    change_config(folder, "model_cfg", init_logit_bias=-10)
    backbone, own = load_backbone(folder), load_backbone(family_folders["open-clip"])
    assert (backbone.logit_bias, own.logit_bias) == (-10.0, 0.0)
    assert torch.equal(backbone.encode_texts(TEXTS), own.encode_texts(TEXTS))


def test_the_activation_is_part_of_the_fingerprint(folder, family_folders):
    change_config(folder, "model_cfg", quick_gelu=True)
    assert (
        load_backbone(folder).fingerprint != load_backbone(family_folders["open-clip"]).fingerprint
    )


# --- preprocessing --------------------------------------------------------------------------------


def picture(width=40, height=24):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def by_hand(image, size, box=None, resample=Image.Resampling.BICUBIC):
    image = image.resize(size, resample)
    image = image.crop(box) if box else image
    mean, std = torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.2, 0.25, 0.3])
    values = torch.tensor(np.asarray(image)).float() / 255
    return ((values - mean) / std).permute(2, 0, 1)


def test_the_shorter_side_is_resized_and_the_middle_cut_out(family_folders):
    backbone = load_backbone(family_folders["open-clip"])
    expected = by_hand(picture(), (26, 16), (5, 0, 21, 16))
    assert torch.allclose(backbone.preprocess([picture()])[0], expected, atol=1e-5)
    assert backbone.image_size == 16


def test_squashed_images_are_squashed(folder):
    change_config(folder, "preprocess_cfg", resize_mode="squash", interpolation="bilinear")
    backbone = load_backbone(folder)
    bilinear = Image.Resampling.BILINEAR
    # The whole image also where it is very long: nothing is cut before squashing.
    for image in (picture(), picture(400, 10)):
        expected = by_hand(image, (16, 16), resample=bilinear)
        assert torch.allclose(backbone.preprocess([image])[0], expected, atol=1e-5)
    assert backbone.image_size == 16


def test_without_statistics_they_are_openais(folder):
    path = folder / "open_clip_config.json"
    content = json.loads(path.read_text())
    del content["preprocess_cfg"]
    path.write_text(json.dumps(content))
    assert list(load_backbone(folder).image_processor.image_mean) == [
        0.48145466,
        0.4578275,
        0.40821073,
    ]


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("resize_mode", "longest", "'shortest', 'squash'"),
        ("interpolation", "nearest", "'bicubic', 'bilinear', 'random'"),
        ("mode", "L", "'RGB'"),
    ],
)
def test_other_preprocessing_is_refused(field, value, allowed, folder):
    change_config(folder, "preprocess_cfg", **{field: value})
    assert message_of(folder) == (
        f"The OpenCLIP model {str(folder)!r} has preprocess_cfg.{field}={value!r} in "
        f"open_clip_config.json; supported: {allowed}."
    )


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("vision_cfg", "layers", [3, 4, 6, 3]),  # ModifiedResNet
        ("vision_cfg", "attentional_pool", True),
        ("vision_cfg", "no_ln_pre", True),
        ("vision_cfg", "pool_type", "avg"),
        ("vision_cfg", "pos_embed_type", "sin_cos_2d"),
        ("vision_cfg", "ls_init_value", 1e-5),
        ("vision_cfg", "image_size", [16, 24]),
        ("vision_cfg", "norm_kwargs", {"eps": 1e-6}),
        ("vision_cfg", "a_new_field", "on"),
        ("text_cfg", "pool_type", "first"),
        ("text_cfg", "embed_cls", True),
        ("text_cfg", "proj_type", "none"),
        ("text_cfg", "act_kwargs", {"approximate": "cubic"}),
        ("text_cfg", "norm_kwargs", {"eps": 1e-6, "bias": False}),
        ("text_cfg", "tokenizer_kwargs", {"strip_sep_token": True}),
        ("model_cfg", "multimodal_cfg", {"width": 8}),  # CoCa
        ("model_cfg", "quick_gelu", "yes"),
    ],
)
def test_other_architectures_are_refused_by_the_name_of_the_field(part, field, value, folder):
    change_config(folder, part, **{field: value})
    place = field if part == "model_cfg" else f"{part}.{field}"
    assert message_of(folder) == (
        f"The OpenCLIP model {str(folder)!r} has {place}={value!r} in open_clip_config.json, which "
        "is not supported; use a checkpoint in the Hugging Face format if there is one."
    )


def test_settings_that_change_nothing_are_accepted(folder, family_folders):
    change_config(folder, "model_cfg", init_logit_scale=2.0, nonscalar_logit_scale=False)
    change_config(
        *(folder, "vision_cfg"),
        patch_dropout=0.5,
        act_kwargs={},
        timm_model_name=None,
        timm_pool="avg",
        attentional_pool=False,
        pool_type="tok",
    )
    change_config(folder, "text_cfg", pool_type="argmax", proj_type="linear", hf_model_name=None)
    own = load_backbone(family_folders["open-clip"])
    assert load_backbone(folder).fingerprint == own.fingerprint


@pytest.mark.parametrize("content", ["{}", '{"embed_dim": 4}', '{"model_cfg": {}}'])
def test_a_config_without_a_model_is_refused(content, folder):
    (folder / "open_clip_config.json").write_text(content)
    assert message_of(folder) == (
        f"{str(folder / 'open_clip_config.json')!r} has no 'model_cfg' with 'embed_dim', "
        "'vision_cfg' and 'text_cfg'; give the file that OpenCLIP's push_to_hf_hub writes."
    )


def test_a_config_that_is_no_json_is_named(folder):
    (folder / "open_clip_config.json").write_text("{")
    assert f"{str(folder / 'open_clip_config.json')!r} (not valid JSON: " in message_of(folder)


def test_pickled_weights_are_not_opened(folder):
    (folder / "open_clip_model.safetensors").rename(folder / "open_clip_pytorch_model.bin")
    assert message_of(folder) == (
        f"The OpenCLIP folder {str(folder)!r} has its weights as open_clip_pytorch_model.bin only, "
        "a pickle, which can run code when it is read and is not opened here; run 'ldpf backbone "
        f"convert {folder / 'open_clip_pytorch_model.bin'} {folder}' once, which executes nothing "
        "of it."
    )


def test_the_second_name_of_the_weights_is_read_too(folder, family_folders):
    (folder / "open_clip_model.safetensors").rename(folder / "open_clip_pytorch_model.safetensors")
    own = load_backbone(family_folders["open-clip"])
    assert load_backbone(folder).fingerprint == own.fingerprint


def test_of_both_names_the_first_is_read(folder, family_folders):
    (folder / "open_clip_pytorch_model.safetensors").write_bytes(b"of another time")
    own = load_backbone(family_folders["open-clip"])
    assert load_backbone(folder).fingerprint == own.fingerprint


def test_missing_weights_are_named(folder):
    (folder / "open_clip_model.safetensors").unlink()
    assert message_of(folder) == (
        f"The OpenCLIP folder {str(folder)!r} has no open_clip_model.safetensors."
    )


def test_a_missing_tokenizer_is_named_with_where_to_get_it(folder):
    for name in ("tokenizer.json", "vocab.json", "merges.txt"):
        (folder / name).unlink(missing_ok=True)
    assert message_of(folder) == (
        f"The OpenCLIP folder {str(folder)!r} has no tokenizer; copy tokenizer.json (or vocab.json "
        "and merges.txt) of 'openai/clip-vit-large-patch14' into it, the tokenizer that OpenCLIP's "
        "plain models are trained with."
    )


def test_a_tokenizer_whose_end_is_not_the_highest_id_is_refused(folder):
    tokenizer = load_backbone(folder).tokenizer
    end = tokenizer.eos_token_id
    tokenizer.add_tokens(["<new>"])
    tokenizer.save_pretrained(folder)
    assert message_of(folder) == (
        f"The tokenizer in {str(folder)!r} has the end token '<|endoftext|>' with id {end}, but "
        f"OpenCLIP reads the sentence at the highest id ({end + 1}); it is not the tokenizer of "
        "this model."
    )


def test_a_cut_file_is_reported_as_such(folder):
    path = folder / "open_clip_model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    message = message_of(folder)
    assert message.startswith(f"The backbone folder {str(folder)!r} could not be loaded (")
    assert message.endswith(
        "); it needs open_clip_config.json, open_clip_model.safetensors and tokenizer.json as "
        "OpenCLIP's push_to_hf_hub writes them."
    )


def test_lacking_tensors_are_counted(folder):
    change_weights(folder, lambda w: [w.pop("visual.proj"), w.pop("ln_final.bias")])
    assert message_of(folder) == (
        f"The weights in {str(folder / 'open_clip_model.safetensors')!r} lack 2 tensors of the "
        "model (first, as transformers calls it: 'text_model.final_layer_norm.bias'); the file "
        "belongs to another architecture or is incomplete."
    )


def test_tensors_without_a_place_are_refused(folder):
    change_weights(folder, lambda w: w.update({"visual.attn_pool.query": torch.zeros(2)}))
    assert message_of(folder) == (
        f"The weights in {str(folder / 'open_clip_model.safetensors')!r} hold 1 tensors that the "
        "model of its config does not have (first: 'visual.attn_pool.query'); the architecture is "
        "not supported."
    )


def test_tensors_of_another_size_are_refused(folder):
    change_weights(folder, lambda w: w.update({"visual.proj": torch.zeros(32, 8)}))
    assert message_of(folder) == (
        "The tensor 'visual_projection.weight' from "
        f"{str(folder / 'open_clip_model.safetensors')!r} has shape [8, 32], but its config asks "
        "for [16, 32]; they do not belong together."
    )


# --- both formats in one folder -------------------------------------------------------------------


@pytest.fixture
def both(folder):
    """The same model in both formats, as hub pages of OpenCLIP models often have it."""
    backbone = load_backbone(folder)
    for part in (backbone.model, backbone.image_processor, backbone.tokenizer):
        part.save_pretrained(folder)
    return folder


@pytest.mark.slow
def test_transformers_own_files_win_and_say_the_same(both, family_folders):
    own = load_backbone(family_folders["open-clip"])
    (both / "open_clip_model.safetensors").unlink()
    assert load_backbone(both).fingerprint == own.fingerprint


def test_a_config_of_another_library_does_not_hide_open_clips(both, family_folders):
    (both / "config.json").write_text('{"architecture": "vit_base_patch32_clip_224"}')
    (both / "model.safetensors").write_bytes(b"of another library")
    own = load_backbone(family_folders["open-clip"])
    assert load_backbone(both).fingerprint == own.fingerprint


def test_open_clips_weights_are_used_where_transformers_has_none(both, family_folders):
    (both / "model.safetensors").unlink()
    own = load_backbone(family_folders["open-clip"])
    assert load_backbone(both).fingerprint == own.fingerprint


@pytest.mark.parametrize("tower", ["text", "vision"])
def test_two_answers_about_the_activation_are_refused(tower, both):
    path = both / "config.json"
    content = json.loads(path.read_text())
    content[f"{tower}_config"]["hidden_act"] = "quick_gelu"
    path.write_text(json.dumps(content))
    assert message_of(both) == (
        f"In {str(both)!r} config.json gives the {tower} tower the activation 'quick_gelu', but "
        "open_clip_config.json has quick_gelu=False; find out which the weights were trained with, "
        "then correct the other file or delete it."
    )
