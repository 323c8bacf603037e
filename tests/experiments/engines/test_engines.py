"""Every engine gives the lines of one process; what a lost worker costs, with real ones."""

from __future__ import annotations

import importlib.util
import logging
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from ldpf.errors import LdpfError, SettingsError
from ldpf.experiments.engines import ENGINES
from ldpf.experiments.plan import BenchmarkPlan
from ldpf.experiments.runner import run_benchmark
from ldpf.training.recipe import FAST

SHORT = replace(FAST, max_steps=4, cooldown=0, evaluate_every=1, round_every=1)
LONG = replace(FAST, max_steps=150, patience=150, cooldown=0, evaluate_every=10)
PLAN = BenchmarkPlan(("zero-shot", "coop", "ldpf", "gda"), SHORT, targets=["art", "photo"], seeds=2)
KILLED = BenchmarkPlan(("coop",), LONG, targets=["art", "photo"], seeds=3)


def needs(package: str) -> pytest.MarkDecorator:
    missing = importlib.util.find_spec(package) is None
    return pytest.mark.skipif(missing, reason=f"{package} is not installed")


@pytest.fixture(scope="module")
def alone(data, backbone, tmp_path_factory):
    """A function that gives the lines of a plan in one process."""

    def lines(plan):
        out = tmp_path_factory.mktemp("alone")
        return without_times(run_benchmark(data, "demo", backbone, plan, out)[0])

    return lines


def without_times(lines):
    # `numerics` depends on the number of threads, which workers share out.
    times = ("seconds", "peak_memory_mib", "numerics")
    return [{k: v for k, v in line.items() if k not in times} for line in lines]


@needs("distributed")
@pytest.mark.slow
def test_dask_with_two_workers_gives_the_same_lines(data, backbone, alone, tmp_path):
    seen = []
    lines, failures = run_benchmark(
        data,
        "demo",
        backbone,
        PLAN,
        tmp_path,
        engine=ENGINES.make("dask", jobs=2),
        on_run=lambda *run: seen.append(run),
    )
    assert failures == [] and len(seen) == 16
    assert without_times(lines) == alone(PLAN)


@needs("distributed")
@pytest.mark.slow
def test_dask_goes_on_after_a_worker_was_killed(data, backbone, alone, tmp_path):
    import distributed

    killed = []
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):

        def kill_one(line, before):
            if not killed:
                pid = next(iter(client.run(lambda: __import__("os").getpid()).values()))
                psutil.Process(pid).kill()
                killed.append(pid)

        lines, failures = run_benchmark(
            data,
            "demo",
            backbone,
            KILLED,
            tmp_path,
            engine=ENGINES.make("dask"),
            on_run=kill_one,
        )
    assert killed and failures == []
    assert without_times(lines) == alone(KILLED)


@pytest.mark.slow
@needs("distributed")
def test_a_scheduler_that_is_not_there_is_named(data, backbone, tmp_path, monkeypatch):
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://127.0.0.1:1")
    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT", "1s")
    import dask

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(LdpfError) as caught,
    ):
        run_benchmark(data, "demo", backbone, PLAN, tmp_path, engine=ENGINES.make("dask"))
    assert "DASK_SCHEDULER_ADDRESS='tcp://127.0.0.1:1'" in str(caught.value)


@pytest.fixture(scope="module")
def two_nodes():
    """A Ray cluster of two machines, pretended by two nodes of this one; the second one."""
    pytest.importorskip("ray", reason="ray is not installed")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    yield cluster
    cluster.shutdown()


@needs("ray")
@pytest.mark.slow
def test_ray_goes_on_after_a_node_was_killed(
    data, backbone, alone, two_nodes, tmp_path, monkeypatch, caplog
):
    node = two_nodes.add_node(num_cpus=1)
    two_nodes.wait_for_nodes()
    monkeypatch.setenv("RAY_ADDRESS", two_nodes.address)
    gone = []

    def kill(line, before):
        if not gone:
            two_nodes.remove_node(node, allow_graceful=False)
            gone.append(sum(1 for _ in tmp_path.glob("runs/*/done")))

    with caplog.at_level(logging.WARNING, logger="ldpf"):
        lines, failures = run_benchmark(
            data, "demo", backbone, KILLED, tmp_path, engine=ENGINES.make("ray"), on_run=kill
        )
    assert gone[0] < 6 and failures == []
    assert without_times(lines) == alone(KILLED)


@needs("ray")
@pytest.mark.slow
def test_ray_on_a_running_cluster_gives_the_same_lines(
    data, backbone, alone, two_nodes, tmp_path, monkeypatch
):
    monkeypatch.setenv("RAY_ADDRESS", two_nodes.address)
    seen = []
    lines, failures = run_benchmark(
        data,
        "demo",
        backbone,
        PLAN,
        tmp_path,
        engine=ENGINES.make("ray"),
        on_run=lambda *run: seen.append(run),
    )
    assert failures == [] and len(seen) == 16
    assert without_times(lines) == alone(PLAN)


@needs("ray")
@pytest.mark.slow
def test_ray_shares_out_a_gpu(data, backbone, two_nodes, tmp_path, monkeypatch):
    """Without one, a run that asks for a part of it waits, and is given up with a sentence."""
    from ldpf.experiments.engines import cluster

    monkeypatch.setattr(cluster, "_PATIENCE_S", 1.0)
    monkeypatch.setenv("RAY_ADDRESS", two_nodes.address)
    engine = ENGINES.make("ray", gpus_per_run=0.25)
    with pytest.raises(LdpfError, match="no worker with room for a run"):
        run_benchmark(data, "demo", backbone, PLAN, tmp_path, engine=engine)


@pytest.mark.parametrize(("name", "package"), [("ray", "ray"), ("dask", "distributed")])
def test_what_is_not_installed_is_named(name, package, data, backbone, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SettingsError) as caught:
        run_benchmark(data, "demo", backbone, PLAN, tmp_path, engine=ENGINES.make(name))
    assert str(caught.value).endswith(f"install it with: pip install 'ldpf[{name}]'")


@pytest.mark.parametrize("name", ["local", "dask"])
def test_gpus_are_shared_out_by_ray_only(name):
    with pytest.raises(SettingsError) as caught:
        ENGINES.make(name, gpus_per_run=0.25)
    assert "gpus_per_run=0.25" in str(caught.value) and "engine='ray'" in str(caught.value)


def test_a_cluster_gets_full_paths(data, backbone, tmp_path, monkeypatch):
    from ldpf.experiments.engines.cluster import runs_of
    from ldpf.experiments.experiment import Experiment
    from ldpf.experiments.protocols import get_protocol
    from ldpf.experiments.selection import get_selection

    monkeypatch.chdir(tmp_path)
    experiment = Experiment(
        data=data,
        dataset_name="demo",
        digest="",
        backbone=backbone,
        protocol=get_protocol(),
        selection=get_selection(),
        search=None,
        train_fraction=0.8,
        runs=Path("results/runs"),
    )
    work = runs_of(experiment, device="cuda").packed
    assert work.bare.runs == tmp_path / "results" / "runs"
    assert work.parent is None and work.backbone[1] == "cuda"
