"""Small random checkpoints of every family, each with a tokenizer of the family's kind."""

from __future__ import annotations

import copy
import json
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

TOWER = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
IMAGE = {"image_size": 16, "patch_size": 8}
WORDS = ("a", "photo", "of", "the", "cat", "dog", "horse", "house", "guitar", "small", "bird")


# --- OpenCLIP -----------------------------------------------------------------------------------


class _Block(nn.Module):
    """A residual attention block under OpenCLIP's names."""

    def __init__(self, width: int, heads: int, ratio: float, act: Callable[[Tensor], Tensor]):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        inner = int(width * ratio)
        self.mlp = nn.ModuleDict(
            {"c_fc": nn.Linear(width, inner), "c_proj": nn.Linear(inner, width)}
        )
        self.act = act

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        h = self.ln_1(x)
        x = x + self.attn(h, h, h, attn_mask=mask, need_weights=False)[0]
        return x + self.mlp["c_proj"](self.act(self.mlp["c_fc"](self.ln_2(x))))


class _Blocks(nn.Module):
    def __init__(self, layers: int, *args: Any):
        super().__init__()
        self.resblocks = nn.ModuleList(_Block(*args) for _ in range(layers))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        for block in self.resblocks:
            x = block(x, mask)
        return x


class _Vision(nn.Module):
    def __init__(self, config: dict[str, Any], embed_dim: int, act: Callable[[Tensor], Tensor]):
        super().__init__()
        width, patch = config["width"], config["patch_size"]
        n_patches = (config["image_size"] // patch) ** 2
        self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(width))
        self.positional_embedding = nn.Parameter(torch.randn(1 + n_patches, width))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        heads = width // config.get("head_width", 64)
        self.transformer = _Blocks(config["layers"], width, heads, config["mlp_ratio"], act)
        self.proj = nn.Parameter(torch.randn(width, embed_dim))

    def forward(self, pixels: Tensor) -> Tensor:
        patches = self.conv1(pixels).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(pixels), 1, -1)
        x = torch.cat([first, patches], dim=1) + self.positional_embedding
        return self.ln_post(self.transformer(self.ln_pre(x)))[:, 0] @ self.proj


class PlainOpenClip(nn.Module):
    """The architecture that `open_clip_config.json` describes, written out in plain PyTorch."""

    def __init__(self, config: dict[str, Any]):
        super().__init__()
        act = (lambda x: x * torch.sigmoid(1.702 * x)) if config.get("quick_gelu") else F.gelu
        text, dim = config["text_cfg"], config["embed_dim"]
        approximate = (text.get("act_kwargs") or {}).get("approximate")
        text_act = act if approximate is None else lambda x: F.gelu(x, approximate=approximate)
        width, self.length = text["width"], text["context_length"]
        self.visual = _Vision(config["vision_cfg"], dim, act)
        self.token_embedding = nn.Embedding(text["vocab_size"], width)
        self.positional_embedding = nn.Parameter(torch.randn(self.length, width))
        ratio = text.get("mlp_ratio", 4.0)
        self.transformer = _Blocks(text["layers"], width, text["heads"], ratio, text_act)
        self.ln_final = nn.LayerNorm(width)
        for module in (*self.transformer.modules(), self.ln_final):
            if isinstance(module, nn.LayerNorm) and text.get("norm_kwargs"):
                module.eps = text["norm_kwargs"]["eps"]
        self.text = text
        self.text_projection = (
            nn.Linear(width, dim)
            if text.get("proj_bias")
            else nn.Parameter(torch.randn(width, dim))
        )
        self.logit_scale = nn.Parameter(torch.tensor(math.log(20.0)))

    def encode_image(self, pixels: Tensor) -> Tensor:
        return self.visual(pixels)

    def encode_text(self, ids: Tensor) -> Tensor:
        mask: Tensor | None = torch.full((self.length, self.length), -math.inf).triu(1)
        if self.text.get("no_causal_mask"):
            mask = None
        x = self.token_embedding(ids) + self.positional_embedding
        x = self.ln_final(self.transformer(x, mask))
        if self.text.get("pool_type") == "last":
            x = x[:, -1]
        else:
            x = x[torch.arange(len(ids)), ids.argmax(dim=-1)]
        if isinstance(self.text_projection, nn.Linear):
            return self.text_projection(x)
        return x @ self.text_projection


