"""What `benchmarks/decoding.py` measures."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / "benchmarks" / "decoding.py"


@pytest.fixture(scope="module")
def decoding():
    specification = importlib.util.spec_from_file_location("decoding", FILE)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["decoding"] = module
    specification.loader.exec_module(module)
    return module


def test_an_image_and_a_hostile_file_are_measured(decoding):
    cases = {
        "image": lambda: decoding.encoded("RGB", "PNG", 3000),
        "hostile": decoding.huge_webp,
    }
    (_, seconds, memory, result), (_, _, _, reason) = decoding.measured(cases)
    assert result == "3000 x 3000" and "above the limit" in reason
    assert 0 < seconds < 10
    assert 4 * 3000**2 < memory < decoding.MAX_MEMORY


def test_the_checks_are_timed_on_ordinary_images(decoding, write_image, tmp_path):
    for number in range(3):
        write_image(tmp_path / f"{number}.png")
    checked, unchecked = decoding.cost_of_checks(tmp_path, count=2, rounds=2)
    assert checked > 0 and unchecked > 0
