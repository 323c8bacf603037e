"""timm's image towers in OpenCLIP checkpoints, where timm can be imported."""

from __future__ import annotations

import json
import sys

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

import ldpf.backbones.timm_image as timm_image
from ldpf.backbones import load_backbone
from ldpf.backbones.open_clip_fields import Fields
from ldpf.errors import BackboneError

DIM = 16


def fields_of(side=32, **image):
    model = {"embed_dim": DIM, "vision_cfg": {"image_size": side, **image}, "text_cfg": {}}
    return Fields.read(model, "ours")


@pytest.fixture(scope="module")
def timm():
    try:
        return timm_image.import_timm("ours")
    except BackboneError as error:
        pytest.skip(str(error))


@pytest.fixture
def make_folder(timm, make_open_clip, tmp_path):
    """A function that writes a random checkpoint with a tower of timm; gives the folder and it."""

    def make(side=32, folder=None, **image):
        folder = folder or tmp_path / "checkpoint"
        make_open_clip(folder)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            tower = timm_image.build(fields_of(side, **image)).eval().requires_grad_(False)
            for name, parameter in tower.named_parameters():
                if "norm" in name or name.endswith("bias") or ".bn" in name:
                    parameter += 0.2 * torch.randn_like(parameter)
            for name, buffer in tower.named_buffers():
                if name.endswith("running_var"):
                    buffer.uniform_(0.5, 2.0)
                elif name.endswith("running_mean"):
                    buffer.normal_(std=0.1)
        path = folder / "open_clip_model.safetensors"
        kept = {n: t for n, t in load_file(path).items() if not n.startswith("visual.")}
        for name, tensor in tower.state_dict().items():
            kept[f"visual.{name}"] = tensor.clone().contiguous()
        save_file(kept, path)
        config = folder / "open_clip_config.json"
        content = json.loads(config.read_text())
        content["model_cfg"]["vision_cfg"] = {
            "image_size": side,
            "timm_model_pretrained": False,
            "timm_drop": 0.0,
            "timm_drop_path": 0.1,
            **image,
        }
        config.write_text(json.dumps(content))
        return folder, tower

    return make


def message_of(function, *arguments, **settings):
    with pytest.raises(BackboneError) as caught:
        function(*arguments, **settings)
    return str(caught.value)


# --- features, by the rules of OpenCLIP's TimmModel written out -----------------------------------

CASES = {
    "BiomedCLIP": ("test_vit", "", "linear", 160),
    "class token": ("test_vit", "token", "linear", 160),
    "mlp": ("test_vit", "avg", "mlp", 160),
    "own classifier": ("test_vit", "token", None, 160),
    "no projection": ("test_vit", "token", "none", 160),
    "convolutions": ("test_convnext", "", "linear", 96),
    "with batch norm": ("test_resnet", "avg", "linear", 96),
    "attention pool": ("test_byobnet", "abs_attn", None, 160),
    "another size": ("test_vit", "", "linear", 96),
}


@pytest.mark.parametrize("case", CASES)
def test_features_are_those_of_the_model_itself(case, timm, make_folder):
    name, pooling, projection, side = CASES[case]
    folder, tower = make_folder(side, timm_model_name=name, timm_pool=pooling, timm_proj=projection)
    if projection == "none":  # the width is the joint space
        change_to_width(folder, tower.trunk.num_features)
    backbone = load_backbone(folder)
    draws = torch.Generator().manual_seed(0)
    pixels = torch.randn(2, 3, side, side, generator=draws)
    expected = F.normalize(by_hand(timm, tower, name, pooling, projection, side, pixels), dim=-1)
    assert torch.allclose(backbone.encode_images(pixels), expected, atol=1e-5)
    assert backbone.image_size == side
    assert (expected[0] - expected[1]).abs().max() > 1e-4


def change_to_width(folder, width):
    config = folder / "open_clip_config.json"
    content = json.loads(config.read_text())
    content["model_cfg"]["embed_dim"] = width
    config.write_text(json.dumps(content))
    path = folder / "open_clip_model.safetensors"
    save_file(load_file(path) | {"text_projection": torch.randn(24, width)}, path)


