from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ldpf.features import duplicates
from ldpf.features.duplicates import (
    duplicate_distances,
    nearest_duplicate,
    nearest_duplicate_reference,
    same_content,
)


def rows(n, dim=160, seed=0, spread=1.0):
    """Rows of length one around one direction, as image features lie in a cone."""
    draws = torch.Generator().manual_seed(seed)
    return F.normalize(torch.eye(dim)[0] * 8 + spread * torch.randn(n, dim, generator=draws), dim=1)


def copies(features, distance=0.03, seed=1):
    noise = torch.randn(features.shape, generator=torch.Generator().manual_seed(seed))
    return F.normalize(features + distance * F.normalize(noise, dim=1), dim=1)


@pytest.mark.parametrize("dim", [16, 160])
@pytest.mark.parametrize("share", [0.2, 0.9])
@pytest.mark.parametrize("with_ids", [False, True])
def test_blocks_and_pruning_give_what_the_reference_gives(monkeypatch, dim, share, with_ids):
    monkeypatch.setattr(duplicates, "QUERY_BLOCK", 17)
    monkeypatch.setattr(duplicates, "POOL_BLOCK", 23)
    pool = rows(150, dim)
    queries = torch.cat([copies(pool[20:60]), rows(30, dim, seed=5)])
    limits = torch.full((70,), float((2 - 2 * queries @ pool.T).quantile(share)))
    ids = {}
    if with_ids:
        ids = {"query_ids": torch.arange(70) % 3, "pool_ids": torch.arange(150) % 3}
    match, cosine = nearest_duplicate(queries, pool, limits, **ids)
    expected, expected_cosine = nearest_duplicate_reference(queries, pool, limits, **ids)
    assert torch.equal(match, expected) and (match >= 0).any()
    torch.testing.assert_close(cosine, expected_cosine)


def test_only_rows_of_another_id_are_compared():
    pool = rows(80)
    pool[1] = pool[0]
    limits = duplicate_distances(pool, pool)
    alike, _ = nearest_duplicate(
        pool, pool, limits, query_ids=torch.arange(80), pool_ids=torch.arange(80)
    )
    assert alike[:2].tolist() == [1, 0] and (alike[2:] == -1).all()
    one_class = torch.zeros(80, dtype=torch.int64)
    none, _ = nearest_duplicate(pool, pool, limits, query_ids=one_class, pool_ids=one_class)
    assert (none == -1).all()


@pytest.mark.parametrize("spread", [0.1, 1.0, 4.0])
def test_copies_are_found_whether_the_backbone_fills_a_narrow_cone_or_a_wide_one(spread):
    """No single cosine does this: distances scale with the cone."""
    pool = rows(600, spread=spread)
    typical = float((2 - 2 * pool[:300] @ pool[300:].T).sqrt().mean())
    queries = torch.cat([copies(pool[:40], 0.1 * typical), rows(40, seed=9, spread=spread)])
    match, _ = nearest_duplicate(queries, pool, duplicate_distances(queries, pool))
    assert match[:40].tolist() == list(range(40)) and (match[40:] == -1).all()


def test_pictures_of_a_crowded_neighborhood_are_no_copies_of_one_another():
    """Drawings of one kind lie near each other; each is held against its own neighbors."""
    crowd = copies(rows(1).repeat(200, 1), 0.05)
    pool = torch.cat([crowd, rows(200, seed=3)])
    queries = copies(rows(1).repeat(20, 1), 0.05, seed=8)
    match, _ = nearest_duplicate(queries, pool, duplicate_distances(queries, pool))
    assert (match == -1).all()


def test_many_copies_of_one_picture_do_not_hide_each_other():
    pool = torch.cat([rows(1).repeat(30, 1), rows(30, seed=2)])
    ids = torch.arange(60)
    match, cosine = nearest_duplicate(
        pool, pool, duplicate_distances(pool, pool), query_ids=ids, pool_ids=ids
    )
    assert (match[:30] >= 0).all() and (match[30:] == -1).all()
    assert cosine[:30].min() > 0.9999


@pytest.mark.parametrize("sizes", [(0, 5), (5, 0), (1, 1)])
def test_few_rows_or_none(sizes):
    queries, pool = rows(sizes[0]), rows(sizes[1], seed=4)
    match, _ = nearest_duplicate(queries, pool, duplicate_distances(queries, pool))
    assert match.tolist() == [-1] * sizes[0]


def test_contents_match_their_first_row_and_nothing_matches_what_has_none():
    assert same_content([b"a", b"x", None], [b"b", b"a", b"a", None]).tolist() == [1, -1, -1]


def test_contents_match_another_id_only():
    contents = [b"a", b"a", b"a", b"b", b"b", None, None]
    ids = np.array([0, 0, 1, 2, 2, 0, 1])
    found = same_content(contents, contents, query_ids=ids, pool_ids=ids)
    assert found.tolist() == [2, 2, 0, -1, -1, -1, -1]
