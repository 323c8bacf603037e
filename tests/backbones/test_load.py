from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from transformers import (
    CLIPTextConfig,
    VisionTextDualEncoderConfig,
    VisionTextDualEncoderModel,
    ViTConfig,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from ldpf.backbones import assemble, load_backbone
from ldpf.backbones.families import FAMILIES
from ldpf.backbones.open_clip_config import CONFIG
from ldpf.errors import BackboneError

NEEDS = (
    "it needs config.json, model.safetensors, tokenizer.json and preprocessor_config.json as "
    "transformers' save_pretrained writes them."
)


@pytest.fixture
def folder(tiny_clip_folder, tmp_path):
    """A copy to break."""
    return shutil.copytree(tiny_clip_folder, tmp_path / "broken")


def message_of(*arguments):
    with pytest.raises(BackboneError) as caught:
        load_backbone(*arguments)
    return str(caught.value)


def change_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def change_weights(folder, change):
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def test_a_saved_model_comes_back_with_the_same_fingerprint(tiny_clip_folder, tiny_clip):
    loaded = load_backbone(tiny_clip_folder)
    assert loaded.fingerprint == tiny_clip.fingerprint
    assert loaded.name == str(tiny_clip_folder)


def test_everything_is_frozen_and_in_eval_mode(tiny_clip_folder):
    model = load_backbone(tiny_clip_folder).model
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert not any(module.training for module in model.modules())


def test_weights_of_half_precision_are_computed_in_full(folder):
    change_weights(folder, lambda w: w.update({k: v.half() for k, v in w.items()}))
    change_config(folder, dtype="float16")
    backbone = load_backbone(folder)
    assert {p.dtype for p in backbone.model.parameters()} == {torch.float32}
    assert backbone.encode_texts(["a cat."]).dtype == torch.float32


def test_loading_leaves_transformers_logging_as_it_was(tiny_clip_folder):
    from transformers.utils import logging

    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    load_backbone(tiny_clip_folder)
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


def test_the_text_tower_names_what_prompts_need(tiny_clip_folder):
    backbone = load_backbone(tiny_clip_folder)
    tower, tokenizer = backbone.text, backbone.tokenizer
    assert (tower.width, tower.embed_dim, tower.context_length) == (32, 16, 77)
    assert tower.causal
    assert tokenizer.convert_ids_to_tokens([tower.bos_id, tower.eos_id]) == [
        "<|startoftext|>",
        "<|endoftext|>",
    ]
    assert tower.name_tokens("cat.") == tokenizer("cat.")["input_ids"][1:-1]


def test_name_tokens_are_never_cut_or_padded(tiny_clip_folder):
    backbone = load_backbone(tiny_clip_folder)
    backbone.encode_texts(["a cat", "word " * 200])  # leaves its padding in the tokenizer
    assert len(backbone.text.name_tokens("x" * 200)) == 200
    assert len(backbone.text.name_tokens("cat")) == 1


def test_token_embeddings_are_the_towers_own(tiny_clip):
    ids = tiny_clip.text.name_tokens("a photo")
    table = tiny_clip.model.text_model.embeddings.token_embedding.weight
    assert torch.equal(tiny_clip.text.token_embeddings(ids), table[ids])
    assert tiny_clip.text.token_embeddings([]).shape == (0, 32)


@pytest.fixture(scope="module")
def dual_encoder_parts(tiny_clip_parts):
    tokenizer = tiny_clip_parts["tokenizer"]
    tower = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    text = CLIPTextConfig(
        **tower,
        vocab_size=len(tokenizer),
        hidden_act="quick_gelu",
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    vision = ViTConfig(**tower, image_size=16, patch_size=8)
    config = VisionTextDualEncoderConfig.from_vision_text_configs(vision, text, projection_dim=16)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = VisionTextDualEncoderModel(config).eval().requires_grad_(False)
    return tiny_clip_parts | {"model": model}


def test_a_dual_encoder_with_clips_text_tower_loads(dual_encoder_parts, tmp_path):
    for part in dual_encoder_parts.values():
        part.save_pretrained(tmp_path)
    backbone = load_backbone(tmp_path)
    assert backbone.fingerprint == assemble("dual", **dual_encoder_parts).fingerprint
    model, tokens = dual_encoder_parts["model"], backbone.tokenizer(["a cat"], return_tensors="pt")
    expected = F.normalize(model.get_text_features(**tokens).pooler_output, dim=-1)
    assert torch.allclose(backbone.encode_texts(["a cat"]), expected, atol=1e-6)
    pixels = torch.randn(2, 3, 16, 16)
    expected = F.normalize(model.get_image_features(pixels).pooler_output, dim=-1)
    assert torch.allclose(backbone.encode_images(pixels), expected, atol=1e-5)


def test_a_folder_without_config_is_no_checkpoint(tmp_path):
    message = message_of(tmp_path)
    assert all(part in message for part in (repr(str(tmp_path)), CONFIG, "config.json"))


@pytest.mark.parametrize("content", ["{", "", "\ufeff"])
def test_a_config_that_is_no_json_is_named(folder, content):
    (folder / "config.json").write_text(content, encoding="utf-8")
    assert f"{str(folder / 'config.json')!r} (not valid JSON: " in message_of(folder)


def test_an_unsupported_family_is_refused_with_those_supported(folder):
    change_config(folder, model_type="blip")
    message = message_of(folder)
    assert all(repr(name) in message for name in ("blip", str(folder), *FAMILIES))


def test_a_config_without_a_family_is_refused(folder):
    (folder / "config.json").write_text("[1, 2]")
    assert message_of(folder).startswith(f"The backbone {str(folder)!r} is of type None; supported")


@pytest.mark.parametrize("kind", ["bert", "siglip_text_model"])
def test_another_text_tower_is_refused(kind, tiny_clip_parts):
    class Model:
        class config:
            model_type = "vision-text-dual-encoder"

            class text_config:
                model_type = kind

    with pytest.raises(BackboneError) as caught:
        assemble("odd", **tiny_clip_parts | {"model": Model})
    message = str(caught.value)
    assert f"'odd' has a text tower of type {kind!r}" in message
    assert message.endswith(
        "'clip_text_model', 'metaclip_2_text_model' can carry learnable prompts."
    )


@pytest.mark.parametrize(
    "file", ["model.safetensors", "tokenizer.json", "preprocessor_config.json"]
)
def test_a_missing_file_is_named_with_what_is_needed(folder, file):
    (folder / file).unlink()
    for other in ("tokenizer_config.json", "vocab.json", "merges.txt"):
        if file == "tokenizer.json":
            (folder / other).unlink(missing_ok=True)
    message = message_of(folder)
    assert message.startswith(f"The backbone folder {str(folder)!r} could not be loaded (")
    assert message.endswith(f"); {NEEDS}")


@pytest.mark.parametrize(
    ("file", "keep"),
    [
        ("model.safetensors", 0),
        ("model.safetensors", 1000),
        ("model.safetensors", -10),
    ],
)
def test_a_cut_file_is_reported_as_such(folder, file, keep):
    path = folder / file
    path.write_bytes(path.read_bytes()[:keep])
    message = message_of(folder)
    assert message.startswith(f"The backbone folder {str(folder)!r} could not be loaded (")
    assert message.endswith(f"); {NEEDS}")


@pytest.mark.parametrize(
    ("file", "keep"), [("tokenizer.json", 100), ("preprocessor_config.json", 10)]
)
def test_a_cut_json_file_is_reported_by_its_name(folder, file, keep):
    path = folder / file
    path.write_bytes(path.read_bytes()[:keep])
    message = message_of(folder)
    assert message.startswith(f"Cannot read a file of the backbone in {str(path)!r} (not valid ")
    assert message.endswith("); download the checkpoint again.")


def test_weights_of_other_sizes_are_refused_by_the_tensor(folder):
    config = json.loads((folder / "config.json").read_text())
    width = config["text_config"]["intermediate_size"]
    config["text_config"]["intermediate_size"] = width + 8
    (folder / "config.json").write_text(json.dumps(config))
    message = message_of(folder)
    assert "'text_model.encoder.layers.0.mlp.fc1.bias'" in message
    assert f"({width},)" in message and f"({width + 8},)" in message


def test_missing_weights_are_counted(folder):
    def drop(weights):
        for name in ("logit_scale", "text_projection.weight"):
            del weights[name]

    change_weights(folder, drop)
    assert message_of(folder) == (
        f"The weights in {str(folder)!r} lack 2 tensors of the model (first: 'logit_scale'); the "
        "file belongs to another architecture or is incomplete."
    )


def test_weights_of_another_size_are_refused(folder):
    change_weights(folder, lambda w: w.update({"text_projection.weight": torch.zeros(8, 32)}))
    assert message_of(folder) == (
        f"In {str(folder)!r} the tensor 'text_projection.weight' has the shape (8, 32), but "
        "config.json asks for (16, 32) (1 such tensors); the two files are of different "
        "checkpoints."
    )


@pytest.mark.slow
def test_a_tokenizer_larger_than_the_vocabulary_is_refused(folder, tiny_clip_parts):
    tokenizer = load_backbone(folder).tokenizer
    size = len(tokenizer)
    tokenizer.add_tokens(["<new>"])
    tokenizer.save_pretrained(folder)
    assert message_of(folder) == (
        f"The tokenizer of {str(folder)!r} has {size + 1} entries but the text tower only {size}; "
        "they do not belong together."
    )


def test_a_slow_tokenizer_is_refused(tiny_clip_parts):
    class Slow:
        is_fast = False

    with pytest.raises(BackboneError) as caught:
        assemble("odd", **tiny_clip_parts | {"tokenizer": Slow()})
    assert str(caught.value) == (
        "The backbone 'odd' has no fast tokenizer (tokenizer.json); save it once with "
        "AutoTokenizer.from_pretrained(...).save_pretrained(...)."
    )


def test_a_tokenizer_without_an_end_token_is_refused(tiny_clip_parts):
    class NoEnd:
        is_fast = True
        bos_token, bos_token_id, eos_token, eos_token_id = "<s>", 0, None, None

    with pytest.raises(BackboneError) as caught:
        assemble("odd", **tiny_clip_parts | {"tokenizer": NoEnd()})
    assert str(caught.value) == (
        "The tokenizer of 'odd' names no start or end token (bos_token='<s>', eos_token=None); "
        "CLIP's needs both."
    )


@pytest.mark.parametrize("device", ["cuda:99", "gpu"])
def test_a_device_that_is_not_there_is_refused(device, tiny_clip_folder):
    message = message_of(tiny_clip_folder, device)
    assert message.startswith(f"The device {device!r} cannot be used here (")
    assert message.endswith("); use 'cpu' or 'auto'.")


def test_the_processor_of_the_checkpoint_is_used(folder):
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}, image_mean=[0.1] * 3
    )
    processor.save_pretrained(folder)
    assert list(load_backbone(folder).image_processor.image_mean) == [0.1] * 3


