from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from ldpf.errors import SettingsError
from ldpf.utils.locks import locked_file, locked_folder
from ldpf.utils.temporary import LOCK, is_litter

PROGRAM = """
import sys, time
from pathlib import Path
from ldpf.utils.locks import locked_file, locked_folder
kind = {"file": locked_file, "folder": locked_folder}[sys.argv[1]]
with kind(Path(sys.argv[2])):
    print("held", flush=True)
    time.sleep(60)
"""


def hold(kind: str, path: Path) -> subprocess.Popen[bytes]:
    """A process that holds a lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, kind, str(path)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None and process.stdout.readline() == b"held\n"
    return process


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "lock"), [("file", locked_file), ("folder", locked_folder)])
def test_a_second_process_is_refused_and_the_lock_ends_with_the_first(tmp_path, kind, lock):
    path = tmp_path / "out"
    process = hold(kind, path)
    try:
        with pytest.raises(SettingsError) as caught, lock(path):
            pass
        assert str(caught.value) == (
            f"Another process is writing to {str(path)!r}; wait until it has finished, or give "
            "another place with out."
        )
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    with lock(path):
        pass
    assert not [file for file in tmp_path.rglob("*") if is_litter(file.name)]


@pytest.mark.parametrize("lock", [locked_file, locked_folder])
def test_a_lock_leaves_nothing_behind(tmp_path, lock):
    with lock(tmp_path / "out"):
        assert any(is_litter(file.name) for file in tmp_path.rglob("*"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_there_stays(tmp_path):
    (tmp_path / "out").mkdir()
    with locked_folder(tmp_path / "out"):
        assert (tmp_path / "out" / LOCK).exists()
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_a_link_and_its_file_are_one(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with (
        locked_file(tmp_path / "link"),
        pytest.raises(SettingsError, match="Another process"),
        locked_file(tmp_path / "file"),
    ):
        pass


def test_files_side_by_side_do_not_wait_for_each_other(tmp_path):
    names = ["a.csv", "b.csv", "x" * 60 + "1", "x" * 60 + "2", "ä" * 127]
    with ExitStack() as held:
        for name in names:
            held.enter_context(locked_file(tmp_path / name))
        assert len(list(tmp_path.iterdir())) == len(names)
    assert list(tmp_path.iterdir()) == []


def test_a_device_is_not_locked():
    with locked_file(Path("/dev/null")), locked_file(Path("/dev/null")):
        pass
    assert not [file for file in Path("/dev").iterdir() if file.name.endswith(LOCK)]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("mine")
    with (
        pytest.raises(SettingsError, match=r"file' cannot be made \(.*\); give another .*--to"),
        locked_file(tmp_path / "file" / "out", "--to"),
    ):
        pass
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("lock", [locked_file, locked_folder])
def test_a_folder_made_for_nothing_goes_again(tmp_path, lock):
    with lock(tmp_path / "new" / "out"):
        pass
    assert not (tmp_path / "new" / "out").exists()


def test_what_is_worth_finishing_is_finished_before_litter_is_removed(tmp_path):
    left = tmp_path / ".a-000000-1-00000000-0.tmp"
    left.touch()
    os.utime(left, (0, 0))
    with locked_folder(tmp_path, repair=lambda folder: left.replace(folder / "a")):
        assert (tmp_path / "a").exists()


def test_litter_of_the_file_and_of_those_beside_it_is_removed(tmp_path):
    left = [tmp_path / f".{name}-000000-1-00000000-0.tmp" for name in ("a", "b", "c")]
    for one in left:
        one.touch()
        os.utime(one, (0, 0))
    with locked_file(tmp_path / "a", beside=[tmp_path / "b"]):
        assert [one.exists() for one in left] == [False, False, True]
