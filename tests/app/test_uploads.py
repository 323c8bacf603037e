import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ldpf.app.uploads import Uploads


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    return tmp_path


def test_gradio_keeps_uploads_in_a_folder_that_others_cannot_read(temporary):
    uploads = Uploads()
    assert Path(os.environ["GRADIO_TEMP_DIR"]) == uploads.folder
    assert uploads.folder.parent == temporary
    assert stat.S_IMODE(uploads.folder.stat().st_mode) == 0o700
    uploads.remove()


def test_it_is_removed_with_everything_in_it(temporary):
    uploads = Uploads()
    (uploads.folder / "a").mkdir()
    (uploads.folder / "a" / "photo.png").write_bytes(b"x")
    uploads.remove()
    uploads.remove()
    assert list(temporary.iterdir()) == []
    assert "GRADIO_TEMP_DIR" not in os.environ


def test_a_folder_that_was_asked_for_is_used_and_stays(temporary, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(temporary / "mine"))
    uploads = Uploads()
    assert uploads.folder.parent == temporary / "mine"
    uploads.remove()
    assert os.environ["GRADIO_TEMP_DIR"] == str(temporary / "mine")
    assert list((temporary / "mine").iterdir()) == []


def test_two_pages_do_not_share_it():
    first, second = Uploads(), Uploads()
    first.remove()
    assert second.folder.exists() and os.environ["GRADIO_TEMP_DIR"] == str(second.folder)
    second.remove()


PROGRAM = """
import os, signal, tempfile
from ldpf.app.uploads import Uploads
uploads = Uploads()
(uploads.folder / "photo.png").write_bytes(b"x")
if {kill}:
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("kill", [False, True])
def test_the_end_of_the_process_or_the_next_page_removes_it(kill, temporary):
    program = PROGRAM.format(kill=kill)
    subprocess.run([sys.executable, "-c", program], env={**os.environ, "TMPDIR": str(temporary)})
    assert len(list(temporary.iterdir())) == kill
    Uploads().remove()
    assert list(temporary.iterdir()) == []
