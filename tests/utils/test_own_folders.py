"""Output folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from ldpf.errors import SettingsError
from ldpf.utils.own_folders import check_own_folder, new_folder


def test_a_folder_of_other_things_is_refused(tmp_path: Path):
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(SettingsError) as caught:
        check_own_folder(tmp_path, ("runs",), "benchmark results")
    assert str(caught.value) == (
        f"The folder {str(tmp_path)!r} is not empty and holds no benchmark results; give a new "
        "folder with out so that nothing of yours is overwritten."
    )


def test_new_empty_and_own_folders_are_fine(tmp_path: Path):
    assert check_own_folder(tmp_path / "new", ("runs",), "benchmark results") is None
    assert check_own_folder(tmp_path, ("runs",), "benchmark results") is None
    (tmp_path / "runs").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    assert check_own_folder(tmp_path, ("runs",), "benchmark results") is None
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_file_is_no_folder(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(SettingsError, match=r"file' is a file; give a folder with out\.$"):
        check_own_folder(tmp_path / "file", ("runs",), "benchmark results")


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(SettingsError, match=r"cannot be made \(.*\); give another one with out"):
        new_folder(tmp_path / "file" / "below")
