from __future__ import annotations

import errno
import json
import shutil
import socket
from pathlib import Path
from types import SimpleNamespace

import httpx
import huggingface_hub
import numpy as np
import pytest
import torch
from huggingface_hub import errors
from huggingface_hub.utils import close_session
from safetensors.torch import load_file, save_file
from sklearn.exceptions import NotFittedError

from ldpf import LDPFClassifier
from ldpf.backbones import assemble
from ldpf.errors import BackboneError, ModelError

REPO = "somebody/sites"


@pytest.fixture(scope="module")
def fitted(make_features, tiny_clip_folder, quick_recipe) -> LDPFClassifier:
    """A classifier whose backbone is a folder here."""
    data = make_features(6)
    model = LDPFClassifier(
        tiny_clip_folder, 2, agnostic_length=1, specific_length=2, recipe=quick_recipe
    )
    return model.fit(data.features, [data.class_names[i] for i in data.labels])


@pytest.fixture
def of_the_hub(fitted, tiny_clip_parts) -> LDPFClassifier:
    """The same classifier, its backbone named by a hub id."""
    named = LDPFClassifier(**fitted.get_params())
    vars(named).update({k: v for k, v in vars(fitted).items() if k.endswith("_")})
    named.backbone_ = assemble("somebody/tiny-clip", **tiny_clip_parts)
    return named


@pytest.fixture(scope="module")
def features(make_features):
    return make_features(3, seed=1).features


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Path:
    """A folder that stands for the hub: what is pushed lies there, and is downloaded from it."""
    root = tmp_path / "hub"

    def create_repo(self, repo_id, *, private, exist_ok):
        (root / repo_id).mkdir(parents=True, exist_ok=exist_ok)
        (root / repo_id / ".gitattributes").write_text(f"private={private}")
        return SimpleNamespace(repo_id=repo_id)

    def upload_folder(self, *, repo_id, folder_path, commit_message, **_):
        shutil.copytree(folder_path, root / repo_id, dirs_exist_ok=True)
        return f"https://hub/{repo_id}/commit/1#{commit_message}"

    def snapshot_download(repo_id, *, allow_patterns, **_):
        cached = tmp_path / "cache" / repo_id
        cached.mkdir(parents=True)
        for name in allow_patterns:
            if (root / repo_id / name).exists():
                shutil.copy(root / repo_id / name, cached)
        return str(cached)

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", create_repo)
    monkeypatch.setattr(huggingface_hub.HfApi, "upload_folder", upload_folder)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return root


def same(model: LDPFClassifier, other: LDPFClassifier, features) -> bool:
    return np.array_equal(model.predict_proba(features), other.predict_proba(features))


# --- folders ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_saved_folder_is_a_model_folder_with_a_card(fitted, features, tmp_path):
    assert fitted.save_pretrained(tmp_path / "model") is None
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert names == {"README.md", "config.json", "model.safetensors"}
    assert same(LDPFClassifier.from_pretrained(tmp_path / "model"), fitted, features)
    assert same(LDPFClassifier.load(tmp_path / "model"), fitted, features)


def test_a_folder_without_a_card_is_loaded_too(fitted, features, tmp_path):
    fitted.save(tmp_path / "model")
    assert same(LDPFClassifier.from_pretrained(str(tmp_path / "model")), fitted, features)


@pytest.mark.parametrize("method", ["gda", "cocoop", "zero-shot"])
def test_a_model_of_every_kind_is_shared(
    method, make_features, features, tiny_clip_folder, quick_recipe, tmp_path, hub
):
    data = make_features(6)
    model = LDPFClassifier(tiny_clip_folder, method=method, recipe=quick_recipe)
    model.fit(data.features, [data.class_names[i] for i in data.labels])
    with pytest.warns(UserWarning, match="folder"):
        model.push_to_hub(REPO)
    assert f"({method})" in (hub / REPO / "README.md").read_text(encoding="utf-8")
    shared = LDPFClassifier.from_pretrained(REPO, backbone=tiny_clip_folder)
    assert same(shared, model, features)


def test_the_command_with_its_folders_is_not_shared(fitted, tmp_path):
    trained = fitted.save(tmp_path / "trained")
    config = json.loads((trained / "config.json").read_text(encoding="utf-8"))
    config["provenance"]["command"] = "ldpf train /home/somebody/photos"
    config["provenance"]["data_source"] = {"source": "/home/somebody/photos"}
    (trained / "config.json").write_text(json.dumps(config), encoding="utf-8")
    LDPFClassifier.load(trained).save_pretrained(tmp_path / "shared")
    shared = (tmp_path / "shared" / "config.json").read_text(encoding="utf-8")
    assert "/home/somebody" not in shared
    assert not {"command", "data_source"} & set(json.loads(shared)["provenance"])


