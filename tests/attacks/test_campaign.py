"""A short form of the campaign of `make fuzz`: a few hundred attempts of each kind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from fuzz.campaign import ATTACKS, chosen
from fuzz.driver import run_attack
from fuzz.world import World, make_world, open_world

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="attacks run in forked processes")

COUNTS = {
    "images": 300,
    "folders": 40,
    "backbones": 20,
    "records": 6,
    "tables": 300,
    "arrays": 60,
    "numbers": 12,
    "writes": 5,
    "kills": 3,
    "refusals": 4,
    "disks": 2,
    "streams": 4,
    "races": 2,
}
FIRST_SEED = 1_000_000
"""Beyond those of the long form."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[World]:
    """Made once, also where tests run in several processes."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "attacked"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LDPF_CACHE", "")  # restored in the end; the world sets its own
        with FileLock(f"{folder}.lock"):
            made = make_world(folder) if not folder.exists() else open_world(folder)
        yield made


def test_every_attack_has_a_short_form():
    assert set(COUNTS) == {kind.name for kind in ATTACKS}


@pytest.mark.slow
@pytest.mark.parametrize("name", COUNTS)
def test_every_attempt_survives(name: str, world: World, tmp_path: Path):
    (kind,) = chosen(name)
    seeds = range(FIRST_SEED, FIRST_SEED + COUNTS[name])
    result = run_attack(kind(world), seeds, jobs=1)
    if result.not_here is not None:
        pytest.skip(result.not_here)
    assert len(result.attempts) == COUNTS[name]
    assert not result.failed, "\n".join(f"{one.seed}: {one.fell}" for one in result.failed)
