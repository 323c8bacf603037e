"""Which images are the same picture twice: by the content of their files, and by their features.

No cosine tells copies from different pictures under every backbone: a re-encoded photo has 0.999
with one and 0.97 with another. So a row is held against its own neighborhood: two pictures are
near-duplicates when their squared distance is a small share of that between the picture and its
usual neighbors (the idea of Lowe's ratio test, IJCV 2004, section 7.1). The share was validated on
re-encoded, resized and cropped copies (`benchmarks/leak_threshold.py`, table in docs/data.md).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import torch
from torch import Tensor

RATIO = 0.1
"""Near-duplicates have at most this share of the squared distance to usual neighbors."""

FLOOR = 0.001
"""Where copies are the usual neighbors: at most this share of the distance of random pairs."""

RANK = 4
"""The usual neighbor is the nearest but three of a tenth of the images: about the fortieth of all.

So the copies of an image, which are few, do not count as its usual neighbors.
"""

QUERY_BLOCK = 2_048
"""Query rows compared at once."""

POOL_BLOCK = 16_384
"""Pool rows they are compared with at once; with a block of queries, 128 MiB of numbers."""

_PROJECTED = 64
_FIT_ROWS = 4_096
_LEAST_SAMPLE, _LARGEST_SAMPLE = 64, 4_096
_SLACK = 1e-5
"""Squared distances in float32 are wrong by less than this."""


def duplicate_distances(queries: Tensor, pool: Tensor) -> Tensor:
    """How near a row of the pool must be to each query to be its near-duplicate.

    Args:
        queries: [M, D], L2-normalized.
        pool: [N, D], L2-normalized; may hold the queries themselves.

    Returns:
        [M] largest squared distance, ``2 - 2 cosine``.
    """
    if not len(pool):
        return torch.zeros(len(queries))
    wanted = min(max(_LEAST_SAMPLE, len(pool) // 10), _LARGEST_SAMPLE)
    sample = pool[:: -(-len(pool) // wanted)]
    rank = min(RANK, len(sample))
    usual = torch.cat(
        [
            2 - 2 * (block @ sample.T).topk(rank, dim=1).values[:, -1]
            for block in queries.split(QUERY_BLOCK)
        ]
    )
    mean = pool.double().mean(dim=0)
    random = float(2 * (1 - mean @ mean))  # mean squared distance of two random rows
    return (RATIO * usual).clamp(min=FLOOR * random)


def nearest_duplicate(
    queries: Tensor,
    pool: Tensor,
    max_distances: Tensor,
    *,
    query_ids: Tensor | None = None,
    pool_ids: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """For each query its nearest row of the pool, where one is near enough.

    Exact, in blocks: memory grows with M + N, not with M times N. Where features are long, rows are
    first compared by their leading principal components, whose distance is never larger than the
    whole distance, so that no near row is missed (reference: `nearest_duplicate_reference`).

    Args:
        queries: [M, D], L2-normalized.
        pool: [N, D], L2-normalized.
        max_distances: [M] largest squared distance of each query, ``2 - 2 cosine``.
        query_ids, pool_ids: [M] and [N] int64; a row is compared only with rows of another id, such
            as those of another class. Give row numbers to compare a set with itself.

    Returns:
        [M] int64 row of the pool, -1 where none is near enough (of equally near ones the first),
        and [M] float32 cosine, 0 there.
    """
    match = torch.full((len(queries),), -1, dtype=torch.int64)
    best = torch.zeros(len(queries))
    if not len(queries) or not len(pool):
        return match, best
    short_queries, short_pool = _shortened(queries, pool)
    # q . p - |q|^2 / 2 - |p|^2 / 2 is minus half the squared distance: one product, one bound.
    left = torch.cat([short_queries, _minus_half_norm(short_queries)], dim=1)
    left = torch.cat([left, torch.ones(len(left), 1)], dim=1)
    right = torch.cat([short_pool, torch.ones(len(pool), 1)], dim=1)
    right = torch.cat([right, _minus_half_norm(short_pool)], dim=1)
    lowest = 1 - max_distances / 2 - _SLACK / 2  # [M], as cosines
    bounds = (-max_distances / 2 - _SLACK)[:, None]
    for start in range(0, len(queries), QUERY_BLOCK):
        rows = slice(start, start + QUERY_BLOCK)
        for first in range(0, len(pool), POOL_BLOCK):
            block = left[rows] @ right[first : first + POOL_BLOCK].T  # [B, C]
            near = block >= bounds[rows]
            candidates = near.any(dim=1).nonzero()[:, 0]
            if not len(candidates):
                continue
            columns = near[candidates].any(dim=0).nonzero()[:, 0] + first
            candidates += start
            cosines = queries[candidates] @ pool[columns].T
            if query_ids is not None and pool_ids is not None:
                cosines[query_ids[candidates][:, None] == pool_ids[columns]] = -2
            value, place = cosines.max(dim=1)
            better = (value >= lowest[candidates]) & (
                (match[candidates] < 0) | (value > best[candidates])
            )
            match[candidates[better]] = columns[place[better]]
            best[candidates[better]] = value[better]
    return match, best


def nearest_duplicate_reference(
    queries: Tensor,
    pool: Tensor,
    max_distances: Tensor,
    *,
    query_ids: Tensor | None = None,
    pool_ids: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`nearest_duplicate` with all M times N cosines at once."""
    cosines = queries @ pool.T
    if query_ids is not None and pool_ids is not None:
        cosines[query_ids[:, None] == pool_ids] = -2
    value, place = cosines.max(dim=1)
    near = value >= 1 - max_distances / 2 - _SLACK / 2
    return torch.where(near, place, -1), torch.where(near, value, 0.0)