def test_saving_again_keeps_a_card_that_somebody_wrote(fitted, features, tmp_path):
    fitted.save_pretrained(tmp_path)
    (tmp_path / "README.md").write_text("mine")
    fitted.save_pretrained(tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"
    assert same(LDPFClassifier.from_pretrained(tmp_path), fitted, features)


def test_nothing_of_yours_is_overwritten(fitted, tmp_path):
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(ModelError, match="is not empty and holds no model"):
        fitted.save_pretrained(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_nothing_is_shared_before_fit(hub, tmp_path):
    with pytest.raises(NotFittedError):
        LDPFClassifier().save_pretrained(tmp_path / "model")
    with pytest.raises(NotFittedError):
        LDPFClassifier().push_to_hub(REPO)
    assert not hub.exists()


def test_making_an_estimator_adds_nothing_to_its_parameters():
    model = LDPFClassifier(n_domains=5)
    assert vars(model).keys() == model.get_params().keys()


# --- the hub ----------------------------------------------------------------------------------


def test_what_is_pushed_can_be_fetched(of_the_hub, features, hub, tiny_clip):
    address = of_the_hub.push_to_hub(REPO, private=True, commit_message="first")
    assert address == f"https://hub/{REPO}/commit/1#first"
    names = {path.name for path in (hub / REPO).iterdir()}
    assert names == {".gitattributes", "README.md", "config.json", "model.safetensors"}
    (hub / REPO / "pytorch_model.bin").write_bytes(b"never fetched")
    fetched = LDPFClassifier.from_pretrained(REPO, backbone=tiny_clip)
    assert same(fetched, of_the_hub, features)
    assert fetched.classes_.tolist() == of_the_hub.classes_.tolist()


def test_saving_and_pushing_may_be_one_call(of_the_hub, hub, tmp_path):
    address = of_the_hub.save_pretrained(tmp_path / "sites", repo_id=REPO, push_to_hub=True)
    assert address.startswith(f"https://hub/{REPO}/")
    assert (tmp_path / "sites" / "config.json").read_text() == (
        hub / REPO / "config.json"
    ).read_text()


def test_a_backbone_that_others_do_not_have_is_warned_of(fitted, hub):
    with pytest.warns(UserWarning, match="which others do not have and whose path they will see"):
        fitted.push_to_hub(REPO)


def test_a_backbone_that_is_not_here_is_asked_for(fitted, hub, tiny_clip_folder, tmp_path):
    fitted.save_pretrained(tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    config["backbone"]["name"] = "/home/somebody/clip"
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    with pytest.raises(BackboneError) as caught:
        LDPFClassifier.from_pretrained(tmp_path / "model")
    assert str(caught.value).startswith("There is no backbone '/home/somebody/clip'")
    assert str(caught.value).endswith("give its folder or name with backbone=...")
    LDPFClassifier.from_pretrained(tmp_path / "model", backbone=tiny_clip_folder)


@pytest.mark.parametrize("name", ["nowhere", "./nothing/here", "a/b/c"])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(ModelError) as caught:
        LDPFClassifier.from_pretrained(name)
    assert str(caught.value) == (
        f"There is no model {name!r}: it is neither a folder here nor a hub id like 'owner/name'."
    )


@pytest.fixture
def no_network(tmp_path, monkeypatch):
    """A hub where nobody listens, and an empty cache."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    close_session()
    yield
    close_session()


ENDING = (
    "Behind a proxy or mirror set HTTPS_PROXY or HF_ENDPOINT; without any network a model folder "
    "can be copied, and loaded by its path."
)


def test_without_network_fetching_ends_with_one_message(no_network):
    with pytest.raises(ModelError) as caught:
        LDPFClassifier.from_pretrained(REPO)
    assert str(caught.value).startswith(
        f"The model {REPO!r} was not downloaded, because the hub could not be reached ("
    )
    assert str(caught.value).endswith(ENDING)


def test_without_network_pushing_ends_with_one_message(of_the_hub, no_network, monkeypatch):
    with pytest.raises(ModelError) as caught:
        of_the_hub.push_to_hub(REPO, token="hf_none")
    assert str(caught.value).startswith(
        f"The model {REPO!r} was not uploaded, because the hub could not be reached ("
    )
    assert str(caught.value).endswith(ENDING)


REQUEST = httpx.Request("GET", "https://huggingface.co/api")
REFUSALS = {
    errors.HFValidationError: None,
    errors.LocalTokenNotFoundError: None,
    errors.GatedRepoError: 403,
    errors.RevisionNotFoundError: 404,
    errors.RepositoryNotFoundError: 404,
    errors.HfHubHTTPError: 403,
    OSError: None,
}
"""What the hub's client raises, and the status of the hub's answer."""


def test_a_full_disk_is_no_fault_of_the_hub(monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", full)
    with pytest.raises(ModelError, match=r"No space left on device.*; make room, or set HF_HOME"):
        LDPFClassifier.from_pretrained(REPO)


def test_all_that_is_said_of_the_hub_in_one_view(monkeypatch, fitted, golden):
    sentences = []
    for kind, status in [*REFUSALS.items(), (errors.HfHubHTTPError, 500)]:
        given = {} if status is None else {"response": httpx.Response(status, request=REQUEST)}

        def refuse(*_, kind=kind, given=given, **__):
            raise kind("the client's own words", **given)

        monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
        with pytest.raises(ModelError) as caught:
            LDPFClassifier.from_pretrained(REPO)
        sentences.append(str(caught.value))
    with pytest.raises(ModelError) as caught:
        LDPFClassifier.from_pretrained("nowhere")
    golden([*sentences, str(caught.value)])


# --- folders that were tampered with ----------------------------------------------------------


def test_another_backbone_is_refused(fitted, hub, tmp_path):
    fitted.save_pretrained(tmp_path / "model")
    with pytest.raises(ModelError, match="weights, preprocessing or tokenizer differ"):
        LDPFClassifier.from_pretrained(tmp_path / "model", backbone="nano")


@pytest.mark.parametrize("kind", ["nan", "missing", "cut off", "not json"])
def test_a_damaged_model_is_refused(kind, fitted, tiny_clip, tmp_path):
    fitted.save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = load_file(file)
    if kind == "nan":
        tensors["contexts"] = torch.full_like(tensors["contexts"], torch.nan)
        save_file(tensors, file)
    elif kind == "missing":
        del tensors["latent.centroids"]
        save_file(tensors, file)
    elif kind == "cut off":
        file.write_bytes(file.read_bytes()[:-10])
    else:
        (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError):
        LDPFClassifier.from_pretrained(tmp_path, backbone=tiny_clip)
