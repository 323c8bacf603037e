from __future__ import annotations

import resource
import sys
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import torch

import ldpf.utils.resources
from ldpf.utils.resources import (
    available_memory_mib,
    peak_memory_mib,
    reset_peak_memory,
    total_memory_mib,
)

MIB = 2**20

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


def allocate(mib):
    return np.ones((mib, MIB), dtype=np.uint8)


@pytest.mark.slow
@linux
def test_the_peak_sees_memory_that_was_given_back():
    reset_peak_memory()
    before = peak_memory_mib()
    allocate(150)
    assert 130 < peak_memory_mib() - before < 400


@linux
def test_a_reset_forgets_an_earlier_peak():
    allocate(150)
    high = peak_memory_mib()
    reset_peak_memory()
    assert peak_memory_mib() < high - 100


def test_without_proc_the_peak_is_the_process_own(monkeypatch, tmp_path):
    monkeypatch.setattr(ldpf.utils.resources, "_STATUS", tmp_path / "none")
    monkeypatch.setattr(ldpf.utils.resources, "_CLEAR", tmp_path / "none" / "none")
    reset_peak_memory()  # nothing to do, and no error
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    divisor = 1024**2 if sys.platform == "darwin" else 1024
    assert peak_memory_mib() == pytest.approx(peak / divisor, rel=0.05)


@pytest.mark.parametrize("device", ["cuda", "cuda:1", torch.device("cuda", 1)])
def test_on_a_gpu_the_peak_is_the_cards(device, monkeypatch):
    asked = []
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda d: asked.append(d))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda d: asked.append(d) or 3 * MIB)
    reset_peak_memory(device)
    assert peak_memory_mib(device) == 3
    assert asked == [device, device]


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine with 400 MiB, 300 of them available, in a control group without a limit."""
    memory = SimpleNamespace(total=400 * MIB, available=300 * MIB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    monkeypatch.setattr(ldpf.utils.resources, "_CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text(f"{100 * MIB}\n")
    return tmp_path


def test_without_a_limit_all_memory_counts(machine):
    assert (total_memory_mib(), available_memory_mib()) == (400, 300)


def test_a_control_groups_limit_counts(machine):
    (machine / "memory.max").write_text(f"{250 * MIB}\n")
    assert (total_memory_mib(), available_memory_mib()) == (250, 150)


def test_a_limit_above_the_machines_memory_is_none(machine):
    (machine / "memory.max").write_text(f"{900 * MIB}\n")
    assert (total_memory_mib(), available_memory_mib()) == (400, 300)


def test_no_control_group_is_no_limit(machine):
    (machine / "memory.max").unlink()
    assert (total_memory_mib(), available_memory_mib()) == (400, 300)


def test_on_a_gpu_what_is_free_on_the_card_is_available(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (5 * MIB, 9 * MIB))
    assert available_memory_mib("cuda") == 5
