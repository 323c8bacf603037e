"""A machine that is busy with other things makes no attempt a hang."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fuzz.clock import Clock

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/schedstat").exists(), reason="the system does not count this"
)

_SPIN = "import os, time; os.sched_setaffinity(0, {CPU}); print(flush=True)\nwhile True: pass"
_SLEEP = "import time; print(flush=True); time.sleep(60)"


def _started(program: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


@pytest.mark.slow
def test_waiting_for_a_processor_does_not_count():
    cpu = min(os.sched_getaffinity(0))
    several = [_started(_SPIN.replace("CPU", str(cpu))) for _ in range(4)]
    try:
        clock, begun = Clock(several[0].pid), time.monotonic()
        time.sleep(1.0)
        assert 0 < clock.seconds < 0.6 * (time.monotonic() - begun)
    finally:
        for process in several:
            process.kill()
            process.communicate()


def test_sleeping_counts():
    process = _started(_SLEEP)
    try:
        clock = Clock(process.pid)
        time.sleep(0.5)
        assert clock.seconds > 0.4
    finally:
        process.kill()
        process.communicate()
