from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from ldpf.errors import SettingsError
from ldpf.utils.temporary import is_litter
from ldpf.utils.writable import check_file, check_folder

CHECKS = [check_file, check_folder]


def raise_interrupt(*_, **__) -> None:
    raise KeyboardInterrupt


def inside(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", ["out", "a/b/c/out", "out with space", "ä/out", "-out"])
def test_what_can_be_written_passes_and_nothing_is_left(tmp_path, check, name):
    assert check(tmp_path / name) == tmp_path / name
    assert inside(tmp_path) == set()


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("-", "'-' stands for a stream in other programs; give a place on this machine with "),
        ("https://host/out.csv", "is the address of another machine, and nothing is sent there; "),
        ("s3://bucket/out", "is the address of another machine"),
        ("  ", "'  ' is blank; give a place"),
    ],
)
def test_what_is_no_place_is_refused(tmp_path, monkeypatch, check, out, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError) as caught:
        check(out, "--out")
    assert words in str(caught.value) and str(caught.value).endswith("with --out.")
    assert inside(tmp_path) == set()


@pytest.mark.parametrize("check", CHECKS)
def test_a_dash_in_a_folder_and_a_colon_are_names(tmp_path, check):
    for name in ("-", "a:b", "12:30/x"):
        assert check(tmp_path / name) == tmp_path / name


def test_what_is_there_stays_as_it_is(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    check_folder(tmp_path / "out")
    check_file(tmp_path / "out" / "mine.txt")
    assert inside(tmp_path) == {"out", "out/mine.txt"}
    assert (tmp_path / "out" / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("check", CHECKS)
def test_what_a_check_left_that_was_killed_is_removed_by_the_next(tmp_path, check, monkeypatch):
    out = tmp_path / ("out" if check is check_folder else "out.csv")
    if check is check_folder:
        out.mkdir()
    before = inside(tmp_path)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Path, "unlink", raise_interrupt)
        check(out)
    (left,) = inside(tmp_path) - before
    gone = re.sub(r"-[0-9a-f]{8}-(\d+\.tmp)$", r"-00000000-\1", left)  # of an earlier process
    (tmp_path / left).rename(tmp_path / gone)
    assert gone != left and is_litter(Path(gone).name)
    check(out)
    assert inside(tmp_path) == before


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("x" * 300, "File name too long"),
        ("x" * 300 + "/out", "File name too long"),
        ("/".join(["d" * 200] * 30), "File name too long"),
        ("file/out", "Not a directory"),
        ("file/below/out", "Not a directory"),
        ("circle/out", "Too many levels"),
        ("/proc/nothing/out", "No such file or directory"),
    ],
)
def test_what_cannot_be_written_is_named_with_the_reason(tmp_path, check, name, reason):
    if name.startswith("/proc") and not Path("/proc/self").exists():
        pytest.skip("needs a folder in which nobody can make any")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    before = inside(tmp_path)
    with pytest.raises(SettingsError, match=reason) as caught:
        check(tmp_path / name)
    assert str(caught.value).endswith("give another place with out.")
    assert len(str(caught.value)) < 300
    assert inside(tmp_path) == before
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    ("name", "word"), [("", "empty"), ("a\0b", "NUL"), ("~nobody-x/a", "home")]
)
def test_what_is_no_path_is_named(check, name, word):
    with pytest.raises(SettingsError, match=f"^The (OUT|out) .*{word}"):
        check(name, "OUT" if word == "empty" else None)


@pytest.mark.parametrize("check", CHECKS)
def test_a_home_folder_is_meant_where_it_is_written_short(tmp_path, monkeypatch, check):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert check("~/out") == tmp_path / "out"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
@pytest.mark.parametrize("check", CHECKS)
def test_a_folder_without_permission(tmp_path, check):
    (tmp_path / "locked").mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(SettingsError, match="Permission denied"):
        check(tmp_path / "locked" / "out")


def test_a_file_for_a_folder_and_a_folder_for_a_file(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SettingsError, match=r"file' is a file; give a folder with out\.$"):
        check_folder(tmp_path / "file")
    with pytest.raises(SettingsError, match=rf"^{re.escape(repr(str(tmp_path)))} is a folder"):
        check_file(tmp_path)


def test_devices_and_links_are_files(tmp_path):
    check_file("/dev/null")
    (tmp_path / "link.csv").symlink_to(tmp_path / "new" / "file.csv")
    check_file(tmp_path / "link.csv")
    assert inside(tmp_path) == {"link.csv"}


def test_a_name_that_is_too_long_only_with_its_ending_is_refused(tmp_path):
    """Rows go to `NAME.part` first."""
    check_file(tmp_path / ("x" * 250))
    with pytest.raises(SettingsError, match="File name too long"):
        check_file(tmp_path / ("x" * 253))
