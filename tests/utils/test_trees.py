"""Trees of tensors and plain values in one file."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from ldpf.errors import ModelError
from ldpf.training.checkpoint import load_optimizer_tree, optimizer_tree
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
