"""The end of a served page."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from ldpf.app.edits import ClassEdits
from ldpf.app.uploads import Uploads
from ldpf.errors import ModelError
from ldpf.models.saving import read_config
from ldpf.utils.stopping import Terminated
from ldpf.workflows import serving
from ldpf.workflows.inputs import load_trained
from ldpf.workflows.serving import Served


class Page:
    closed = 0

    def close(self, verbose: bool) -> None:
        self.closed += 1


class StuckPage(Page):
    def close(self, verbose: bool) -> None:
        super().close(verbose)
        raise OSError("stuck")


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, Terminated])
def test_a_page_that_is_stopped_is_closed_and_its_uploads_are_removed(stop, monkeypatch):
    def stopped(seconds):
        raise stop

    monkeypatch.setattr(serving.time, "sleep", stopped)
    uploads, page = Uploads(), Page()
    (uploads.folder / "photo.png").write_bytes(b"x")
    with pytest.raises(stop, match="images of its visitors are removed"):
        Served("http://127.0.0.1:1", None, page, uploads).wait()
    assert page.closed == 1
    assert not uploads.folder.exists()


def test_uploads_are_removed_also_where_the_page_cannot_be_closed():
    uploads = Uploads()
    with pytest.raises(OSError, match="stuck"):
        Served("http://127.0.0.1:1", None, StuckPage(), uploads).close()
    assert not uploads.folder.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"share": True}, "everybody who has it can use the page, and images dropped there pass"),
        ({"host": "0.0.0.0"}, "the page on 0.0.0.0 is open to everybody who can reach it"),
        ({}, None),
    ],
)
def test_who_can_reach_the_page_is_said_before_it_is_served(options, words, monkeypatch, caplog):
    said = []
    trained = SimpleNamespace(classifier=None, backbone=None, folder=Path("model"))
    monkeypatch.setattr(serving, "load_trained", lambda *_: trained)
    monkeypatch.setattr(serving, "Session", lambda *_: None)
    monkeypatch.setattr(serving.page, "build_page", lambda *_: Page())
    monkeypatch.setattr(Page, "share_url", "https://x.gradio.live", raising=False)
    monkeypatch.setattr(serving, "serve_page", lambda *_, **__: said.extend(caplog.messages) or "x")
    served = serving.serve("model", **options)
    assert served.public == ("https://x.gradio.live" if "share" in options else None)
    assert [words in line for line in said] == ([] if words is None else [True])
    served.close()


def test_classes_are_kept_as_the_command_would_keep_them(model, tmp_path):
    keep = serving._keeper(load_trained(model, None, "cpu"), tmp_path / "kept", False, "cpu")
    assert keep.write is not None and str(tmp_path / "kept") in keep.words(ClassEdits())
    edits = ClassEdits(("cow",), (("dog", "puppy"),), ("house",))
    assert keep.write(edits).startswith(f"Kept in {str(tmp_path / 'kept')!r}. Nothing was trained")
    assert read_config(tmp_path / "kept")["class_names"] == ["cat", "puppy", "cow"]
    with pytest.raises(ModelError, match="another model"):
        keep.write(ClassEdits(("sheep",)))


def test_without_a_folder_the_page_shows_the_command(model):
    keep = serving._keeper(load_trained(model, None, "cpu"), None, False, "cpu")
    assert keep.write is None
    assert keep.words(ClassEdits(("cow",))).endswith("--add cow --out NEW-MODEL")
