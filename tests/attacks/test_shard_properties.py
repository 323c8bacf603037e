"""Shards of any benchmark: together every run, and none twice, in whatever order it is planned."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from ldpf.experiments.plan import BenchmarkPlan
from ldpf.experiments.runner import tasks_of
from ldpf.training.recipe import get_recipe
from ldpf.utils.shards import Shard

METHODS = ("zero-shot", "coop", "gda", "linear-probe", "ldpf", "ldpf-manual")
COUNTS = st.integers(1, 9)


def shards(count: int) -> list[Shard]:
    return [Shard(i, count) for i in range(1, count + 1)]


@given(
    methods=st.lists(st.sampled_from(METHODS), min_size=1, unique=True),
    domains=st.lists(st.sampled_from("abcdef"), min_size=2, unique=True),
    seeds=st.integers(1, 4),
    count=COUNTS,
    random=st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_runs_of_a_benchmark(methods, domains, seeds, count, random):
    tasks = BenchmarkPlan(methods, get_recipe("fast"), seeds=seeds).tasks(domains)
    parts = [tasks_of(shard, tasks) for shard in shards(count)]
    assert Counter(task for part in parts for task in part) == Counter(tasks)
    assert len(set(tasks)) == len(tasks)
    # A plan that names the same in another order, as another machine may, has the same shards.
    random.shuffle(methods)
    random.shuffle(domains)
    again = BenchmarkPlan(methods, get_recipe("fast"), seeds=seeds).tasks(domains)
    assert [set(tasks_of(shard, again)) for shard in shards(count)] == [set(p) for p in parts]
