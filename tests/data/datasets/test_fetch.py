"""Fetching a copy from a hub: a small server that answers as the real one does."""

from __future__ import annotations

import errno
import io
import json
import socket
from dataclasses import replace

import huggingface_hub
import pytest
from huggingface_hub import close_session
from local_hub import LocalHub, endpoint
from PIL import Image

from ldpf.data import load_dataset
from ldpf.data.datasets import named_dataset
from ldpf.data.datasets.fetch import STATE, fetch_named_dataset
from ldpf.errors import DataError, SettingsError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

SHA = "0" * 40
PACS = replace(
    named_dataset("pacs"),
    images=28,
    domain_images=dict.fromkeys(named_dataset("pacs").domains, 7),
    class_images=dict.fromkeys(named_dataset("pacs").domains, (1,) * 7),
)


def picture(number, kind="PNG"):
    stream = io.BytesIO()
    Image.new("RGB", (4, 4), (number % 256, 7, 9)).save(stream, kind)
    return stream.getvalue()


def parquet(rows, names=PACS.classes):
    """A file as `datasets` writes it: rows of (content, path, domain, label number)."""
    content, paths, domains, labels = zip(*rows, strict=True)
    image = [{"bytes": c, "path": p} for c, p in zip(content, paths, strict=True)]
    table = pa.table({"image": image, "domain": list(domains), "label": list(labels)})
    features = {"info": {"features": {"label": {"names": list(names), "_type": "ClassLabel"}}}}
    table = table.replace_schema_metadata({b"huggingface": json.dumps(features).encode()})
    stream = io.BytesIO()
    pq.write_table(table, stream)
    return stream.getvalue()


