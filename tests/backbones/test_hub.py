from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import huggingface_hub.constants
import pytest
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import close_session
from local_hub import LocalHub, endpoint

import ldpf.backbones.hub
from ldpf.backbones import hf_text, load_backbone
from ldpf.backbones.convert import convert
from ldpf.backbones.hub import BUNDLED, resolve_folder, small_files
from ldpf.errors import BackboneError, SettingsError

REPO = "somebody/tiny-clip"
SHA = "0123456789abcdef0123456789abcdef01234567"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
UNREACHABLE = (
    "Behind a proxy or mirror set HTTPS_PROXY or HF_ENDPOINT; where the model was downloaded "
    "before, set HF_HOME to that cache; without any network copy the model's folder here and give "
    "its path (backbone='./clip-vit-base-patch16'). backbone='nano' needs no network, but knows "
    "drawings only: enough to try commands, and of no use for photos."
)


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub's client reads its offline switch once, when it is imported."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)


class FakeHub(LocalHub):
    """As much of the hub's HTTP interface as a download needs, on a local port.

    Attributes:
        files: what the one model holds, by file name.
        others: what further models hold, by name of the model.
        refuse: (status, error code) with which everything, or only files, are answered.
    """

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.others: dict[str, dict[str, bytes]] = {}
        self.refuse: tuple[int, str] | None = None
        self.refuse_files_only = False
        super().__init__()

    def respond(self, path):
        is_file = "/resolve/" in path
        files = next((own for name, own in self.others.items() if name in path), self.files)
        if self.refuse and (is_file or not self.refuse_files_only):
            status, code = self.refuse
            return status, {"X-Error-Code": code} if code else {}, b""
        if is_file:
            content = files[path.split("/resolve/")[1].partition("/")[2]]
            return 200, {"ETag": f'"{len(content)}"', "X-Repo-Commit": SHA}, content
        if "/tree/" in path:
            rows = [
                {"type": "file", "path": name, "size": len(content), "oid": str(len(content))}
                for name, content in files.items()
            ]
            return 200, {"Content-Type": "application/json"}, json.dumps(rows).encode()
        siblings = [{"rfilename": name, "size": len(files[name])} for name in files]
        info = {"id": REPO, "sha": SHA, "siblings": siblings}
        return 200, {"Content-Type": "application/json"}, json.dumps(info).encode()


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    """An empty local cache, and no network."""
    cache = tmp_path / "hub"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    endpoint(monkeypatch, closed_port())
    # The client keeps the proxies it started with.
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    close_session()
    yield cache
    close_session()


def closed_port():
    """An address where nobody listens: connections are refused at once."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def hub(hub_cache, monkeypatch, tiny_clip_folder):
    hub = FakeHub()
    hub.files = {file.name: file.read_bytes() for file in tiny_clip_folder.iterdir()}
    endpoint(monkeypatch, hub.url)
    yield hub
    hub.close()


def in_cache(cache, folder, *, ref="main", leave_out=()):
    """Lay a folder into the hub's cache as huggingface_hub does (without its symbolic links)."""
    repo = cache / f"models--{REPO.replace('/', '--')}"
    snapshot = repo / "snapshots" / SHA
    shutil.copytree(folder, snapshot, ignore=lambda *_: leave_out)
    (repo / "refs").mkdir()
    (repo / "refs" / ref).write_text(SHA)
    return snapshot


def message_of(name):
    with pytest.raises(BackboneError) as caught:
        resolve_folder(name)
    return str(caught.value)


def test_a_folder_is_taken_as_it_is(tmp_path):
    assert resolve_folder(tmp_path) == tmp_path
    assert resolve_folder(str(tmp_path)) == tmp_path


def test_a_relative_folder_wins_over_a_hub_id(tmp_path, monkeypatch):
    (tmp_path / "openai" / "clip").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert resolve_folder("openai/clip") == Path("openai/clip")


def test_a_bundled_name_gives_the_folder_in_the_package():
    assert resolve_folder("nano") == Path(ldpf.backbones.hub.__file__).parents[1] / "demo" / "nano"


def test_a_file_is_refused(tmp_path):
    file = tmp_path / "model.safetensors"
    file.touch()
    assert message_of(str(file)) == (
        f"The backbone {str(file)!r} is a file; give the folder it lies in (config.json, "
        "model.safetensors, tokenizer and preprocessor files)."
    )


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("nanno", " Did you mean 'nano'?"),
        ("resnet50", ""),
        ("./nothing/here", ""),
        ("a/b/c", ""),
        ("somebody/bad--name", ""),
    ],
)
def test_an_unknown_name_is_refused_with_what_is_possible(name, hint, hub_cache):
    assert message_of(name) == (
        f"There is no backbone {name!r}: it is neither a bundled one ({', '.join(BUNDLED)}), nor a "
        f"folder here, nor a hub id like 'openai/clip-vit-base-patch16'.{hint}"
    )


def test_an_empty_name_is_refused_and_is_not_the_working_directory(hub_cache):
    with pytest.raises(SettingsError, match="The backbone is empty"):
        resolve_folder("")


def test_a_complete_copy_in_the_cache_needs_no_network(hub_cache, tiny_clip_folder, tiny_clip):
    snapshot = in_cache(hub_cache, tiny_clip_folder)
    assert resolve_folder(REPO) == snapshot
    assert load_backbone(REPO).fingerprint == tiny_clip.fingerprint


@pytest.mark.parametrize("revision", ["v2", SHA])
def test_a_revision_in_the_cache_needs_no_network(revision, hub_cache, tiny_clip_folder):
    snapshot = in_cache(hub_cache, tiny_clip_folder, ref="v2")
    assert resolve_folder(f"{REPO}@{revision}") == snapshot


def test_another_revision_than_the_one_in_the_cache_is_not_mistaken_for_it(
    hub_cache, tiny_clip_folder
):
    in_cache(hub_cache, tiny_clip_folder, ref="v2")
    assert f"The backbone '{REPO}@v3' is not on this machine" in message_of(f"{REPO}@v3")
    assert f"The backbone '{REPO}' is not on this machine" in message_of(REPO)


@pytest.mark.parametrize(
    "lost", ["config.json", "model.safetensors", "tokenizer.json", "preprocessor_config.json"]
)
def test_an_incomplete_copy_in_the_cache_is_not_used(lost, hub_cache, tiny_clip_folder):
    in_cache(hub_cache, tiny_clip_folder, leave_out=(lost,))
    assert f"The backbone '{REPO}' is not on this machine" in message_of(REPO)


@pytest.mark.slow
@pytest.mark.parametrize("name", [REPO, f"{REPO}@v2"])
def test_a_download_is_used_again_without_the_network(name, hub, hub_cache, tiny_clip, monkeypatch):
    hub.files |= {"README.md": b"# tiny", "pytorch_model.bin": b"x" * 50, "flax.msgpack": b"x"}
    assert load_backbone(name).fingerprint == tiny_clip.fingerprint
    fetched = {path.rpartition("/")[2] for path in hub.paths if "/resolve/" in path}
    assert "model.safetensors" in fetched
    assert not fetched & {"README.md", "pytorch_model.bin", "flax.msgpack"}
    asked = len(hub.asked)
    assert load_backbone(name).fingerprint == tiny_clip.fingerprint
    assert len(hub.asked) == asked
    endpoint(monkeypatch, closed_port())
    assert load_backbone(name).fingerprint == tiny_clip.fingerprint


@pytest.mark.slow
def test_a_download_says_its_size_and_place_and_shows_a_bar(hub, hub_cache, caplog, capsys):
    hub.files["model.safetensors"] += b" " * 5_000_000
    with caplog.at_level("INFO", "ldpf"):
        resolve_folder(REPO)
    size = len(hub.files["model.safetensors"]) / 1e6
    (said,) = [text for text in caplog.messages if text.startswith("downloading")]
    assert said.startswith(f"downloading {REPO} (revision {SHA}), {size:,.1f} MB, once: it is kept")
    assert said.endswith(str(hub_cache))
    assert "100%" in capsys.readouterr().err


