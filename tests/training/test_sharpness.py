from __future__ import annotations

import pytest
import torch

from ldpf.training.sharpness import moved_uphill


def test_the_gradient_is_that_uphill_and_the_parameters_come_back():
    parameter = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
    parameter.square().sum().backward()
    with moved_uphill([parameter], 0.5):
        assert parameter.detach().tolist() == pytest.approx([3.3, 4.4])  # along (6, 8) / 10
        parameter.square().sum().backward()
    assert parameter.detach().tolist() == [3.0, 4.0]
    assert parameter.grad.tolist() == pytest.approx([6.6, 8.8])


def test_the_distance_is_that_over_all_parameters():
    moved, still = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    (3 * moved).sum().backward()
    with moved_uphill([moved, still], 1.0):
        assert (moved.detach() - 1).norm() == pytest.approx(1.0)
        assert still.detach().tolist() == [1.0, 1.0]