@pytest.mark.parametrize(
    ("sizes", "made"),
    [
        ({"crop_size": {"height": 15, "width": 16}}, "15 x 16"),
        ({"crop_size": {"height": 224, "width": 224}}, "224 x 224"),
        ({"do_center_crop": False}, "16 x 21"),  # of a picture of 300 x 400
    ],
)
def test_a_processor_of_another_image_size_is_refused_with_both_sizes(folder, sizes, made):
    usual = {"size": {"shortest_edge": 16}, "crop_size": {"height": 16, "width": 16}}
    CLIPImageProcessorPil(**{**usual, **sizes}).save_pretrained(folder)
    message = message_of(folder)
    assert all(part in message for part in (repr(str(folder)), f"{made} pixels", "16 x 16;"))


@pytest.mark.slow
@pytest.mark.parametrize("module", ["load", "convert"])
def test_models_of_transformers_are_not_imported_before_torchvision_is_mended(module):
    # They import a torchvision that is installed, and fail where it cannot be imported.
    script = (
        f"import sys, ldpf.backbones.{module}; "
        "print([m for m in sys.modules if m.startswith(('transformers.models', "
        "'transformers.image_'))])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


FORKED = """
import os, sys, torch
import transformers.models.auto, transformers.models.clip.modeling_clip  # not once per child
from ldpf.backbones import load_backbone

torch.set_num_threads(64)  # a large pool takes long to make anew, so that threads meet there
torch.rand(1_000_000).add(1)
torch.set_num_threads(1)
codes = []
for _ in range(10):  # without care every third fails
    child = os.fork()
    if not child:
        try:
            load_backbone(sys.argv[1], "cpu")
        except BaseException as error:
            print(error, flush=True)
            os._exit(1)
        os._exit(0)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
sys.exit(any(codes))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_loads_it_too():
    ran = subprocess.run(
        [sys.executable, "-c", FORKED, "nano"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout
