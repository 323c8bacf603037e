"""Language models as text towers of OpenCLIP checkpoints, against OpenCLIP's rules written out."""

from __future__ import annotations

import json
import logging
import shutil

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

import ldpf.backbones.hf_text as hf_text
from ldpf.backbones import load_backbone
from ldpf.backbones.open_clip_tokenizer import special_tokens
from ldpf.errors import BackboneError
from ldpf.text import PromptedTextEncoder

TEXTS = ["a cat.", "a photo of a dog with a guitar", "the house"]
NAMES = ["cat", "small dog", "guitar", "house"]
DIM = 16
WIDTH = 24
SIZES = {"hidden_size": WIDTH, "intermediate_size": 40, "num_hidden_layers": 2}
HEADS = {"num_attention_heads": 3}

KINDS = ("bert", "roberta", "xlm-roberta", "mt5", "m2m_100", "distilbert")
"""Those that OpenCLIP lists (hf_configs.py), and one that it does not."""


def word_pieces():
    from transformers import BertTokenizerFast

    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", ",", "a", "photo", "of", "the"]
    pieces += ["cat", "dog", "guitar", "house", "small", *(x for x in letters if x != "a")]
    pieces += [f"##{letter}" for letter in letters]
    return BertTokenizerFast(vocab={piece: i for i, piece in enumerate(pieces)})


def config_of(kind, size):
    """A small random language model's config; `size` is the tokenizer's."""
    from transformers import AutoConfig

    pads = {"bert": 0, "distilbert": 0, "mt5": 0}
    common = {"vocab_size": size, "pad_token_id": pads.get(kind, 1)}
    own = {
        "bert": {**SIZES, **HEADS, "max_position_embeddings": 40},
        "roberta": {**SIZES, **HEADS, "max_position_embeddings": 42},
        "xlm-roberta": {**SIZES, **HEADS, "max_position_embeddings": 42},
        "mt5": {"d_model": WIDTH, "d_ff": 40, "num_layers": 2, "num_heads": 3, "d_kv": 8},
        "m2m_100": {
            "d_model": WIDTH,
            "encoder_layers": 2,
            "decoder_layers": 1,
            "encoder_attention_heads": 3,
            "decoder_attention_heads": 3,
            "encoder_ffn_dim": 40,
            "decoder_ffn_dim": 40,
            "max_position_embeddings": 40,
        },
        "distilbert": {
            "dim": WIDTH,
            "hidden_dim": 40,
            "n_layers": 2,
            "n_heads": 3,
            "max_position_embeddings": 40,
        },
    }
    return AutoConfig.for_model(kind, **common, **own[kind])


def projection_of(kind):
    if kind == "linear":
        return nn.Linear(WIDTH, DIM, bias=False)
    middle = (WIDTH + DIM) // 2
    layers = (nn.Linear(WIDTH, middle, bias=False), nn.Linear(middle, DIM, bias=False))
    return nn.Sequential(layers[0], nn.GELU(), layers[1])


class Reference(nn.Module):
    """What OpenCLIP's HFTextEncoder computes, written out."""

    def __init__(self, config, pooler, proj):
        from transformers import AutoModel

        super().__init__()
        own = {}
        if config.model_type in ("bert", "roberta", "xlm-roberta"):
            own = {"add_pooling_layer": pooler == "cls_pooler"}
        whole = AutoModel.from_config(config, **own)
        self.transformer = whole.encoder if config.is_encoder_decoder else whole
        self.proj = projection_of(proj)
        self.pooler, self.pad = pooler, config.pad_token_id

    def forward(self, ids):
        mask = (ids != self.pad).long()
        output = self.transformer(input_ids=ids, attention_mask=mask)
        hidden = output.last_hidden_state
        if self.pooler == "mean_pooler":
            pooled = (hidden * mask[..., None]).sum(1) / mask.sum(-1, keepdim=True)
        elif self.pooler == "max_pooler":
            pooled = hidden.masked_fill(mask[..., None] == 0, -torch.inf).max(1).values
        elif self.pooler == "cls_pooler" and getattr(output, "pooler_output", None) is not None:
            pooled = output.pooler_output
        else:
            pooled = hidden[:, 0]
        return self.proj(pooled)


