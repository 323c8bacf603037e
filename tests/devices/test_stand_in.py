"""The stand-in for a GPU refuses what a GPU refuses, and sees what waits."""

from __future__ import annotations

import pytest
import torch
from torch import nn


def test_a_tensor_of_the_cpu_does_not_meet_one_of_the_device(stand_in):
    layer = nn.Linear(3, 2).to(stand_in.name)
    with pytest.raises(RuntimeError, match=r"same device.*\[4, 3\] on cpu"):
        layer(torch.ones(4, 3))


def test_tensors_say_where_they_are(stand_in):
    moved = torch.ones(2).to(stand_in.name)
    assert moved.device == stand_in.name and moved.cpu().device == torch.device("cpu")
    assert torch.zeros_like(moved).device == torch.arange(3, device=stand_in.name).device


def test_values_and_gradients_are_those_of_the_cpu(stand_in):
    torch.manual_seed(0)
    here, x = nn.Linear(3, 2), torch.randn(4, 3)
    there = nn.Linear(3, 2)
    there.load_state_dict(here.state_dict())
    there.to(stand_in.name)(x.to(stand_in.name)).square().sum().backward()
    here(x).square().sum().backward()
    assert torch.equal(there.weight.grad.cpu(), here.weight.grad)


WAITING = {
    "item": lambda x: x.sum().item(),
    "bool": lambda x: bool((x > 0).all()),
    "cpu": lambda x: x.cpu(),
    "mask": lambda x: x[x > 0],
    "list index": lambda x: x[[0, 1]],
    "index on the CPU": lambda x: x[torch.tensor([0, 1])],
    "unique": lambda x: x.unique(),
    "nonzero": lambda x: x.nonzero(),
    "into the CPU": lambda x: torch.zeros(3).copy_(x),
}


@pytest.mark.parametrize("name", WAITING)
def test_what_waits_for_the_device_is_seen(name, stand_in, waits_for_device):
    x = torch.ones(3, device=stand_in.name)
    WAITING[name](x)
    assert stand_in.waits
    with stand_in.no_waiting(), pytest.raises(waits_for_device):
        WAITING[name](x)


def test_ordinary_work_does_not_wait(stand_in):
    with stand_in.no_waiting():
        layer = nn.Linear(3, 2).to(stand_in.name)
        optimizer = torch.optim.Adam(layer.parameters())
        rows = torch.tensor([2, 0]).to(stand_in.name, non_blocking=True)
        layer(torch.ones(4, 3).to(stand_in.name)[rows]).sum().backward()
        optimizer.step()
    assert stand_in.waits == []


@pytest.mark.parametrize("stand_in", ["mps"], indirect=True)
def test_there_are_no_double_precision_numbers_on_mps(stand_in):
    with pytest.raises(TypeError, match="float64"):
        torch.ones(2, dtype=torch.float64).to(stand_in.name)
