from __future__ import annotations

import resource
import sys

import numpy as np
import pytest

import ldpf.utils.resources
from ldpf.utils.resources import peak_memory_mib, reset_peak_memory

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


def allocate(mib):
    return np.ones((mib, 2**20), dtype=np.uint8)


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
