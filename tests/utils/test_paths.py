from __future__ import annotations

import os
from pathlib import Path

import pytest

from ldpf.errors import DataError, ModelError, SettingsError
from ldpf.experiments.results import read_results
from ldpf.utils.cache_dir import cache_root
from ldpf.utils.files import file_digest
from ldpf.utils.json_files import read_json, read_json_or_none
from ldpf.utils.paths import (
    can_be_path,
    full_path,
    is_folder,
    named_folder,
    require_plain,
    why_missing,
)
from ldpf.utils.trees import load_tree


def test_a_path_is_given_in_full(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    assert full_path("~/photos") == Path("/home/someone/photos")
    assert full_path(Path("photos")) == Path("photos")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "The backbone is empty"),
        ("a\0b", r"The backbone 'a\\x00b' holds a NUL"),
        ("~no-such-user/x", "The backbone '~no-such-user/x' begins with the home folder of a user"),
    ],
)
def test_what_is_no_path_is_refused(path, words):
    with pytest.raises(SettingsError, match=words):
        full_path(path, "backbone")


def test_a_cache_of_an_unknown_user_is_refused_with_its_variable(monkeypatch):
    monkeypatch.setenv("LDPF_CACHE", "~no-such-user/cache")
    with pytest.raises(SettingsError, match=r"The cache folder \(\$LDPF_CACHE\) '~no-such-user"):
        cache_root()


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "none"])
def test_a_name_that_no_file_can_have_is_no_folder(name, tmp_path):
    assert not is_folder(tmp_path / name)
    assert is_folder(tmp_path)


@pytest.mark.parametrize(
    ("text", "possible"),
    [
        ("a/b.png", True),
        ("caf\udce9.png", True),
        ("x" * 5000, True),
        ("a\0b", False),
        ("\ud800", False),
    ],
)
def test_paths_that_no_system_can_be_asked_for(text, possible):
    assert can_be_path(text) is possible


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("https://a.org/x.png", "a web address; download it and give the file"),
        ("HTTP:/a.org/x.png", "a web address; download it and give the file"),
        ("s3://bucket/x.png", "a web address; download it and give the file"),
        ("data:image/png;base64,iVBO", "a picture in text (a data URI); write what it holds to a"),
        ("none.png", "the file does not exist"),
        ("x" * 300, "the file does not exist"),
        ("http.png", "the file does not exist"),
    ],
)
def test_why_no_file_is_there_is_seen_in_its_name(name, words):
    assert why_missing(name).startswith(words) and why_missing(Path(name)).startswith(words[:9])


def test_a_link_that_leads_nowhere_is_named(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "none")
    assert why_missing(tmp_path / "link") == "a link to a file that does not exist"


def test_a_folder_may_have_a_name():
    assert named_folder(Path("few=runs/few=2")) == ("few", Path("runs/few=2"))
    assert named_folder(Path("runs")) == (None, Path("runs"))
    assert named_folder(Path("=runs")) == (None, Path("=runs"))


def test_a_folder_that_is_called_so_has_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "few=runs").mkdir()
    assert named_folder(Path("few=runs")) == (None, Path("few=runs"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_a_pipe_in_a_folder_is_refused_and_not_waited_for(tmp_path):
    for name in ("results.jsonl", "config.json"):
        os.mkfifo(tmp_path / name)
    with pytest.raises(ModelError, match="not a regular file"):
        read_results(tmp_path / "results.jsonl")
    with pytest.raises(DataError, match="not a regular file"):
        read_json(tmp_path / "config.json", "a file", "write it again", error=DataError)
    assert read_json_or_none(tmp_path / "config.json") is None
    assert file_digest(tmp_path / "config.json") is None
    with pytest.raises(ModelError):
        load_tree(tmp_path / "config.json")
    require_plain(Path(__file__))
    with pytest.raises(FileNotFoundError):
        require_plain(tmp_path / "none")
