"""How this machine rounds: a hash of what a fixed battery of operations gives here.

Processors, numbers of threads and versions of libraries add up in other orders, and training makes
differences of the last bit larger. Results with one fingerprint were computed alike; between others
a difference may be rounding alone.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

_SHAPES = ((1, 512, 512), (37, 512, 65), (256, 768, 345), (1200, 64, 256), (5, 2048, 512))
"""Products [n, d] x [d, k]: of one image, of batches, of classes, of token positions."""


def numeric_fingerprint(device: torch.device | str = "cpu") -> str:
    """Eight hex digits; equal where the battery gives the same bits. Kept for this process.

    It takes well below a second on a CPU, and depends on the number of threads torch computes with.
    """
    return _fingerprint(str(device), torch.get_num_threads())


@functools.cache
def _fingerprint(device: str, threads: int) -> str:
    digest = hashlib.sha256()
    for result in _battery(torch.device(device)):
        digest.update(result.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:8]


def _numbers(*shape: int, seed: int, device: torch.device) -> Tensor:
    """Float32 in [-1, 1), the same on every machine: whole numbers, divided by a power of two."""
    count = torch.Size(shape).numel()
    mixed = (torch.arange(count, dtype=torch.int64) * 2_654_435_761 + seed * 40_503) % 2**20
    return (mixed.float() / 2**19 - 1).reshape(shape).to(device)


def _battery(device: torch.device) -> Iterator[Tensor]:
    """What training and prediction are made of, on fixed numbers."""
    numbers = functools.partial(_numbers, device=device)
    for seed, (n, d, k) in enumerate(_SHAPES):
        yield numbers(n, d, seed=seed) @ numbers(d, k, seed=seed + 10)
    # A layer of a text tower, with its gradient.
    x = numbers(24, 20, 256, seed=20).requires_grad_()
    heads = functional.layer_norm(x, (256,)).reshape(24, 20, 4, 64).transpose(1, 2)
    attended = functional.scaled_dot_product_attention(heads, heads, heads, is_causal=True)
    y = attended.transpose(1, 2).reshape(24, 20, 256) @ numbers(256, 256, seed=21)
    y = y * torch.sigmoid(1.702 * y) + functional.gelu(x)
    yield y
    features = functional.normalize(y[:, -1], dim=1)
    loss = functional.cross_entropy(
        100 * features @ features.T, torch.arange(24, device=device).flip(0)
    )
    loss.backward()
    assert x.grad is not None
    yield x.grad
    # An image tower's first layers.
    images = numbers(4, 3, 64, 64, seed=30)
    yield functional.conv2d(images, numbers(32, 3, 3, 3, seed=31), stride=2)
    yield functional.conv2d(images, numbers(64, 3, 16, 16, seed=32), stride=16)
    # Sums, clustering, and the elementary functions.
    points, centers = numbers(2000, 128, seed=40), numbers(8, 128, seed=41)
    yield torch.cdist(points, centers)
    yield torch.stack([points.sum(), points.mean(), points.var(), points.norm()])
    yield points.sum(dim=0)
    for function in (torch.exp, torch.erf, torch.tanh, torch.sin, torch.log1p):
        yield function(points.abs())
    yield points.softmax(dim=1)
    # A discriminant's covariance in double precision.
    wide = points.double().cpu()
    covariance = wide.T @ wide
    yield covariance
    yield torch.linalg.eigvalsh(covariance)
    yield torch.linalg.solve(covariance + torch.eye(128, dtype=torch.float64), wide[:128])
