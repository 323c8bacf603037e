from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ldpf.utils.files import append_text, open_atomic, write_bytes, write_text, write_together
from ldpf.utils.json_files import write_json
from ldpf.utils.trees import load_tree, save_tree


def test_a_write_that_fails_leaves_the_old_file_and_no_rubbish(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    save_tree(path, {"step": 1})

    def full_disk(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_tree(path, {"step": 2})
    with pytest.raises(OSError, match="No space left"):
        write_json(tmp_path / "a.json", {"step": 2})
    assert load_tree(path) == {"step": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]


def test_text_is_written_as_it_is(tmp_path):
    write_text(tmp_path / "a.txt", "café\r\n")
    assert (tmp_path / "a.txt").read_bytes() == "café\r\n".encode()


@pytest.mark.parametrize(("mode", "content"), [("w", "new"), ("wb", b"new")])
def test_a_file_takes_its_name_once_it_is_complete(tmp_path, mode, content):
    file = tmp_path / "a"
    file.write_text("old")
    with open_atomic(file, mode) as stream:
        stream.write(content)
        stream.flush()
        assert file.read_text() == "old"
    assert file.read_text() == "new"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("stop", [OSError, KeyboardInterrupt])
def test_a_stream_that_stops_leaves_the_old_file_and_no_rubbish(tmp_path, stop):
    file = tmp_path / "a"
    file.write_text("old")
    with pytest.raises(stop), open_atomic(file) as stream:
        stream.write("new")
        raise stop
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_part_stays_when_the_stream_stops(tmp_path):
    with pytest.raises(KeyboardInterrupt), open_atomic(tmp_path / "a", part=".part") as stream:
        stream.write("so far")
        raise KeyboardInterrupt
    assert [file.name for file in tmp_path.iterdir()] == ["a.part"]
    assert (tmp_path / "a.part").read_text() == "so far"


def test_a_part_takes_the_name_in_the_end(tmp_path):
    with open_atomic(tmp_path / "a", part=".part") as stream:
        stream.write("all")
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "there").mkdir()
    file, link = tmp_path / "there" / "a", tmp_path / "link"
    file.write_text("old")
    link.symlink_to(file)
    write_text(link, "new")
    assert link.is_symlink() and file.read_text() == "new"
    assert list((tmp_path / "there").iterdir()) == [file]


def test_a_link_to_a_file_that_does_not_exist_yet_is_followed(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "a")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "a").read_text() == "new"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_is_written_directly(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_bytes(pipe, b"content")
    reader.join(10)
    assert read == [b"content"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="needs /dev/stdout")
def test_standard_output_is_written_directly_also_into_a_file(tmp_path):
    program = (
        "import sys; from pathlib import Path; from ldpf.utils.files import write_text; "
        "write_text(Path('/dev/stdout'), 'first '); print('second')"
    )
    with (tmp_path / "out").open("a") as out:
        subprocess.run([sys.executable, "-c", program], stdout=out, check=True)
    assert (tmp_path / "out").read_text() == "first second\n"


def test_who_may_read_a_file_is_what_the_umask_says(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "a", "")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_name_as_long_as_names_may_be_can_be_written(tmp_path):
    write_text(tmp_path / ("ä" * 127), "text")
    assert (tmp_path / ("ä" * 127)).read_text() == "text"


def test_a_folder_is_not_replaced(tmp_path):
    with pytest.raises(OSError):
        write_text(tmp_path, "text")


def full_disk(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("write", [write_text, append_text])
def test_a_full_disk_is_named_with_the_file(tmp_path, write, monkeypatch):
    file = tmp_path / "a"
    with pytest.raises(OSError) as caught:
        write(Path("/dev/full"), "text" * 10_000)
    assert caught.value.filename == "/dev/full"
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError) as caught:
        write_text(file, "text")
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(file))


def test_an_error_while_another_file_is_read_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, open_atomic(tmp_path / "a"):
        (tmp_path / "none").read_text()
    assert caught.value.filename == str(tmp_path / "none")


def test_a_device_is_never_replaced(tmp_path):
    (tmp_path / "link").symlink_to("/dev/null")
    write_text(tmp_path / "link", "text")
    write_text(Path("/dev/null"), "text")
    assert Path("/dev/null").is_char_device() and (tmp_path / "link").is_symlink()
    assert [file.name for file in tmp_path.iterdir()] == ["link"]


@pytest.mark.parametrize("failing", [1, 2])
def test_of_files_that_belong_together_a_failure_keeps_both_old_ones(
    tmp_path, failing, monkeypatch
):
    one, other = tmp_path / "one", tmp_path / "other"
    write_together({one: b"1", other: b"2"})
    real, left = os.fsync, iter(range(failing - 1, -2, -1))
    monkeypatch.setattr(os, "fsync", lambda fd: real(fd) if next(left) else full_disk())
    with pytest.raises(OSError):
        write_together({one: b"new 1", other: b"new 2"})
    assert (one.read_bytes(), other.read_bytes()) == (b"1", b"2")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["one", "other"]


def test_an_interruption_between_two_names_waits(tmp_path, monkeypatch):
    one, other = tmp_path / "one", tmp_path / "other"
    write_together({one: b"1", other: b"2"})
    real, left = os.replace, iter([1, 0, 1])

    def interrupted(source, target):
        if not next(left):
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_together({one: b"new 1", other: b"new 2"})
    assert (one.read_bytes(), other.read_bytes()) == (b"new 1", b"new 2")