@pytest.fixture(scope="session")
def open_clip_config(tiny_clip_parts) -> Callable[..., dict[str, Any]]:
    """A function that makes a content of `open_clip_config.json`: `open_clip_config(quick=True)`.

    `quick=None` leaves `quick_gelu` away.
    """

    def make(quick: bool | None = None) -> dict[str, Any]:
        model = {
            "embed_dim": 16,
            "vision_cfg": {
                **IMAGE,
                "layers": 2,
                "width": 32,
                "head_width": 8,
                "mlp_ratio": 3.0,
            },
            "text_cfg": {
                "context_length": 20,
                "vocab_size": len(tiny_clip_parts["tokenizer"]),
                "width": 24,
                "heads": 3,
                "layers": 2,
            },
        }
        if quick is not None:
            model["quick_gelu"] = quick
        preprocess = {
            "mean": [0.5, 0.4, 0.3],
            "std": [0.2, 0.25, 0.3],
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        }
        return {"model_cfg": model, "preprocess_cfg": preprocess}

    return make


@pytest.fixture(scope="session")
def make_open_clip(tiny_clip_parts, open_clip_config) -> Callable[..., PlainOpenClip]:
    """A function that writes a random OpenCLIP checkpoint into a folder and returns the model.

    `make_open_clip(folder, quick=True, no_causal_mask=True)` has more fields of `text_cfg`.
    """
    from safetensors.torch import save_file

    def make(folder: Path, quick: bool | None = None, **text: Any) -> PlainOpenClip:
        config = open_clip_config(quick)
        config["model_cfg"]["text_cfg"].update(text)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = PlainOpenClip(config["model_cfg"]).eval().requires_grad_(False)
            for name, parameter in model.named_parameters():
                # Drawn norms and biases, and activations that are far from linear.
                if "ln_" in name or name.endswith("bias"):
                    parameter += 0.3 * torch.randn_like(parameter)
                elif "c_fc" in name:
                    parameter *= 4
        folder.mkdir(parents=True, exist_ok=True)
        save_file(dict(model.state_dict()), folder / "open_clip_model.safetensors")
        (folder / "open_clip_config.json").write_text(json.dumps(config))
        tiny_clip_parts["tokenizer"].save_pretrained(folder)
        return model

    return make


@pytest.fixture(scope="session")
def openai_archive(tiny_clip_parts, tmp_path_factory) -> Callable[..., tuple[Path, PlainOpenClip]]:
    """A function that writes a random CLIP as OpenAI published theirs: half precision, TorchScript.

    `openai_archive(quick=True)` gives the file and the model. Read only.
    """

    def make(quick: bool = True) -> tuple[Path, PlainOpenClip]:
        config = {
            "embed_dim": 16,
            "quick_gelu": quick,
            "vision_cfg": {**IMAGE, "layers": 2, "width": 64, "mlp_ratio": 4.0},
            "text_cfg": {
                "context_length": 20,
                "vocab_size": len(tiny_clip_parts["tokenizer"]),
                "width": 128,
                "heads": 2,
                "layers": 1,
            },
        }
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = PlainOpenClip(config).eval().requires_grad_(False)
        for parameter in model.parameters():
            parameter.copy_(parameter.half())
        for name, value in (("input_resolution", 16), ("context_length", 20)):
            model.register_buffer(name, torch.tensor(value))
        inputs = {"encode_image": torch.randn(1, 3, 16, 16)}
        inputs["encode_text"] = torch.zeros(1, 20, dtype=torch.long)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TorchScript is on its way out
            traced = torch.jit.trace_module(copy.deepcopy(model), inputs)
            for parameter in traced.parameters():
                parameter.data = parameter.data.half()
            file = tmp_path_factory.mktemp("openai") / "ViT-tiny.pt"
            torch.jit.save(traced, file)
        return file, model

    return make


# --- tokenizers ---------------------------------------------------------------------------------


def _unigrams(*special: str) -> list[tuple[str, float]]:
    """A vocabulary of a Unigram model: special tokens, whole words, single characters."""
    letters = [chr(code) for code in range(ord("!"), 127)]
    pieces = [("▁" + word, -1.0) for word in WORDS]
    pieces += [(letter, -8.0) for letter in ("▁", *letters)]
    return [*((token, 0.0) for token in special), *pieces]


def _xlm_r_tokenizer():
    from transformers import XLMRobertaTokenizer

    return XLMRobertaTokenizer(vocab=_unigrams("<s>", "<pad>", "</s>", "<unk>"))


def _with_end(tokenizer, end: str):
    from tokenizers.processors import TemplateProcessing

    token = (end, tokenizer.token_to_id(end))
    tokenizer.post_processor = TemplateProcessing(single=f"$A {end}", special_tokens=[token])
    return tokenizer


