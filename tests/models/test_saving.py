from __future__ import annotations

import errno
import json
import os
import pickle
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import ldpf
from ldpf.domains import DiscoverySettings
from ldpf.domains.disentangle.adversarial import Adversarial
from ldpf.errors import ModelError, SettingsError
from ldpf.fusion.similarity import Similarity
from ldpf.methods import LDPF, CoOp, ZeroShot
from ldpf.models.saving import check_output_folder, load_model, read_config, save_model
from ldpf.training.recipe import FAST
from ldpf.utils.files import file_digest

SHORT = replace(FAST, max_steps=3, cooldown=0)
METHODS = {
    "coop": CoOp(length=4, recipe=SHORT),
    "ldpf": LDPF(
        discovery=DiscoverySettings(rounds=2, disentangle=Adversarial()),
        fusion=Similarity(tau=0.3),
        recipe=SHORT,
    ),
    "ldpf-1": LDPF(discovery=DiscoverySettings(n_domains=1, rounds=1), recipe=SHORT),
}


@pytest.fixture(scope="module")
def images(make_features):
    return make_features(4, seed=1).features


@pytest.fixture(scope="module")
def fitted(make_features, tiny_clip):
    data = make_features(5)
    return {name: method.fit(data, data, tiny_clip) for name, method in METHODS.items()}


@pytest.fixture
def folder(fitted, tiny_clip, tmp_path):
    return save_model(fitted["ldpf"], tiny_clip, tmp_path / "model")


def message_of(folder, backbone):
    with pytest.raises(ModelError) as caught:
        load_model(folder, backbone)
    return str(caught.value)


def change_config(folder, **changes):
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps({k: v for k, v in config.items() if v is not None}))


def change_tensors(folder, **changes):
    """Replace tensors, with __ for a dot in the name; None removes one."""
    tensors = load_file(folder / "model.safetensors")
    tensors |= {name.replace("__", "."): value for name, value in changes.items()}
    tensors = {k: v for k, v in tensors.items() if v is not None}
    save_file(tensors, folder / "model.safetensors")


def bind(folder):
    """Let config.json say that these are its tensors, as one who changes them on purpose would."""
    change_config(folder, tensors_sha256=file_digest(folder / "model.safetensors"))


@pytest.mark.parametrize("name", METHODS)
def test_a_loaded_model_answers_with_the_same_bits(name, fitted, images, tiny_clip, tmp_path):
    save_model(fitted[name], tiny_clip, tmp_path)
    loaded, backbone = load_model(tmp_path, tiny_clip)
    assert backbone is tiny_clip
    assert torch.equal(loaded.logits(images), fitted[name].logits(images))
    assert torch.equal(loaded.domain_weights(images), fitted[name].domain_weights(images))
    assert (loaded.method, loaded.class_names) == (fitted[name].method, fitted[name].class_names)
    assert loaded.fusion == fitted[name].fusion
    assert loaded.training == fitted[name].training


def test_the_backbone_is_found_again_by_its_name(fitted, images, tiny_clip_folder, tmp_path):
    from ldpf.backbones import load_backbone

    save_model(fitted["ldpf"], load_backbone(tiny_clip_folder), tmp_path)
    loaded, backbone = load_model(tmp_path)
    assert backbone.name == str(tiny_clip_folder)
    assert torch.allclose(loaded.logits(images), fitted["ldpf"].logits(images), atol=1e-4)


def test_the_backbone_may_have_moved(folder, fitted, images, tiny_clip_folder):
    loaded, _ = load_model(folder, tiny_clip_folder)
    assert torch.allclose(loaded.logits(images), fitted["ldpf"].logits(images), atol=1e-4)