def same_content(
    queries: Sequence[Hashable | None],
    pool: Sequence[Hashable | None],
    *,
    query_ids: Sequence[int] | np.ndarray | None = None,
    pool_ids: Sequence[int] | np.ndarray | None = None,
) -> np.ndarray:
    """For each query the first row of the pool with the same content.

    Args:
        queries, pool: [M] and [N] digests of contents; None where there is none, which equals
            nothing.
        query_ids, pool_ids: as in `nearest_duplicate`.

    Returns:
        [M] int64 row of the pool, -1 where none has the same content.
    """
    ids = range(len(pool)) if pool_ids is None else np.asarray(pool_ids).tolist()
    # The first row of each content, and the first one with another id than that: one of the two
    # answers any query.
    first: dict[Hashable, tuple[int, int]] = {}
    second: dict[Hashable, int] = {}
    for row, (content, own) in enumerate(zip(pool, ids, strict=True)):
        if content is None:
            continue
        if content not in first:
            first[content] = (row, own)
        elif first[content][1] != own and content not in second:
            second[content] = row
    match = np.full(len(queries), -1, np.int64)
    for query, content in enumerate(queries):
        if content is None or content not in first:
            continue
        row, own = first[content]
        if query_ids is not None and pool_ids is not None and int(query_ids[query]) == own:
            row = second.get(content, -1)
        match[query] = row
    return match


def _minus_half_norm(rows: Tensor) -> Tensor:
    return -rows.square().sum(dim=1, keepdim=True) / 2


def _shortened(queries: Tensor, pool: Tensor) -> tuple[Tensor, Tensor]:
    """Both in the leading principal components of the pool; as they are where D is small."""
    if pool.shape[1] <= _PROJECTED or len(pool) <= _PROJECTED:
        return queries, pool
    step = max(1, len(pool) // _FIT_ROWS)
    sample = pool[::step]
    mean = sample.mean(dim=0)
    centered = sample - mean
    _, vectors = torch.linalg.eigh(centered.T @ centered)
    basis = vectors[:, -_PROJECTED:]  # [D, P], eigenvalues ascend
    return (queries - mean) @ basis, (pool - mean) @ basis
