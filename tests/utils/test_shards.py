"""Shards: disjoint, complete, even, and the same in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldpf.errors import SettingsError
from ldpf.utils.shards import Shard, shard_of

# Names of files, also those that are no UTF-8, and the same one several times.
NAMES = st.lists(st.binary(max_size=12).map(os.fsdecode), max_size=60)
COUNTS = st.integers(1, 70)


def shards(count: int) -> list[Shard]:
    return [Shard(i, count) for i in range(1, count + 1)]


@pytest.mark.slow
@given(NAMES, COUNTS)
def test_shards_together_pick_every_item_and_none_twice(names, count):
    picked = [name for shard in shards(count) for name in shard.pick(names)]
    assert Counter(picked) == Counter(names)


@pytest.mark.slow
@given(NAMES, COUNTS)
def test_shards_together_deal_every_item_and_none_twice(names, count):
    dealt = [n for shard in shards(count) for n in shard.deal(names, key=str, kind=len)]
    assert Counter(map(str, dealt)) == Counter(names)


@pytest.mark.slow
@given(NAMES, COUNTS, st.randoms())
def test_the_order_of_items_does_not_matter(names, count, random):
    other = random.sample(names, len(names))
    for shard in shards(count):
        assert Counter(shard.pick(names)) == Counter(shard.pick(other))
        dealt = [Counter(shard.deal(order, key=str, kind=len)) for order in (names, other)]
        assert dealt[0] == dealt[1]


@pytest.mark.slow
@given(NAMES, NAMES, COUNTS)
def test_a_new_item_moves_no_other_one(names, new, count):
    for shard in shards(count):
        assert Counter(shard.pick(names)) <= Counter(shard.pick([*new, *names]))


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 10**6)), unique=True), COUNTS)
def test_dealt_shards_are_even_in_all_and_in_each_kind(items, count):
    dealt = [s.deal(items, key=lambda x: str(x[1]), kind=lambda x: x[0]) for s in shards(count)]
    for kind in ("a", "b", "c", None):
        sizes = [sum(kind in (None, item[0]) for item in shard) for shard in dealt]
        assert max(sizes) - min(sizes) <= 1


def test_items_stay_in_their_order():
    names = [f"{i}.jpg" for i in range(100)]
    for shard in shards(3):
        assert list(shard.pick(names)) == sorted(shard.pick(names), key=names.index)
        dealt = shard.deal(names, key=str, kind=len)
        assert dealt == sorted(dealt, key=names.index)


def test_many_items_are_spread_evenly():
    sizes = [len(list(shard.pick(map(str, range(8000))))) for shard in shards(8)]
    assert all(900 < size < 1100 for size in sizes)


def test_another_process_agrees():
    code = (
        "from ldpf.utils.shards import Shard; "
        "print(*Shard(2, 3).pick(map(str, range(50)))); "
        "print(*Shard(2, 3).deal(list(map(str, range(50))), key=str, kind=len))"
    )
    env = {**os.environ, "PYTHONHASHSEED": "7"}
    said = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True)
    own = [Shard(2, 3).pick(map(str, range(50)))]
    own.append(iter(Shard(2, 3).deal(list(map(str, range(50))), key=str, kind=len)))
    assert said.stdout.decode().splitlines() == [" ".join(items) for items in own]


@pytest.mark.parametrize("text", ["2/8", " 2 / 8 "])
def test_a_shard_is_read_from_text(text):
    assert shard_of(text) == Shard.parse(text) == Shard(2, 8)
    assert str(Shard.parse(text)) == "2/8"


@pytest.mark.parametrize("text", ["0/8", "9/8", "1/0"])
def test_numbers_that_cannot_be_are_refused(text):
    with pytest.raises(SettingsError) as caught:
        Shard.parse(text)
    assert text in str(caught.value) or "count=0" in str(caught.value)


@pytest.mark.parametrize("text", ["", "2", "a/b", "-1/8", "1/2/3", "1.0/2", "²/8"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(SettingsError) as caught:
        Shard.parse(text)
    assert str(caught.value) == (
        f"shard={text!r} should be i/n, part i of n parts counted from 1, such as 2/8."
    )


def test_a_file_of_its_own():
    assert Shard(2, 8).file(Path("out/rows.csv")) == Path("out/rows-2-of-8.csv")
    assert Shard(2, 8).file(Path("/dev/stdout")) == Path("/dev/stdout")