def test_weights_in_pytorchs_format_are_fetched_where_there_are_no_others(hub):
    hub.files["pytorch_model.bin"] = hub.files.pop("model.safetensors")
    assert (resolve_folder(REPO) / "pytorch_model.bin").exists()


def test_a_model_without_weights_is_refused(hub):
    del hub.files["model.safetensors"]
    assert message_of(REPO) == (
        f"The hub model {REPO!r} has no model.safetensors or pytorch_model.bin in it; give a CLIP "
        "checkpoint in the Hugging Face format."
    )


@pytest.mark.parametrize("refuse", [(404, "RepoNotFound"), (401, "RepoNotFound")])
def test_a_model_the_hub_does_not_have_is_named(refuse, hub):
    hub.refuse = refuse
    assert message_of(REPO) == (
        f"The hub has no model {REPO!r} that you may see; check the spelling, or set HF_TOKEN if "
        "it is private."
    )


@pytest.mark.parametrize("files_only", [True, False])
def test_a_gated_model_says_what_to_accept(files_only, hub):
    # The real hub shows the list of files to everyone, and refuses the files.
    hub.refuse, hub.refuse_files_only = (403, "GatedRepo"), files_only
    assert message_of(REPO) == (
        f"The backbone {REPO!r} is gated: accept its terms on its hub page, then set HF_TOKEN or "
        "run 'hf auth login'."
    )


def test_a_revision_the_model_does_not_have_is_named(hub):
    hub.refuse = (404, "RevisionNotFound")
    assert message_of(f"{REPO}@v9") == (
        f"The model {REPO!r} has no revision 'v9'; leave out '@v9' for the newest."
    )


@pytest.mark.parametrize("status", [401, 403])
def test_a_hub_that_refuses_says_what_to_check(status, hub):
    hub.refuse = (status, "")
    assert message_of(REPO) == (
        f"The hub, or a proxy before it, refused the backbone {REPO!r} (HTTP status {status}); "
        "check that HF_TOKEN holds a valid token, or unset it, and HTTPS_PROXY and HF_ENDPOINT; or "
        "copy the model's folder here and give its path."
    )


@pytest.mark.parametrize("status", [404, 500, 503])
def test_a_proxy_that_answers_for_the_hub_gives_one_message(status, hub):
    hub.refuse = (status, "")
    message = message_of(REPO)
    assert message.startswith(
        f"The backbone {REPO!r} is not on this machine and the hub could not be reached ("
    )
    assert str(status) in message
    assert message.endswith(f"). {UNREACHABLE}")


@pytest.mark.slow
def test_a_hub_that_never_answers_is_given_up_on(hub_cache, monkeypatch):
    assert ldpf.backbones.hub._REQUEST_TIMEOUT_S <= 15
    monkeypatch.setattr(ldpf.backbones.hub, "_REQUEST_TIMEOUT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}")
        message = message_of(REPO)
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):  # one attempt: no retries on top of the timeout
            silent.accept()
    assert message == (
        f"The backbone {REPO!r} is not on this machine and the hub could not be reached (timed "
        f"out). {UNREACHABLE}"
    )


