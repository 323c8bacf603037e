from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ldpf.errors import ModelError, SettingsError
from ldpf.training.checkpoint import load_optimizer_tree, optimizer_tree
from ldpf.utils.files import check_own_folder, new_folder, write_json
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
        "folder with --out so that nothing of yours is overwritten."
    )


def test_new_empty_and_own_folders_are_fine(tmp_path: Path):
    check_own_folder(tmp_path / "new", ("runs",), "benchmark results")
    check_own_folder(tmp_path, ("runs",), "benchmark results")
    (tmp_path / "runs").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    check_own_folder(tmp_path, ("runs",), "benchmark results")


def test_a_file_is_no_folder(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(SettingsError, match=r"file' is a file; give a folder with --out\.$"):
        check_own_folder(tmp_path / "file", ("runs",), "benchmark results")


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(SettingsError, match=r"cannot be made \(.*\); give another one with --out"):
        new_folder(tmp_path / "file" / "below")