class FakeHub(LocalHub):
    """One data set on a local port.

    Attributes:
        files: by name.
        broken: names of files that are answered with an error.
    """

    def __init__(self, files):
        super().__init__()
        self.files, self.broken = files, set()

    def respond(self, path):
        if "/resolve/" in path:
            name = path.split("/resolve/")[1].partition("/")[2]
            if name in self.broken:
                return 404, {"X-Error-Code": "EntryNotFound"}, b""
            content = self.files[name]
            return 200, {"ETag": f'"{hash(content)}"', "X-Repo-Commit": SHA}, content
        siblings = [{"rfilename": name} for name in self.files]
        info = {"id": "flwrlabs/pacs", "sha": SHA, "siblings": siblings}
        return 200, {"Content-Type": "application/json"}, json.dumps(info).encode()

    def downloads(self, name):
        return sum(how == "GET" and path.endswith(name) for how, path in self.asked)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Two Parquet files, with an image of each class in each domain of PACS."""
    rows = [
        (picture(i), f"pic_{i:03d}.png", domain, k)
        for i, (domain, k) in enumerate((d, k) for d in PACS.domains for k in range(7))
    ]
    files = {
        "README.md": b"a card",
        "data/train-00000-of-00002.parquet": parquet(rows[:20]),
        "data/train-00001-of-00002.parquet": parquet(rows[20:]),
    }
    hub = FakeHub(files)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    endpoint(monkeypatch, hub.url)
    close_session()
    yield hub
    hub.close()
    close_session()


def fetch(to):
    return fetch_named_dataset(PACS, to, progress=False)


@pytest.mark.slow
def test_a_copy_becomes_folders_with_the_copys_bytes_and_names(hub, tmp_path):
    made = fetch(tmp_path / "PACS")
    assert (made.written, made.repo, made.revision) == (28, "flwrlabs/pacs", SHA)
    assert made.check.differences == ()
    assert (tmp_path / "PACS/art_painting/dog/pic_000.png").read_bytes() == picture(0)
    dataset = load_dataset(tmp_path / "PACS")
    assert len(dataset) == 28 and dataset.domain_names == PACS.domains
    assert not list((tmp_path / "PACS" / STATE).rglob("*.parquet"))  # they take no room afterwards


def test_a_stopped_fetch_goes_on_where_it_was(hub, tmp_path):
    second = "data/train-00001-of-00002.parquet"
    hub.broken.add(second)
    with pytest.raises(DataError, match="what is there is kept, and the same command resumes"):
        fetch(tmp_path / "PACS")
    kept = tmp_path / "PACS/art_painting/dog/pic_000.png"
    before = kept.stat().st_mtime_ns
    hub.broken.clear()
    made = fetch(tmp_path / "PACS")
    assert made.written == 8 and made.check.differences == ()
    assert kept.stat().st_mtime_ns == before
    assert hub.downloads("train-00000-of-00002.parquet") == 1


@pytest.mark.slow
def test_the_same_call_again_fetches_nothing(hub, tmp_path):
    fetch(tmp_path / "PACS")
    hub.asked.clear()
    assert fetch(tmp_path / "PACS").written == 0
    assert not any(path.endswith(".parquet") for _, path in hub.asked)


def test_names_that_occur_twice_or_not_at_all_lose_no_image(hub, tmp_path):
    rows = [
        (picture(1, "JPEG"), "same.jpg", "sketch", 0),
        (picture(2, "JPEG"), "same.jpg", "sketch", 0),
        (picture(3, "JPEG"), None, "sketch", 0),
    ]
    hub.files["data/train-00000-of-00002.parquet"] = parquet(rows)
    fetch(tmp_path / "PACS")
    names = sorted(file.name for file in (tmp_path / "PACS/sketch/dog").iterdir())
    assert names == [
        "pic_021.png",
        "same-train-00000-of-00002-000001.jpg",
        "same.jpg",
        "train-00000-of-00002-000002.jpg",
    ]


def test_a_copy_that_lacks_images_is_told_by_its_counts(hub, tmp_path):
    del hub.files["data/train-00001-of-00002.parquet"]
    made = fetch(tmp_path / "PACS")
    assert "the domain sketch is missing" in made.check.differences
    assert any(one.startswith("photo: 1 missing (6 of 7)") for one in made.check.differences)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([(picture(1), "a.png", "watercolor", 0)], "the domain 'watercolor', which PACS has not"),
        ([(picture(1), "a.png", "sketch", 3)], "the label 'cello', which PACS has not"),
    ],
)
def test_a_copy_of_another_form_is_refused(rows, sentence, hub, tmp_path):
    names = ("dog", "elephant", "giraffe", "cello")
    hub.files["data/train-00000-of-00002.parquet"] = parquet(rows, names)
    with pytest.raises(DataError) as caught:
        fetch(tmp_path / "PACS")
    assert sentence in str(caught.value)


@pytest.mark.slow
def test_a_damaged_file_is_named_and_fetched_anew(hub, tmp_path):
    name = "data/train-00000-of-00002.parquet"
    whole, hub.files[name] = hub.files[name], b"PAR1 damaged"
    with pytest.raises(
        DataError,
        match=r"the copy flwrlabs.*train-00000-of-00002\.parquet as Parquet.*fetches it anew",
    ):
        fetch(tmp_path / "PACS")
    hub.files[name] = whole
    assert fetch(tmp_path / "PACS").check.differences == ()


def test_a_hub_that_cannot_be_reached_is_one_sentence(hub, tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    endpoint(monkeypatch, f"http://127.0.0.1:{port}")
    close_session()
    with pytest.raises(DataError) as caught:
        fetch(tmp_path / "PACS")
    assert "flwrlabs/pacs cannot be fetched from the hub" in str(caught.value)
    assert "HTTPS_PROXY or HF_ENDPOINT" in str(caught.value)


def test_what_has_no_copy_says_where_to_get_it(tmp_path):
    vlcs = named_dataset("vlcs")
    with pytest.raises(DataError) as caught:
        fetch_named_dataset(vlcs, tmp_path / "VLCS", progress=False)
    assert vlcs.home[0] in str(caught.value)
    assert "ldpf datasets check vlcs FOLDER" in str(caught.value)
    assert not (tmp_path / "VLCS").exists()


def test_a_folder_with_other_files_is_not_written_into(hub, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "mine.jpg").write_bytes(b"x")
    with pytest.raises(SettingsError, match="give a new folder with to "):
        fetch(tmp_path / "photos")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"repo": 3, "revision": "main", "files": []}, "repo is 3, and should be a text"),
        ({"repo": "a/b", "revision": "main", "files": "x"}, "files is 'x', and should be a list"),
        ([], r"it is \[\], and should be an object"),
    ],
)
def test_a_damaged_record_of_what_was_fetched_is_named_with_its_field(
    content, words, hub, tmp_path
):
    fetch(tmp_path / "PACS")
    (tmp_path / "PACS" / "fetched.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=words):
        fetch(tmp_path / "PACS")


def test_a_damaged_list_of_fetched_images_is_named(hub, tmp_path):
    fetch(tmp_path / "PACS")
    file = next((tmp_path / "PACS" / STATE).glob("*.json"))
    file.write_text("[1]")
    with pytest.raises(DataError, match=r"\[0\] is 1, and should be a text") as caught:
        fetch(tmp_path / "PACS")
    assert str(file) in str(caught.value)


def test_an_image_without_content_is_a_sentence(hub, tmp_path):
    name = "data/train-00000-of-00002.parquet"
    hub.files[name] = parquet([(None, "a.png", "sketch", 0)])
    with pytest.raises(DataError, match="an image is NoneType and no bytes"):
        fetch(tmp_path / "PACS")


def test_a_full_disk_is_no_fault_of_the_hub(hub, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("ldpf.data.datasets.fetch._downloaded", full)
    with pytest.raises(DataError, match=r"pacs cannot be stored .*No space left") as caught:
        fetch(tmp_path / "PACS")
    assert "proxy" not in str(caught.value)
