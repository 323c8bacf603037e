"""The numeric fingerprint: the same again, another one where a machine rounds otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
import torch

from ldpf.utils import numerics
from ldpf.utils.numerics import _battery, _fingerprint, numeric_fingerprint

PROGRAM = (
    "import torch; torch.set_num_threads(1); "
    "from ldpf.utils.numerics import numeric_fingerprint; "
    "print(torch.backends.cpu.get_cpu_capability(), numeric_fingerprint())"
)


def elsewhere(**variables: str) -> tuple[str, str]:
    """What the processor may do, and the fingerprint, in another process."""
    env = {**os.environ, **variables}
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=env, capture_output=True, check=True, text=True
    )
    capability, fingerprint = said.stdout.strip().rsplit(" ", 1)
    return capability, fingerprint


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_another_process_on_this_machine_has_the_same():
    assert elsewhere()[1] == numeric_fingerprint()


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_a_processor_that_adds_in_another_order_has_another():
    own = torch.backends.cpu.get_cpu_capability()
    other, fingerprint = elsewhere(ATEN_CPU_CAPABILITY="default")
    if other == own:
        pytest.skip("this processor has no other way to compute")
    assert fingerprint != numeric_fingerprint()


def test_one_bit_in_one_result_makes_another(monkeypatch):
    plain = numeric_fingerprint()

    def nudged(device):
        *others, last = _battery(device)
        flat = last.clone(memory_format=torch.contiguous_format)
        flat.view(-1)[-1] = torch.nextafter(flat.view(-1)[-1], torch.tensor(9.0).to(flat.dtype))
        yield from (*others, flat)

    monkeypatch.setattr(numerics, "_battery", nudged)
    _fingerprint.cache_clear()
    assert numeric_fingerprint() != plain
    _fingerprint.cache_clear()


@pytest.mark.slow
def test_it_is_computed_once_for_each_number_of_threads():
    _fingerprint.cache_clear()
    for _ in range(3):
        numeric_fingerprint()
    assert _fingerprint.cache_info().misses == 1
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    numeric_fingerprint()
    torch.set_num_threads(before)
    assert _fingerprint.cache_info().misses == 2


def test_no_random_draw_is_used_up():
    _fingerprint.cache_clear()
    torch.manual_seed(0)
    numeric_fingerprint()
    after = torch.rand(1)
    torch.manual_seed(0)
    assert after == torch.rand(1)


def test_every_result_is_finite():
    assert all(result.isfinite().all() for result in _battery(torch.device("cpu")))


def test_it_takes_about_a_second_at_most():
    _fingerprint.cache_clear()
    started = time.process_time()
    numeric_fingerprint()
    assert time.process_time() - started < 3  # of this process, on any machine
