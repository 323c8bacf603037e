from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from ldpf.fusion.fitting import SCALES, likeliest_scale, minimized
from ldpf.utils.seed import generator


def test_the_minimum_of_a_square_is_its_root():
    target = torch.tensor([1.5, -2.0], dtype=torch.double)
    result = minimized(lambda x: (x - target).square().sum(), {"x": torch.zeros(2)})
    assert torch.allclose(result["x"], target) and not result["x"].requires_grad


def test_the_scale_is_the_best_of_a_fine_grid():
    draws = generator(0, "scale")
    logits = 3 * torch.randn(200, 5, generator=draws).double()
    labels = torch.multinomial((0.4 * logits).softmax(dim=1), 1, generator=draws)[:, 0]
    grid = torch.linspace(0.05, 2.0, 1951).double()
    losses = torch.stack([F.cross_entropy(a * logits, labels) for a in grid])
    assert likeliest_scale(logits, labels) == pytest.approx(float(grid[losses.argmin()]), abs=1e-3)


def test_answers_that_are_always_right_get_the_largest_scale():
    logits = torch.eye(3)
    assert likeliest_scale(logits, torch.arange(3)) == pytest.approx(SCALES[1])
    assert likeliest_scale(logits, torch.tensor([1, 2, 0])) == pytest.approx(SCALES[0])


def test_without_images_nothing_is_scaled():
    assert likeliest_scale(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long)) == 1.0