def test_offline_mode_gives_the_same_message(hub_cache, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    message = message_of(REPO)
    assert message.startswith(f"The backbone {REPO!r} is not on this machine")
    assert message.endswith(UNREACHABLE)


@pytest.mark.slow
def test_without_network_a_fresh_process_ends_at_once_with_one_message(tmp_path):
    environment = os.environ | {
        "HF_ENDPOINT": closed_port(),
        "HF_HOME": str(tmp_path),
        "no_proxy": "127.0.0.1",
    }
    script = (
        "import time\nfrom ldpf.backbones import load_backbone\nstart = time.monotonic()\n"
        f"try:\n    load_backbone({REPO!r})\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
        "print(time.monotonic() - start)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    message, seconds = done.stdout.splitlines()
    assert message.startswith(
        f"BackboneError The backbone {REPO!r} is not on this machine and the hub could not be "
        "reached ("
    )
    assert message.endswith(f"Connection refused). {UNREACHABLE}")
    assert float(seconds) < 20


# --- OpenCLIP models ------------------------------------------------------------------------------


def served(hub, folder):
    hub.files = {file.name: file.read_bytes() for file in folder.iterdir()}
    return hub.files


@pytest.mark.slow
def test_an_open_clip_model_is_fetched_and_used_again(hub, family_folders, monkeypatch):
    files = served(hub, family_folders["open-clip"])
    files["open_clip_pytorch_model.bin"] = b"a pickle nobody asked for"
    own = load_backbone(family_folders["open-clip"]).fingerprint
    assert load_backbone(REPO).fingerprint == own
    assert not any("open_clip_pytorch_model.bin" in path for path in hub.paths)
    endpoint(monkeypatch, closed_port())
    assert load_backbone(REPO).fingerprint == own


@pytest.mark.slow
def test_of_two_formats_the_hubs_own_is_fetched(hub, tiny_clip, family_folders):
    # A config of QuickGELU like the other, or loading would rightly be refused.
    for name in ("open_clip_config.json", "open_clip_model.safetensors"):
        hub.files[name] = (family_folders["open-clip"] / name).read_bytes()
    config = json.loads(hub.files["open_clip_config.json"])
    config["model_cfg"]["quick_gelu"] = True
    hub.files["open_clip_config.json"] = json.dumps(config).encode()
    assert load_backbone(REPO).fingerprint == tiny_clip.fingerprint
    assert not any("open_clip_model.safetensors" in path for path in hub.paths)


@pytest.mark.slow
def test_weights_of_another_library_are_not_fetched(hub, family_folders):
    files = served(hub, family_folders["open-clip"])
    files["config.json"] = b'{"architecture": "vit_base_patch32_clip_224"}'
    files["model.safetensors"] = b"of another library"
    own = load_backbone(family_folders["open-clip"]).fingerprint
    assert load_backbone(REPO).fingerprint == own
    assert not any(path.endswith("/model.safetensors") for path in hub.paths)


def test_an_open_clip_model_with_pickled_weights_only_is_not_fetched(hub, family_folders):
    files = served(hub, family_folders["open-clip"])
    files["open_clip_pytorch_model.bin"] = files.pop("open_clip_model.safetensors")
    assert message_of(REPO) == (
        f"The OpenCLIP model {REPO!r} has no open_clip_model.safetensors but "
        "open_clip_pytorch_model.bin, a pickle, which can run code when it is read and is not "
        "opened here; choose a revision that has it, or download the model's folder and run 'ldpf "
        "backbone convert FOLDER/open_clip_pytorch_model.bin FOLDER', which executes nothing of it."
    )
    assert not any("open_clip_pytorch_model.bin" in path for path in hub.paths)


@pytest.mark.parametrize("lost", ["open_clip_model.safetensors", "tokenizer.json"])
def test_an_incomplete_copy_of_an_open_clip_model_is_not_used(lost, hub_cache, family_folders):
    in_cache(hub_cache, family_folders["open-clip"], leave_out=(lost, "vocab.json"))
    assert message_of(REPO).startswith(f"The backbone {REPO!r} is not on this machine and the hub")


def test_weights_of_an_unsupported_family_are_not_fetched(hub):
    hub.files["config.json"] = b'{"model_type": "blip"}'
    assert "'blip'" in message_of(REPO)
    assert not any(path.endswith(".safetensors") for path in hub.paths)


# --- parts of other models ------------------------------------------------------------------------

TOWER = "somebody/tiny-bert"


@pytest.fixture
def with_a_tower(hub, family_folders):
    """An OpenCLIP model whose text tower is described by another model, weights left out."""
    files = served(hub, family_folders["open-clip"])
    config = json.loads(files["open_clip_config.json"])
    config["model_cfg"]["text_cfg"] = {"hf_model_name": TOWER, "hf_tokenizer_name": TOWER}
    files["open_clip_config.json"] = json.dumps(config).encode()
    sizes = {"hidden_size": 8, "num_attention_heads": 2, "vocab_size": 9}
    content = json.dumps({"model_type": "bert", **sizes}).encode()
    hub.others[TOWER] = {"config.json": content, "pytorch_model.bin": b"not asked for"}
    return hub


@pytest.mark.slow
def test_the_config_of_a_text_tower_is_fetched_and_used_again(with_a_tower, monkeypatch):
    folder = resolve_folder(REPO)
    assert hf_text.read_config(folder, TOWER).hidden_size == 8
    assert not any("tiny-bert" in p and "pytorch_model.bin" in p for p in with_a_tower.paths)
    endpoint(monkeypatch, closed_port())
    assert hf_text.read_config(folder, TOWER).hidden_size == 8


@pytest.mark.slow
def test_without_a_network_it_is_said_where_a_copy_goes(with_a_tower, monkeypatch):
    folder = resolve_folder(REPO)
    endpoint(monkeypatch, closed_port())
    with pytest.raises(BackboneError) as caught:
        load_backbone(REPO)
    message = str(caught.value)
    assert message.startswith(
        f"The sizes of the text tower of {str(folder)!r} are in config.json of {TOWER!r}. The "
        f"backbone {TOWER!r} is not on this machine and the hub could not be reached ("
    )
    assert message.endswith(
        f"). Where there is a network, 'hf download {TOWER} config.json --local-dir "
        f"{folder / 'text_tower'}' puts that file where it is looked for first."
    )
    (folder / "text_tower").mkdir()
    (folder / "text_tower" / "config.json").write_bytes(with_a_tower.others[TOWER]["config.json"])
    assert hf_text.read_config(folder, TOWER).hidden_size == 8


def test_a_tower_that_the_hub_does_not_have_is_named(with_a_tower):
    folder = resolve_folder(REPO)
    with_a_tower.refuse = (404, "RepoNotFound")
    with pytest.raises(BackboneError) as caught:
        hf_text.read_config(folder, TOWER)
    assert f"The hub has no model {TOWER!r} that you may see" in str(caught.value)


def test_a_tokenizer_is_fetched_without_the_weights(hub, tiny_clip_folder):
    folder = small_files(REPO, mark="tokenizer.json")
    assert (folder / "tokenizer.json").read_bytes() == (
        tiny_clip_folder / "tokenizer.json"
    ).read_bytes()
    assert not any(path.endswith("safetensors") for path in hub.paths)


@pytest.mark.slow
def test_a_converted_archive_gets_its_tokenizer_from_the_hub(
    hub, openai_archive, tiny_clip_folder, tmp_path
):
    result = convert(openai_archive()[0], tmp_path / "new", tokenizer=REPO)
    assert result.problem is None
    assert "tokenizer.json" in result.other_files and "config.json" not in result.other_files


def test_all_that_the_hub_may_refuse_in_one_view(golden):
    def answer(kind, status):
        request = httpx.Request("GET", "https://hub.example/model")
        return kind("words of the hub", response=httpx.Response(status, request=request))

    def sentence(error):
        with pytest.raises(BackboneError) as caught, ldpf.backbones.hub._hub_errors(REPO, "v2"):
            raise error
        return str(caught.value)

    golden(
        [
            sentence(HFValidationError("no id")),
            sentence(answer(GatedRepoError, 403)),
            sentence(answer(RepositoryNotFoundError, 404)),
            sentence(answer(RevisionNotFoundError, 404)),
            sentence(answer(HfHubHTTPError, 401)),
            sentence(answer(HfHubHTTPError, 503)),
            sentence(OSError(28, "No space left on device")),
        ]
    )