def _siglip_tokenizer():
    """Like T5's, with SigLIP's cleaning: lower case, no punctuation; padded with the end token."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    rules = Tokenizer(models.Unigram(_unigrams("<pad>", "</s>", "<unk>"), unk_id=2))
    rules.normalizer = normalizers.Sequence(
        [normalizers.Lowercase(), normalizers.Replace(Regex(r"[!-/:-@\[-`{-~]"), "")]
    )
    rules.pre_tokenizer = pre_tokenizers.Metaspace()
    return PreTrainedTokenizerFast(
        tokenizer_object=_with_end(rules, "</s>"),
        eos_token="</s>",
        pad_token="</s>",
        unk_token="<unk>",
    )


def _siglip2_tokenizer():
    """Like Gemma's: the space belongs to the word behind it, and capitals are kept."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    rules = Tokenizer(models.BPE(unk_token="<unk>"))
    rules.normalizer = normalizers.Replace(" ", "▁")
    rules.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    special = ["<pad>", "<eos>", "<bos>", "<unk>"]
    alphabet = [chr(code) for code in range(ord("!"), 127)]
    trainer = trainers.BpeTrainer(
        vocab_size=200, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    rules.train_from_iterator([" ".join(WORDS), *WORDS] * 3, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=_with_end(rules, "<eos>"),
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        unk_token="<unk>",
        padding_side="left",  # as Gemma's; SigLIP 2 was trained with the other
    )


@pytest.fixture(scope="session")
def xlm_r_tokenizer() -> Any:
    """A small tokenizer of XLM-R's kind. Read only."""
    return _xlm_r_tokenizer()


@pytest.fixture(scope="session")
def t5_tokenizer() -> Any:
    """A small tokenizer of T5's kind: no start token, </s> at the end. Read only."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    rules = Tokenizer(models.Unigram(_unigrams("<pad>", "</s>", "<unk>"), unk_id=2))
    rules.pre_tokenizer = pre_tokenizers.Metaspace()
    return PreTrainedTokenizerFast(
        tokenizer_object=_with_end(rules, "</s>"),
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
    )


# --- MetaCLIP 2 and SigLIP ------------------------------------------------------------------------


def _random(build: Callable[[], Any]) -> Any:
    """A model with drawn norms and biases and embeddings large enough to tell words apart."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build().eval().requires_grad_(False)
        for name, parameter in model.named_parameters():
            if "norm" in name or name.endswith("bias"):
                parameter += 0.3 * torch.randn_like(parameter)
            elif "embedding" in name:
                parameter.normal_(std=0.5)
    return model


@pytest.fixture(scope="session")
def metaclip2_parts() -> dict[str, Any]:
    """A random MetaCLIP 2, its tokenizer of XLM-R's kind. Shared: copy a part to change it."""
    from transformers import MetaClip2Config, MetaClip2Model
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    tokenizer = _xlm_r_tokenizer()
    text = {
        **TOWER,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 30,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    config = MetaClip2Config(text_config=text, vision_config={**TOWER, **IMAGE}, projection_dim=16)
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}
    )
    model = _random(lambda: MetaClip2Model(config))
    return {"model": model, "image_processor": processor, "tokenizer": tokenizer}


def _siglip_parts(tokenizer) -> dict[str, Any]:
    from transformers import SiglipConfig, SiglipModel
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    config = SiglipConfig(
        text_config={**TOWER, "vocab_size": len(tokenizer), "max_position_embeddings": 24},
        vision_config={**TOWER, **IMAGE},
    )
    model = _random(lambda: SiglipModel(config))
    model.logit_scale.fill_(math.log(10.0))
    model.logit_bias.fill_(-7.0)
    processor = SiglipImageProcessorPil(
        size={"height": 16, "width": 16}, image_mean=[0.5] * 3, image_std=[0.5] * 3
    )
    return {"model": model, "image_processor": processor, "tokenizer": tokenizer}


@pytest.fixture(scope="session")
def siglip_parts() -> dict[str, Any]:
    """A random SigLIP. Shared: copy a part before changing it."""
    return _siglip_parts(_siglip_tokenizer())


@pytest.fixture(scope="session")
def siglip2_parts() -> dict[str, Any]:
    """A random SigLIP 2 of fixed resolution: SigLIP's model with Gemma's kind of tokenizer."""
    return _siglip_parts(_siglip2_tokenizer())


@pytest.fixture(scope="session")
def family_folders(
    tmp_path_factory, make_open_clip, metaclip2_parts, siglip_parts, siglip2_parts
) -> dict[str, Path]:
    """A checkpoint folder of every family besides CLIP, by name. Read only: copy to change."""
    root = tmp_path_factory.mktemp("families")
    parts = {"metaclip2": metaclip2_parts, "siglip": siglip_parts, "siglip2": siglip2_parts}
    for name, pieces in parts.items():
        for piece in pieces.values():
            piece.save_pretrained(root / name)
    make_open_clip(root / "open-clip")
    return {name: root / name for name in ("open-clip", *parts)}