def test_a_folder_holds_two_files_and_nothing_pickled(folder):
    assert sorted(file.name for file in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert (folder / "model.safetensors").stat().st_size < 50_000


def test_the_config_says_what_a_person_asks_of_a_model(folder, fitted, tiny_clip):
    config = read_config(folder)
    assert config["library_version"] == ldpf.__version__
    assert config["method"] == "ldpf"
    assert config["class_names"] == ["cat", "dog", "horse"]
    assert config["backbone"] == {
        "name": "tiny-clip",
        "fingerprint": tiny_clip.fingerprint,
        "embed_dim": 16,
        "activation": "quick_gelu",
        "image_size": 16,
    }
    assert config["training"] == fitted["ldpf"].training


def test_provenance_is_kept_as_it_is(fitted, tiny_clip, tmp_path):
    save_model(fitted["coop"], tiny_clip, tmp_path, provenance={"data": "café", "n": [1, 2]})
    assert read_config(tmp_path)["provenance"] == {"data": "café", "n": [1, 2]}


def test_saving_over_a_model_replaces_it(folder, fitted, images, tiny_clip):
    save_model(fitted["coop"], tiny_clip, folder)
    loaded, _ = load_model(folder, tiny_clip)
    assert torch.equal(loaded.logits(images), fitted["coop"].logits(images))


@pytest.mark.parametrize("there", [True, False], ids=["over a model", "new"])
@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("number", [0, 1])
def test_a_save_killed_at_any_call_leaves_one_of_the_two_models(
    call, number, there, fitted, images, tiny_clip, tmp_path, monkeypatch
):
    folder = tmp_path / "model"
    if there:
        save_model(fitted["ldpf"], tiny_clip, folder)
    real, left = getattr(os, call), iter(range(number, -2, -1))

    def killed(*arguments):
        if next(left) == 0:
            os._exit(9)
        return real(*arguments)

    child = os.fork()
    if child == 0:
        setattr(os, call, killed)
        save_model(fitted["coop"], tiny_clip, folder)
        os._exit(1)  # it was not killed
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    if call == "replace" and number == 1:
        expected = "coop"
    elif there:
        expected = "ldpf"
    else:
        assert "has no config.json" in message_of(folder, tiny_clip)
        expected = "coop"
        save_model(fitted["coop"], tiny_clip, folder)
    loaded, _ = load_model(folder, tiny_clip)
    assert torch.equal(loaded.logits(images), fitted[expected].logits(images))


def test_a_config_that_cannot_be_json_destroys_no_model(folder, fitted, images, tiny_clip):
    with pytest.raises(TypeError):
        save_model(fitted["coop"], tiny_clip, folder, provenance={"method": object()})
    loaded, _ = load_model(folder, tiny_clip)
    assert torch.equal(loaded.logits(images), fitted["ldpf"].logits(images))


def test_a_full_disk_destroys_no_model(folder, fitted, images, tiny_clip, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError) as caught:
        patch.setattr(os, "fsync", full)
        save_model(fitted["coop"], tiny_clip, folder)
    assert caught.value.filename == str(folder / "model.safetensors")
    assert sorted(file.name for file in folder.iterdir()) == ["config.json", "model.safetensors"]
    loaded, _ = load_model(folder, tiny_clip)
    assert torch.equal(loaded.logits(images), fitted["ldpf"].logits(images))


def test_numbers_of_numpy_are_kept_as_numbers(fitted, tiny_clip, tmp_path):
    values = {"tau": np.float64(0.5), "n": np.arange(2, 4)[0], "grid": np.arange(2), "on": np.True_}
    save_model(fitted["coop"], tiny_clip, tmp_path, provenance=values)
    kept = read_config(tmp_path)["provenance"]
    assert kept == {"tau": 0.5, "n": 2, "grid": [0, 1], "on": True}


def test_a_folder_with_other_things_is_not_overwritten(fitted, tiny_clip, tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ModelError) as caught:
        save_model(fitted["coop"], tiny_clip, tmp_path)
    assert str(caught.value) == (
        f"The folder {str(tmp_path)!r} is not empty and holds no model; give a new folder so that "
        "nothing of yours is overwritten."
    )
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


def test_an_empty_or_new_folder_is_taken(tmp_path):
    for folder in (tmp_path, tmp_path / "new" / "er"):
        assert check_output_folder(folder) is None
    assert not (tmp_path / "new").exists()


def test_a_file_is_no_place_for_a_model(fitted, tiny_clip, tmp_path):
    file = tmp_path / "model"
    file.touch()
    with pytest.raises(ModelError) as caught:
        save_model(fitted["coop"], tiny_clip, file)
    assert str(caught.value) == f"{str(file)!r} is a file; give a folder for the model."


# --- what is refused --------------------------------------------------------------------------


def test_another_backbone_is_refused(folder, tiny_clip):
    other = replace(tiny_clip, name="other-clip", fingerprint="f" * 64)
    assert message_of(folder, other) == (
        f"The model in {str(folder)!r} was trained with backbone 'tiny-clip' (fingerprint "
        f"{tiny_clip.fingerprint[:12]}), but 'other-clip' has fingerprint ffffffffffff: weights, "
        "preprocessing or tokenizer differ. Give the original with backbone."
    )


def test_a_folder_without_config_is_no_model(tmp_path, tiny_clip):
    assert message_of(tmp_path, tiny_clip) == (
        f"{str(tmp_path)!r} is no model folder: it has no config.json. 'ldpf train --out FOLDER' "
        "makes one."
    )
    missing = tmp_path / "nothing"
    assert message_of(missing, tiny_clip).startswith(f"{str(missing)!r} is no model folder")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe{}"])
def test_a_config_that_is_no_json_is_refused(content, folder, tiny_clip):
    (folder / "config.json").write_bytes(content)
    message = message_of(folder, tiny_clip)
    assert f"{str(folder / 'config.json')!r} (not valid JSON: " in message
    assert message.endswith("); train again.")


@pytest.mark.parametrize("version", [3, "1", 0, True])
def test_an_unknown_format_is_refused_with_the_version_that_wrote_it(version, folder, tiny_clip):
    change_config(folder, format_version=version, library_version="9.9")
    assert message_of(folder, tiny_clip) == (
        f"The model in {str(folder)!r} has format version {version!r}, but this library "
        f"({ldpf.__version__}) reads versions 1, 2; use the version that wrote it (9.9)."
    )


def test_the_config_of_something_else_is_refused(folder, tiny_clip):
    (folder / "config.json").write_text('{"model_type": "clip"}')
    assert "has format version None, but this library" in message_of(folder, tiny_clip)
    (folder / "config.json").write_text("[1, 2]")
    assert "has format version None, but this library" in message_of(folder, tiny_clip)


def test_missing_entries_are_named(folder, tiny_clip):
    change_config(folder, fusion=None, method=None)
    assert message_of(folder, tiny_clip) == (
        f"{str(folder / 'config.json')!r} lacks method, fusion; the file was changed or cut. Train "
        "again."
    )


@pytest.mark.parametrize("names", [["cat", "dog"], ["cat", "dog", "horse", "cow"]])
def test_another_number_of_classes_is_refused(names, folder, tiny_clip):
    change_config(folder, class_names=names)
    assert message_of(folder, tiny_clip) == (
        f"{str(folder / 'config.json')!r} names {len(names)} classes, but the model has 3; a class "
        "may be renamed, but none added or removed. Train again."
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"fusion": "magic"}, "There is no fusion rule 'magic'"),
        ({"fusion_settings": {"tau": -1.0}}, "tau=-1.0 should"),
    ],
)
def test_settings_out_of_range_are_refused(change, sentence, folder, tiny_clip):
    change_config(folder, **change)
    with pytest.raises(SettingsError, match=sentence):
        load_model(folder, tiny_clip)


