from __future__ import annotations

from pathlib import Path

import pytest

from ldpf.errors import ModelError
from ldpf.report.tables.reading import named_folder, read_folders


def test_a_folder_without_results_says_what_to_run(tmp_path):
    with pytest.raises(ModelError, match="run 'ldpf benchmark' first"):
        read_folders([tmp_path])


def test_a_folder_may_have_a_name():
    assert named_folder(Path("few=runs/few=2")) == ("few", Path("runs/few=2"))
    assert named_folder(Path("runs")) == (None, Path("runs"))
    assert named_folder(Path("=runs")) == (None, Path("=runs"))


def test_a_folder_that_is_called_so_has_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "few=runs").mkdir()
    assert named_folder(Path("few=runs")) == (None, Path("few=runs"))
