from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ldpf.errors import DataError, ModelError, SettingsError
from ldpf.training.checkpoint import load_optimizer_tree, optimizer_tree
from ldpf.utils.files import (
    append_text,
    check_own_folder,
    json_text,
    new_folder,
    open_atomic,
    read_json,
    read_json_or_none,
    write_bytes,
    write_json,
    write_text,
    write_together,
)
from ldpf.utils.trees import load_tree, save_tree


def test_a_tree_comes_back_as_it_was(tmp_path):
    tree = {
        "prompts": {"context": torch.randn(2, 3), "empty": torch.zeros(0, 4)},
        "random": torch.Generator().manual_seed(3).get_state(),
        "counters": {"step": 7, "rate": 0.1, "cooling_from": None},
        "history": [{"loss": {"specific": 0.25}}, {"sizes": [1, 2]}],
        "nothing": {},
    }
    save_tree(tmp_path / "a.safetensors", tree)
    loaded = load_tree(tmp_path / "a.safetensors")
    assert torch.equal(loaded["prompts"].pop("context"), tree["prompts"].pop("context"))
    assert loaded["prompts"].pop("empty").shape == tree["prompts"].pop("empty").shape
    assert torch.equal(loaded.pop("random"), tree.pop("random"))
    assert loaded == tree


def test_floats_keep_all_their_bits(tmp_path):
    values = [0.1 + 0.2, 1e-300, 1 / 3]
    save_tree(tmp_path / "a.safetensors", {"values": values})
    assert load_tree(tmp_path / "a.safetensors")["values"] == values


def test_views_and_tensors_with_gradients_are_stored_by_value(tmp_path):
    table = torch.arange(12.0).reshape(3, 4).requires_grad_()
    save_tree(tmp_path / "a.safetensors", {"column": table[:, 1], "table": table})
    loaded = load_tree(tmp_path / "a.safetensors")
    assert loaded["column"].tolist() == [1.0, 5.0, 9.0]
    assert torch.equal(loaded["table"], table.detach())


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


@pytest.mark.parametrize("keep", [0, 4, 60, -1])
def test_a_cut_file_is_reported_with_what_to_do(tmp_path, keep):
    path = tmp_path / "a.safetensors"
    save_tree(path, {"step": 1, "weights": torch.ones(100)})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelError) as caught:
        load_tree(path)
    message = str(caught.value)
    assert message.startswith(
        f"The file {str(path)!r} is damaged or not a checkpoint of this library ("
    )
    assert message.endswith("); delete it to start this run again.")


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file({"weights": torch.ones(2)}, path)
    with pytest.raises(ModelError, match="is damaged or not a checkpoint of this library"):
        load_tree(path)


def test_json_is_readable_text_with_a_final_newline(tmp_path):
    write_json(tmp_path / "a.json", {"name": "café"})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "name": "café"\n}\n'


def test_json_that_cannot_be_written_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "a.json", [1])
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", [object()])
    assert read_json(tmp_path / "a.json", "the list", "write it again") == [1]
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_text_is_written_as_it_is(tmp_path):
    write_text(tmp_path / "a.txt", "café\r\n")
    assert (tmp_path / "a.txt").read_bytes() == "café\r\n".encode()


# Streams


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


# Reading JSON


def test_json_with_a_byte_order_mark_is_read(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf[1]")
    assert read_json(tmp_path / "a.json", "the list", "write it again") == [1]


@pytest.mark.parametrize(
    "content",
    [None, b"", b"{", b"\xff", b"[" * 100_000],
    ids=["none", "empty", "cut", "bytes", "deep"],
)
def test_json_that_cannot_be_read_is_named_with_what_to_do(tmp_path, content):
    file = tmp_path / "a.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        read_json(file, "the settings", "train again", error=ModelError)
    assert str(caught.value).startswith(f"Cannot read the settings in {str(file)!r} (")
    assert str(caught.value).endswith("); train again.")
    assert read_json_or_none(file) is None


def test_damaged_json_is_a_data_error_unless_said_otherwise(tmp_path):
    with pytest.raises(DataError):
        read_json(tmp_path / "none.json", "the list", "write it again")


@pytest.mark.slow
@pytest.mark.parametrize("make", [torch.optim.Adam, torch.optim.SGD])
def test_an_optimizer_goes_on_as_if_it_had_never_stopped(tmp_path, make):
    extra = {} if make is torch.optim.Adam else {"momentum": 0.9}

    def start():
        parameter = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
        return parameter, make([parameter], lr=0.1, **extra)

    def steps(parameter, optimizer, count):
        for _ in range(count):
            optimizer.zero_grad()
            parameter.square().sum().backward()
            optimizer.step()

    straight, optimizer = start()
    steps(straight, optimizer, 6)
    first, optimizer = start()
    steps(first, optimizer, 3)
    save_tree(tmp_path / "a.safetensors", {"p": first, "optimizer": optimizer_tree(optimizer)})
    tree = load_tree(tmp_path / "a.safetensors")
    second, optimizer = start()
    with torch.no_grad():
        second.copy_(tree["p"])
    load_optimizer_tree(optimizer, tree["optimizer"])
    steps(second, optimizer, 3)
    assert torch.equal(second, straight)


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


# Errors, and files that belong together


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


def test_names_that_are_no_utf8_can_be_json(tmp_path):
    write_json(tmp_path / "a.json", {"path": "caf\udce9"})
    assert read_json(tmp_path / "a.json", "it", "write it again") == {"path": "caf\udce9"}


def test_numbers_and_paths_of_other_libraries_can_be_json():
    content = {"n": np.int64(2), "x": np.float32(0.5), "grid": np.eye(1), "at": Path("a")}
    assert json.loads(json_text(content)) == {"n": 2, "x": 0.5, "grid": [[1.0]], "at": "a"}


@pytest.mark.parametrize("change", ["counter", "bit"])
def test_a_tree_with_another_counter_or_one_other_bit_is_refused(tmp_path, change):
    path = tmp_path / "a.safetensors"
    save_tree(path, {"counters": {"step": 1234}, "weights": torch.ones(3)})
    content = bytearray(path.read_bytes())
    if change == "counter":
        content[content.index(b"1234")] = ord("7")
    else:
        content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="its digest does not fit its content"):
        load_tree(path)
