from __future__ import annotations

import json
import shutil

import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file

from ldpf.backbones import load_backbone
from ldpf.backbones.convert import convert
from ldpf.errors import BackboneError


@pytest.fixture(scope="module")
def archive(openai_archive):
    return openai_archive()


@pytest.fixture
def pickled(family_folders, tmp_path):
    """A folder of OpenCLIP's with its weights as a pickle only."""
    folder = shutil.copytree(family_folders["open-clip"], tmp_path / "pickled")
    safe = folder / "open_clip_model.safetensors"
    torch.save(load_file(safe), folder / "open_clip_pytorch_model.bin")
    safe.unlink()
    return folder


def message_of(*arguments, **settings):
    with pytest.raises(BackboneError) as caught:
        convert(*arguments, **settings)
    return str(caught.value)


@pytest.mark.slow
def test_a_converted_folder_is_the_same_backbone(pickled, family_folders, tmp_path):
    result = convert(pickled / "open_clip_pytorch_model.bin", tmp_path / "new")
    assert result.weights == tmp_path / "new" / "open_clip_model.safetensors"
    assert result.problem is None
    assert set(result.other_files) == {
        "open_clip_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    own = load_backbone(family_folders["open-clip"])
    assert load_backbone(tmp_path / "new").fingerprint == own.fingerprint
    assert result.tensors == len(load_file(result.weights))


def test_the_config_of_a_language_model_is_copied_too(pickled, tmp_path):
    (pickled / "text_tower").mkdir()
    (pickled / "text_tower" / "config.json").write_text("{}")
    (pickled / "notes.json").write_text("mine")
    result = convert(pickled / "open_clip_pytorch_model.bin", tmp_path / "new")
    assert "text_tower/config.json" in result.other_files
    assert (tmp_path / "new" / "text_tower" / "config.json").read_text() == "{}"
    assert not (tmp_path / "new" / "notes.json").exists()


@pytest.mark.slow
def test_the_weights_can_be_put_next_to_the_pickle(pickled, family_folders):
    before = {path.name: path.read_bytes() for path in pickled.iterdir()}
    result = convert(pickled / "open_clip_pytorch_model.bin", pickled)
    assert result.other_files == () and result.problem is None
    assert load_backbone(pickled).fingerprint == (
        load_backbone(family_folders["open-clip"]).fingerprint
    )
    assert all((pickled / name).read_bytes() == content for name, content in before.items())


@pytest.mark.slow
def test_a_clip_of_transformers_keeps_its_file_name(tiny_clip_folder, tiny_clip, tmp_path):
    old = shutil.copytree(tiny_clip_folder, tmp_path / "old")
    torch.save(load_file(old / "model.safetensors"), old / "pytorch_model.bin")
    (old / "model.safetensors").unlink()
    result = convert(old / "pytorch_model.bin", tmp_path / "new")
    assert result.weights.name == "model.safetensors"
    assert load_backbone(tmp_path / "new").fingerprint == tiny_clip.fingerprint
    with safe_open(result.weights, "pt") as file:
        assert file.metadata() == {"format": "pt"}


@pytest.mark.slow
@pytest.mark.parametrize("quick", [True, False])
@torch.no_grad()
def test_an_openai_archive_becomes_a_backbone(quick, openai_archive, tiny_clip_folder, tmp_path):
    file, plain = openai_archive(quick)
    result = convert(file, tmp_path / "new", tokenizer=str(tiny_clip_folder))
    assert result.problem is None
    backbone = load_backbone(tmp_path / "new")
    assert backbone.activation == ("quick_gelu" if quick else "gelu")
    pixels = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    expected = F.normalize(plain.encode_image(pixels), dim=-1)
    assert torch.allclose(backbone.encode_images(pixels), expected, atol=1e-5)
    texts = ["a cat.", "a photo of a dog with a guitar"]
    ids = torch.zeros(2, 20, dtype=torch.long)
    for row, text in zip(ids, texts, strict=True):
        sentence = backbone.tokenizer(text)["input_ids"]
        row[: len(sentence)] = torch.tensor(sentence)
    expected = F.normalize(plain.encode_text(ids), dim=-1)
    assert torch.allclose(backbone.encode_texts(texts), expected, atol=1e-5)
    assert list(backbone.image_processor.image_mean) == [0.48145466, 0.4578275, 0.40821073]


def test_what_an_openai_archive_still_lacks_is_said(archive, tmp_path):
    result = convert(archive[0], tmp_path / "new")
    assert result.other_files == ("open_clip_config.json",)
    assert result.problem is not None and "has no tokenizer; copy tokenizer.json" in result.problem


def test_a_configuration_next_to_an_archive_is_kept(archive, tiny_clip_folder, tmp_path):
    old = tmp_path / "old"
    old.mkdir()
    shutil.copy(archive[0], old / "m.pt")
    first = convert(old / "m.pt", tmp_path / "first")
    config = json.loads((first.weights.parent / "open_clip_config.json").read_text())
    config["preprocess_cfg"]["interpolation"] = "bilinear"
    (old / "open_clip_config.json").write_text(json.dumps(config))
    convert(old / "m.pt", tmp_path / "new")
    assert json.loads((tmp_path / "new" / "open_clip_config.json").read_text()) == config


def test_only_the_weights_go_into_a_file(archive, tmp_path):
    result = convert(archive[0], tmp_path / "new" / "w.safetensors")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["w.safetensors"]
    assert (result.other_files, result.problem) == ((), None)
    weights = load_file(result.weights)
    assert "input_resolution" not in weights and weights["visual.proj"].dtype == torch.float16


def test_names_that_share_a_tensor_are_all_written(tmp_path):
    shared = torch.arange(4.0)
    torch.save({"a": shared, "b": shared, "c": shared[1:]}, tmp_path / "w.bin")
    convert(tmp_path / "w.bin", tmp_path / "w.safetensors")
    weights = load_file(tmp_path / "w.safetensors")
    assert [weights[name].tolist() for name in "abc"] == [[0, 1, 2, 3], [0, 1, 2, 3], [1, 2, 3]]


def test_files_that_are_there_are_not_replaced(archive, tmp_path):
    out = tmp_path / "new"
    out.mkdir()
    (out / "open_clip_config.json").write_text("mine")
    target = out / "open_clip_model.safetensors"
    target.write_bytes(b"old")
    assert message_of(archive[0], out) == (
        f"There is a file {str(target)!r} already; give another place, or overwrite=True."
    )
    assert target.read_bytes() == b"old"
    convert(archive[0], out, overwrite=True)
    assert len(target.read_bytes()) > 1000
    assert (out / "open_clip_config.json").read_text() == "mine"


def test_a_resnet_of_openai_is_refused_before_anything_is_written(archive, tmp_path, monkeypatch):
    import ldpf.backbones.convert as module
    from ldpf.backbones.torchscript import Archive

    weights = {"visual.attnpool.c_proj.weight": torch.ones(2), "logit_scale": torch.ones(())}
    monkeypatch.setattr(module, "read_archive", lambda _: Archive(weights, "torch.sigmoid("))
    message = message_of(archive[0], tmp_path / "new")
    assert message.startswith("The archive's image tower is a ResNet (it has 'visual.attnpool')")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("program", ["", "torch.sigmoid(x)\ntorch.gelu(x)"])
def test_an_activation_is_never_guessed(program, archive, tmp_path, monkeypatch):
    import ldpf.backbones.convert as module
    from ldpf.backbones.torchscript import Archive, read_archive

    weights = read_archive(archive[0]).weights
    monkeypatch.setattr(module, "read_archive", lambda _: Archive(weights, program))
    assert "does not say whether its activation is QuickGELU or GELU" in message_of(
        archive[0], tmp_path / "new"
    )


def test_an_archive_of_another_model_is_refused(archive, tmp_path, monkeypatch):
    import ldpf.backbones.convert as module
    from ldpf.backbones.torchscript import Archive, read_archive

    weights = read_archive(archive[0]).weights
    del weights["positional_embedding"]
    monkeypatch.setattr(module, "read_archive", lambda _: Archive(weights, "torch.sigmoid("))
    assert message_of(archive[0], tmp_path / "new") == (
        "The archive is not one of OpenAI's CLIP models (no fitting 'positional_embedding'); its "
        "configuration cannot be told from its weights."
    )


def test_tensors_of_no_known_format_go_into_a_file_only(tmp_path):
    torch.save({"image_encoder.a": torch.ones(2)}, tmp_path / "w.pt")
    assert message_of(tmp_path / "w.pt", tmp_path / "new") == (
        f"The names of the tensors in {str(tmp_path / 'w.pt')!r} (image_encoder.a) are neither "
        "OpenCLIP's nor those of a CLIP of transformers, so it is no backbone that can be used "
        "here; to convert it all the same give a file name ending in .safetensors."
    )
    assert convert(tmp_path / "w.pt", tmp_path / "w.safetensors").tensors == 1


def test_a_tokenizer_that_is_not_there_is_named(archive, tmp_path):
    (tmp_path / "empty").mkdir()
    message = message_of(archive[0], tmp_path / "new", tokenizer=str(tmp_path / "empty"))
    assert message.startswith(
        "There is no tokenizer (tokenizer.json, or vocab.json and merges.txt)"
    )
    assert not (tmp_path / "new").exists()


def test_what_is_no_file_to_convert_is_named(archive, tmp_path):
    assert "is not there; give a checkpoint" in message_of(tmp_path / "no.pt", tmp_path / "new")
    assert "is a folder; give a checkpoint" in message_of(tmp_path, tmp_path / "new")
    convert(archive[0], tmp_path / "w.safetensors")
    assert "is a safetensors file already" in message_of(
        tmp_path / "w.safetensors", tmp_path / "new"
    )
