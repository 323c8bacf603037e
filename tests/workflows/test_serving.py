"""The end of a served page."""

from __future__ import annotations

import tempfile

import pytest

from ldpf.app.uploads import Uploads
from ldpf.utils.stopping import Terminated
from ldpf.workflows import serving
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
