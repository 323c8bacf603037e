"""Cheap variation of a batch of training pictures, on whatever device they are."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Vary a batch: float [N, 3, 64, 64] in [0, 1] in and out.

    Geometry: small shifts, zooms, turns, mirrored or not. Light and camera: contrast, brightness,
    gamma, saturation, gains per channel, now and then grey, blurred, coarse or noisy. None of it
    makes lines out of areas or a green picture out of a colored one.

    Args:
        images: the pictures.
        generator: all draws come from it; it lives on the same device.
    """
    n, device = images.shape[0], images.device

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=generator, device=device)

    def some(share: float) -> Tensor:
        return torch.rand(n, 1, 1, 1, generator=generator, device=device) < share

    zoom, squeeze = uniform(0.8, 1.2, n), uniform(0.9, 1.1, n)
    mirror = torch.where(some(0.5).view(n), -1.0, 1.0)
    lean, skew = uniform(-0.15, 0.15, n), uniform(-0.1, 0.1, n)
    theta = torch.stack(
        [
            torch.stack([mirror * zoom * squeeze, mirror * lean, uniform(-0.15, 0.15, n)], 1),
            torch.stack([skew - lean, zoom, uniform(-0.15, 0.15, n)], 1),
        ],
        1,
    )  # [N, 2, 3]
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    x = F.grid_sample(images, grid, padding_mode="border", align_corners=False)

    middle = x.mean(dim=(1, 2, 3), keepdim=True)
    x = (x - middle) * uniform(0.35, 1.35, n, 1, 1, 1) + middle * uniform(0.5, 1.25, n, 1, 1, 1)
    x = x * uniform(0.85, 1.15, n, 3, 1, 1)
    x = x.clamp(1e-3, 1) ** uniform(0.7, 1.4, n, 1, 1, 1)
    grey = x.mean(1, keepdim=True)
    saturation = torch.where(some(0.2), 0.0, uniform(0.3, 1.4, n, 1, 1, 1))
    x = grey + saturation * (x - grey)
    soft = F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
    x = torch.where(some(0.25), soft, x)
    coarse = F.interpolate(F.avg_pool2d(x, 2), scale_factor=2.0, mode="bilinear")
    x = torch.where(some(0.1), coarse, x)
    noise = torch.randn(x.shape, generator=generator, device=device)
    x = x + some(0.4) * noise * uniform(0.0, 0.15, n, 1, 1, 1)
    return x.clamp(0, 1)
