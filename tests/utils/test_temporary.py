from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ldpf.utils.own_folders import is_empty
from ldpf.utils.temporary import (
    LOCK,
    is_litter,
    remove_litter,
    temporary_beside,
    temporary_folder,
)

DAY = 24 * 3600.0


def of_a_process_that_is_gone(target: Path) -> Path:
    """A temporary file that a process has left behind."""
    program = (
        "import sys; from pathlib import Path; from ldpf.utils.temporary import temporary_beside; "
        "file = temporary_beside(Path(sys.argv[1])); file.write_text('half'); print(file)"
    )
    found = subprocess.run(
        [sys.executable, "-c", program, str(target)], capture_output=True, text=True, check=True
    )
    return Path(found.stdout.strip())


def test_every_temporary_name_is_another_one(tmp_path):
    names = {temporary_beside(tmp_path / "a.json").name for _ in range(100)}
    assert len(names) == 100
    assert all(is_litter(name) and name.startswith(".a.json-") for name in names)


def test_files_of_processes_that_are_gone_are_removed_and_those_of_others_stay(tmp_path):
    left = of_a_process_that_is_gone(tmp_path / "a.json")
    ours = temporary_beside(tmp_path / "a.json")
    ours.write_text("half")
    (tmp_path / "a.json").write_text("whole")
    (tmp_path / ".notes.tmp").write_text("mine")
    remove_litter(tmp_path)
    assert not left.exists()
    assert {file.name for file in tmp_path.iterdir()} == {ours.name, "a.json", ".notes.tmp"}


def test_only_those_of_one_file_can_be_removed(tmp_path):
    one = of_a_process_that_is_gone(tmp_path / "a.json")
    other = of_a_process_that_is_gone(tmp_path / "b.json")
    remove_litter(tmp_path, of="a.json")
    assert not one.exists() and other.exists()


def test_an_earlier_process_with_our_number_is_gone(tmp_path):
    ours = temporary_beside(tmp_path / "a")
    before = ours.with_name(ours.name.replace(ours.name.split("-")[3], "0" * 8))
    before.write_text("half")
    remove_litter(tmp_path)
    assert not before.exists()


@pytest.mark.parametrize(("age", "stays"), [(0.0, True), (2 * DAY, False)])
def test_files_of_another_machine_are_removed_when_they_are_old(tmp_path, age, stays):
    left = of_a_process_that_is_gone(tmp_path / "a")
    elsewhere = left.with_name(left.name.replace(left.name.split("-")[1], "0" * 6))
    left.rename(elsewhere)
    os.utime(elsewhere, (time.time() - age, time.time() - age))
    remove_litter(tmp_path)
    assert elsewhere.exists() == stays


def test_a_folder_is_removed_with_what_is_in_it(tmp_path):
    with temporary_folder(tmp_path / "a.onnx") as folder:
        (folder / "part").write_text("half")
    assert list(tmp_path.iterdir()) == []
    left = of_a_process_that_is_gone(tmp_path / "a.onnx")
    left.unlink()
    left.mkdir()
    (left / "part").write_text("half")
    remove_litter(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_looked_into_is_left_alone(tmp_path):
    remove_litter(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


def test_litter_makes_no_folder_full(tmp_path):
    (tmp_path / LOCK).touch()
    temporary_beside(tmp_path / "config.json").touch()
    assert is_empty(tmp_path)
    (tmp_path / ".notes.tmp").touch()
    assert not is_empty(tmp_path)


@pytest.mark.parametrize(("age", "stays"), [(300.0, False), (0.0, True)])
def test_a_number_that_another_process_has_got_meanwhile_keeps_no_file(age, stays, tmp_path):
    left = of_a_process_that_is_gone(tmp_path / "a.json")
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        parts = left.name.split("-")
        parts[2] = str(other.pid)
        found = left.rename(left.with_name("-".join(parts)))
        os.utime(found, (time.time() - age, time.time() - age))
        remove_litter(tmp_path)
        assert found.exists() == stays
    finally:
        other.kill()
        other.wait()