def test_a_folder_without_tensors_is_refused(folder, tiny_clip):
    (folder / "model.safetensors").unlink()
    assert message_of(folder, tiny_clip) == (
        f"The model folder {str(folder)!r} has no model.safetensors; train again."
    )


@pytest.mark.parametrize("keep", [0, 100, -1])
def test_cut_tensors_are_refused(keep, folder, tiny_clip):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    message = message_of(folder, tiny_clip)
    assert message.startswith(f"{str(path)!r} is damaged (")
    assert message.endswith("); copy or train it again.")


@pytest.mark.parametrize(
    "name",
    ["contexts", "latent.centroids", "latent.extractor.out.bias", "latent.extractor.erasure"],
)
def test_a_missing_tensor_is_named(name, folder, tiny_clip):
    change_tensors(folder, **{name.replace(".", "__"): None})
    assert message_of(folder, tiny_clip) == (
        f"The model in {str(folder)!r} lacks the tensor {name!r}; train again."
    )


def test_latent_domains_may_not_be_missing_altogether(folder, tiny_clip):
    tensors = load_file(folder / "model.safetensors")
    save_file({"contexts": tensors["contexts"]}, folder / "model.safetensors")
    assert "lacks the tensor 'latent." in message_of(folder, tiny_clip)


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("contexts", (2, 12, 32), "(3, 'any', 32)"),
        ("contexts", (3, 12, 16), "(3, 'any', 32)"),
        ("contexts", (3, 32), "(3, 'any', 32)"),
        ("latent.centroids", (4, 4), "(3, 'any')"),
        ("latent.extractor.hidden.weight", (8, 15), "('any', 16)"),
        ("latent.extractor.input_scale", (1,), "()"),
    ],
)
def test_a_tensor_of_another_shape_is_named(name, shape, expected, folder, tiny_clip):
    change_tensors(folder, **{name.replace(".", "__"): torch.zeros(shape)})
    assert message_of(folder, tiny_clip) == (
        f"The tensor {name!r} in {str(folder)!r} has shape {shape}, expected {expected}; the file "
        "does not belong to this config.json."
    )


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("latent.extractor.hidden.bias", (7,), (8,)),
        ("latent.extractor.out.weight", (4, 7), (4, 8)),
        ("latent.extractor.out.bias", (5,), (4,)),
        ("latent.extractor.output_mean", (5,), (4,)),
        ("latent.extractor.erasure", (4, 5), (4, 4)),
    ],
)
def test_tensors_that_do_not_fit_together_are_named(name, shape, expected, folder, tiny_clip):
    change_tensors(folder, **{name.replace(".", "__"): torch.zeros(shape)})
    assert message_of(folder, tiny_clip) == (
        f"The tensor {name!r} in {str(folder)!r} has shape {shape}, expected {expected}; the file "
        "is inconsistent."
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["contexts", "latent.extractor.out.weight", "latent.centroids"])
def test_values_that_are_not_finite_are_refused(name, value, folder, tiny_clip):
    tensor = load_file(folder / "model.safetensors")[name]
    tensor.reshape(-1)[-1] = value
    change_tensors(folder, **{name.replace(".", "__"): tensor})
    assert message_of(folder, tiny_clip) == (
        f"The tensor {name!r} in {str(folder)!r} holds NaN or infinite values; train again."
    )