def by_hand(timm, tower, name, pooling, projection, side, pixels):
    """Features by a model that timm makes afresh, with the tower's weights."""
    sized = {"img_size": side} if "vit" in name else {}
    trunk_weights = tower.trunk.state_dict()
    if projection is None and pooling != "abs_attn":
        model = timm.create_model(name, num_classes=DIM, global_pool=pooling, **sized).eval()
        model.load_state_dict(trunk_weights)
        return model(pixels)
    model = timm.create_model(name, num_classes=0, **sized).eval()
    model.load_state_dict(trunk_weights)
    if pooling == "abs_attn":
        maps = model.forward_features(pixels)
        size = [maps.shape[2], maps.shape[3]]
        layer = timm.layers.AttentionPool2d(maps.shape[1], feat_size=size, out_features=DIM)
        layer.load_state_dict(tower.head.pool.state_dict())
        return layer.eval()(maps)
    pooled = model(pixels)  # its own pooling: the class token, or the mean of a map
    if pooling == "avg" and "vit" in name:
        pooled = model.forward_features(pixels)[:, 1:].mean(dim=1)
    if projection == "linear":
        return F.linear(pooled, tower.head.proj.weight)
    if projection == "mlp":
        mlp = tower.head.mlp
        hidden = F.gelu(F.linear(pooled, mlp.fc1.weight, mlp.fc1.bias))
        assert hidden.shape[1] == 2 * DIM and mlp.fc2.bias is None
        return F.linear(hidden, mlp.fc2.weight)
    return pooled


def test_the_towers_of_mobile_clip_2_and_pe_core_are_built_as_their_configs_say(timm):
    # model_configs of OpenCLIP; on the meta device, since they are large.
    for name, pooling, side, dim in (
        ("fastvit_mci0", "avg", 256, 512),  # MobileCLIP2-S0
        ("fastvit_mci3", "avg", 256, 768),  # MobileCLIP2-S3
        ("vit_base_mci_224", "token", 224, 512),  # MobileCLIP2-B
        ("vit_pe_core_base_patch16_224", "map", 224, 1024),  # PE-Core-B-16
    ):
        model = {
            "embed_dim": dim,
            "vision_cfg": {
                "image_size": side,
                "timm_model_name": name,
                "timm_model_pretrained": False,
                "timm_pool": pooling,
                "timm_proj": None,
                "timm_drop": 0.0,
            },
            "text_cfg": {},
        }
        with torch.device("meta"):
            tower = timm_image.build(Fields.read(model, "ours"))
            assert tower.eval()(torch.zeros(1, 3, side, side)).shape == (1, dim)


def test_style_is_read_from_the_blocks_of_timm(make_folder):
    from ldpf.backbones.styled import early_block

    folder, tower = make_folder(160, timm_model_name="test_vit", timm_pool="", timm_proj="linear")
    place, block = early_block(load_backbone(folder))
    assert place == "trunk.blocks.1" and type(block) is type(tower.trunk.blocks[1])


def test_the_name_of_the_tower_is_part_of_the_fingerprint(make_folder, tmp_path):
    image = {"timm_model_name": "test_vit", "timm_pool": "", "timm_proj": "linear"}
    folder, _ = make_folder(160, **image)
    first = load_backbone(folder).fingerprint
    assert load_backbone(folder).fingerprint == first
    other, _ = make_folder(160, tmp_path / "other", **{**image, "timm_pool": "avg"})
    assert load_backbone(other).fingerprint != first


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vit_unheard_of", "hf-hub:somebody/model", "local-dir:/x", 3])
def test_names_that_timm_does_not_know_are_refused(name, timm):
    assert message_of(timm_image.build, fields_of(timm_model_name=name)) == (
        f"The OpenCLIP model 'ours' has the image tower {name!r}, which timm {timm.__version__} "
        "does not know; run pip install -U timm, or check the name."
    )


def test_a_pooling_that_the_tower_does_not_have_is_refused(timm):
    message = message_of(
        timm_image.build, fields_of(timm_model_name="test_vit", timm_pool="rotating")
    )
    assert message.startswith(
        "The OpenCLIP model 'ours' asks timm for 'test_vit' with timm_pool='rotating' and "
        "timm_proj='linear', which it cannot build ("
    )


def test_another_projection_is_refused():
    message = message_of(timm_image.build, fields_of(timm_model_name="m", timm_proj="cubic"))
    assert "has vision_cfg.timm_proj='cubic' in open_clip_config.json, which is not" in message


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("import not_there", "No module named 'not_there'"),
        ("raise RuntimeError('for another torch')", "for another torch"),
    ],
)
def test_without_timm_it_is_said_how_to_get_it(line, reason, tmp_path, monkeypatch):
    (tmp_path / "timm").mkdir()
    (tmp_path / "timm" / "__init__.py").write_text(line)
    for name in [name for name in sys.modules if name.split(".")[0] == "timm"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert message_of(timm_image.build, fields_of(timm_model_name="test_vit")) == (
        f"The image tower of 'ours' is one of timm's, and timm cannot be imported here ({reason}); "
        "run pip install 'ldpf[timm]'."
    )


def test_the_tower_is_trunk_and_head():
    tower = timm_image.TimmImage(nn.Linear(3, 2), nn.Linear(2, 1))
    x = torch.ones(4, 3)
    assert torch.equal(tower(x), tower.head(tower.trunk(x)))