@pytest.fixture(scope="module")
def make_folder(make_open_clip, tmp_path_factory, xlm_r_tokenizer, t5_tokenizer):
    """A function that writes a random checkpoint and returns its folder and the reference."""
    tokenizers = {"bert": word_pieces(), "distilbert": word_pieces(), "mt5": t5_tokenizer}

    def make(kind="bert", pooler="mean_pooler", proj="mlp"):
        folder = tmp_path_factory.mktemp("hf-text") / kind
        make_open_clip(folder)
        tokenizer = tokenizers.get(kind, xlm_r_tokenizer)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            (folder / name).unlink()
        config = config_of(kind, len(tokenizer))
        with torch.random.fork_rng():
            torch.manual_seed(0)
            text = Reference(config, pooler, proj).eval().requires_grad_(False)
            for name, parameter in text.named_parameters():
                if "norm" in name.lower() or name.endswith("bias"):
                    parameter += 0.3 * torch.randn_like(parameter)
                elif parameter.ndim == 2:
                    parameter.normal_(std=0.3)
        weights = load_file(folder / "open_clip_model.safetensors")
        kept = {n: t for n, t in weights.items() if n.startswith(("visual.", "logit_"))}
        for name, tensor in text.state_dict().items():
            kept[f"text.{name}"] = tensor.clone().contiguous()
        save_file(kept, folder / "open_clip_model.safetensors")
        content = json.loads((folder / "open_clip_config.json").read_text())
        content["model_cfg"]["text_cfg"] = {
            "hf_model_name": f"somebody/{kind}",
            "hf_tokenizer_name": f"somebody/{kind}",
            "hf_proj_type": proj,
            "hf_pooler_type": pooler,
            "context_length": 20,
        }
        content["model_cfg"]["custom_text"] = True
        (folder / "open_clip_config.json").write_text(json.dumps(content))
        tokenizer.save_pretrained(folder)
        config.save_pretrained(folder / hf_text.COPY)
        return folder, text

    return make


@pytest.fixture(scope="module")
def bert(make_folder):
    return make_folder("bert", "cls_last_hidden_state_pooler", "mlp")  # BiomedCLIP's


@pytest.fixture(scope="module")
def backbone(bert):
    return load_backbone(bert[0])


@pytest.fixture
def folder(bert, tmp_path):
    """A copy to break."""
    return shutil.copytree(bert[0], tmp_path / "broken")


def message_of(folder):
    with pytest.raises(BackboneError) as caught:
        load_backbone(folder)
    return str(caught.value)


def change_text(folder, **fields):
    path = folder / "open_clip_config.json"
    content = json.loads(path.read_text())
    content["model_cfg"]["text_cfg"].update(fields)
    path.write_text(json.dumps(content))


def ids_of(backbone, texts=TEXTS):
    """As OpenCLIP's HFTokenizer makes them: the tokenizer's own sentences, padded."""
    tokens = backbone.tokenizer(
        texts, max_length=20, padding="max_length", truncation=True, return_tensors="pt"
    )
    return tokens["input_ids"]


# --- features -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("pooler", "proj"),
    [
        ("mean_pooler", "mlp"),
        ("max_pooler", "linear"),
        ("cls_pooler", "linear"),
        ("cls_last_hidden_state_pooler", "mlp"),
    ],
)
def test_text_features_and_prompts_are_those_of_open_clips_rules(kind, pooler, proj, make_folder):
    folder, text = make_folder(kind, pooler, proj)
    backbone = load_backbone(folder)
    expected = F.normalize(text(ids_of(backbone)), dim=-1)
    assert torch.allclose(backbone.encode_texts(TEXTS), expected, atol=1e-5)
    assert (expected[0] - expected[1]).abs().max() > 1e-2
    tower = backbone.text
    context = tower.token_embeddings(tower.name_tokens("a photo of a"))
    features = PromptedTextEncoder(tower, NAMES)(context[None])[0]
    sentences = [f"a photo of a {name}." for name in NAMES]
    expected = F.normalize(text(ids_of(backbone, sentences)), dim=-1)
    assert torch.allclose(features, expected, atol=1e-5)


def test_a_projection_may_be_missing_where_the_width_is_the_joint_space(folder):
    path = folder / "open_clip_model.safetensors"
    weights = load_file(path)
    kept = {name: t for name, t in weights.items() if not name.startswith("text.proj.")}
    kept["visual.proj"] = torch.randn(32, WIDTH)
    save_file(kept, path)
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"]["embed_dim"] = WIDTH
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    change_text(folder, hf_proj_type=None)
    backbone = load_backbone(folder)
    state = backbone.model.text.transformer(ids_of(backbone, ["a cat."])[:, :5]).last_hidden_state
    expected = F.normalize(state[:, 0], dim=-1)
    assert torch.allclose(backbone.encode_texts(["a cat."]), expected, atol=1e-5)


def test_image_features_are_those_of_the_plain_tower(backbone, family_folders):
    pixels = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    own = load_backbone(family_folders["open-clip"])
    assert torch.allclose(backbone.encode_images(pixels), own.encode_images(pixels), atol=1e-6)
    assert backbone.logit_scale == pytest.approx(20.0)


def test_prompts_take_the_reference_path_as_far_as_the_longest_sentence(backbone, caplog):
    tower = backbone.text
    with caplog.at_level(logging.WARNING, logger="ldpf"):
        encoder = PromptedTextEncoder(tower, NAMES)
    assert encoder.path == "reference"
    assert "text path: reference (the text tower is not causal" in caplog.text
    contexts = torch.randn(2, 4, WIDTH, generator=torch.Generator().manual_seed(0)).requires_grad_()
    features = encoder(contexts)
    features[..., 0].sum().backward()
    assert (contexts.grad.abs().amax(dim=-1) > 0).all()
    assert not any(p.requires_grad for p in backbone.model.parameters())
    # [CLS], 4 of the prompt, "small dog.", [SEP]: padding behind that is masked and left out.
    assert encoder.tokens_per_pass(2, 4) == 2 * 4 * 9
    from ldpf.text.reference import reference_features

    whole = reference_features(tower, contexts, encoder._tokens, length=20)
    assert torch.allclose(features, whole, atol=1e-6)


@pytest.mark.parametrize("path", ["shared", "truncated"])
def test_the_paths_of_causal_towers_are_refused(path, backbone):
    with pytest.raises(BackboneError, match="needs a causal text tower"):
        PromptedTextEncoder(backbone.text, NAMES, path=path)


def test_a_long_sentence_keeps_its_end_token(backbone):
    ids = backbone.text.padded_sentences(["cat " * 40, "cat"])
    assert ids.shape == (2, 20)
    assert ids[0, -1] == backbone.text.eos_id == 3
    assert ids[1].tolist() == [2, *backbone.text.name_tokens("cat"), 3, *[0] * 17]


# --- where the language model's configuration comes from ----------------------------------------


@pytest.mark.slow
def test_the_copy_in_the_folder_needs_no_network(folder, backbone, monkeypatch):
    monkeypatch.setattr(hf_text, "hub_file", None)
    assert load_backbone(folder).fingerprint == backbone.fingerprint


def test_a_tokenizer_that_is_not_in_the_folder_is_that_of_the_copy(folder, backbone):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).rename(folder / hf_text.COPY / name)
    assert load_backbone(folder).fingerprint == backbone.fingerprint


def test_a_config_that_transformers_does_not_know_is_named(folder):
    (folder / hf_text.COPY / "config.json").write_text('{"model_type": "unheard-of"}')
    assert message_of(folder).startswith(
        "The config.json of 'somebody/bert' does not describe a model that transformers knows ("
    )


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hf_pooler_type", "attention_pooler"),
        ("hf_proj_type", "tanh"),
        ("hf_proj_type", None),  # the width is not the joint space
        ("tokenizer_kwargs", {"strip_sep_token": True}),
        ("tokenizer_kwargs", {"clean": "thoroughly"}),
        ("tokenizer_mode", "clips"),
        ("output_tokens", True),  # CoCa's
        ("a_new_field", 3),
    ],
)
def test_other_settings_are_refused_by_the_name_of_the_field(field, value, folder):
    change_text(folder, **{field: value})
    assert message_of(folder) == (
        f"The OpenCLIP model {str(folder)!r} has text_cfg.{field}={value!r} in "
        "open_clip_config.json, which is not supported; use a checkpoint in the Hugging Face "
        "format if there is one."
    )


def test_sizes_of_open_clips_own_tower_change_nothing(folder, backbone):
    change_text(folder, width=512, heads=8, layers=12, vocab_size=49408, hf_model_pretrained=True)
    assert load_backbone(folder).fingerprint == backbone.fingerprint


def test_the_weights_of_another_tower_are_refused(folder):
    path = folder / hf_text.COPY / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_hidden_layers": 3}))
    assert "tensors of the model (first, as transformers calls it: 'text.transformer" in message_of(
        folder
    )


def test_a_constant_of_old_files_is_no_weight(folder, backbone):
    path = folder / "open_clip_model.safetensors"
    positions = torch.arange(40)[None]
    save_file(load_file(path) | {"text.transformer.embeddings.position_ids": positions}, path)
    assert load_backbone(folder).fingerprint == backbone.fingerprint


def test_a_larger_tokenizer_is_refused(folder, backbone):
    tokenizer = word_pieces()
    tokenizer.add_tokens(["<new>"])
    tokenizer.save_pretrained(folder)
    n = len(tokenizer)
    assert message_of(folder) == (
        f"The tokenizer of {str(folder)!r} has {n} entries but the text tower only {n - 1}; they "
        "do not belong together."
    )


@pytest.mark.parametrize("form", ["[CLS] [CLS] $A [SEP]", "[CLS] $A", "$A [SEP] [SEP]", "$A"])
def test_sentences_of_another_form_are_refused(form):
    from tokenizers.processors import TemplateProcessing

    tokenizer = word_pieces()
    special = [("[CLS]", 2), ("[SEP]", 3)]
    template = TemplateProcessing(single=form, special_tokens=special)
    tokenizer.backend_tokenizer.post_processor = template
    with pytest.raises(BackboneError, match="at most one token before and one behind"):
        special_tokens(tokenizer, "odd")


def test_the_tokens_around_a_sentence_are_read_off_the_tokenizer(t5_tokenizer):
    assert special_tokens(word_pieces(), "bert") == (2, 3)
    assert special_tokens(t5_tokenizer, "t5") == (None, 1)


def test_a_model_that_needs_ids_is_refused(folder, monkeypatch):
    # As one would that adds something by token id.
    from transformers import BertModel

    own = BertModel.forward

    def forward(self, input_ids=None, **others):
        output = own(self, input_ids=input_ids, **others)
        if input_ids is not None:
            output.last_hidden_state = output.last_hidden_state + input_ids[..., None]
        return output

    monkeypatch.setattr(BertModel, "forward", forward)
    assert message_of(folder) == (
        f"The text tower of {str(folder)!r} is of type 'bert', which computes something else from "
        "embedded tokens than from words; it cannot carry learnable prompts."
    )


@pytest.mark.parametrize(
    ("key", "value"), [("hidden_act", "relu"), ("num_attention_heads", 2), ("layer_norm_eps", 1e-3)]
)
def test_what_the_weights_do_not_say_is_part_of_the_fingerprint(key, value, folder, backbone):
    path = folder / hf_text.COPY / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    assert load_backbone(folder).fingerprint != backbone.fingerprint


def test_how_sentences_are_pooled_is_part_of_the_fingerprint(folder, backbone):
    change_text(folder, hf_pooler_type="mean_pooler")
    assert load_backbone(folder).fingerprint != backbone.fingerprint