@pytest.mark.parametrize("name", ["contexts", "latent.extractor.out.weight", "latent.centroids"])
def test_values_that_no_training_makes_are_refused(name, folder, tiny_clip):
    """Finite ones, whose products are not."""
    tensor = load_file(folder / "model.safetensors")[name]
    change_tensors(folder, **{name.replace(".", "__"): torch.full_like(tensor, 3e38)})
    bind(folder)
    assert message_of(folder, tiny_clip) == (
        f"The tensor {name!r} in {str(folder)!r} holds a value of 3e+38; no training makes one "
        "above 1e+12. Copy or train the model again."
    )


def test_kept_text_features_of_another_length_are_refused_with_it(
    make_features, tiny_clip, tmp_path
):
    """Also where the digest says that they are the model's own."""
    data = make_features(5)
    folder = save_model(ZeroShot().fit(data, data, tiny_clip), tiny_clip, tmp_path / "model")
    kept = load_file(folder / "model.safetensors")["text_features"]
    change_tensors(folder, text_features=2 * kept)
    bind(folder)
    assert message_of(folder, tiny_clip).startswith("Text feature 0 of the model has length 2 ")


def test_changed_values_are_noticed(folder, tiny_clip):
    tensors = load_file(folder / "model.safetensors")
    change_tensors(folder, contexts=tensors["contexts"] + 1e-3)
    message = message_of(folder, tiny_clip)
    assert str(folder / "model.safetensors") in message and "SHA-256" in message


def test_a_description_without_the_digest_of_its_tensors_is_refused(folder, tiny_clip):
    change_config(folder, tensors_sha256=None)
    message = message_of(folder, tiny_clip)
    assert str(folder / "config.json") in message and "tensors_sha256" in message


def test_tensors_of_another_model_of_the_same_shapes_are_noticed(
    folder, make_features, tiny_clip, tmp_path
):
    data = make_features(5)
    other = METHODS["ldpf"].fit(data, data, tiny_clip, seed=9)
    save_model(other, tiny_clip, tmp_path / "other")
    shutil.copy(tmp_path / "other" / "model.safetensors", folder)
    assert "SHA-256" in message_of(folder, tiny_clip)


def test_a_prompt_too_long_for_the_backbone_is_refused(folder, tiny_clip):
    change_tensors(folder, contexts=torch.zeros(3, 90, 32))
    bind(folder)
    with pytest.raises(SettingsError, match="90"):
        load_model(folder, tiny_clip)


class Trap:
    """Unpickling it leaves a trace."""

    def __reduce__(self):
        return os.mkdir, (os.environ["LDPF_TRAP"],)


def test_a_pickled_file_in_the_folder_is_never_opened(folder, tiny_clip, tmp_path, monkeypatch):
    trace = tmp_path / "trace"
    monkeypatch.setenv("LDPF_TRAP", str(trace))
    trap = pickle.dumps(Trap())
    for name in ("model.pkl", "pytorch_model.bin", "model.pt"):
        (folder / name).write_bytes(trap)
    load_model(folder, tiny_clip)
    (folder / "model.safetensors").write_bytes(trap)  # even under the right name
    assert "is damaged (" in message_of(folder, tiny_clip)
    assert not trace.exists()
    pickle.loads(trap)
    assert trace.exists()  # the trap works


def test_a_model_can_be_copied_to_another_place(folder, fitted, images, tiny_clip, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "elsewhere")
    loaded, _ = load_model(str(copy), tiny_clip)
    assert torch.equal(loaded.logits(images), fitted["ldpf"].logits(images))
