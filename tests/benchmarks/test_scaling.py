"""The scaling benchmark prints a line for each size, and exponents."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parents[2] / "benchmarks" / "scaling.py"


@pytest.fixture(scope="module")
def scaling() -> ModuleType:
    spec = importlib.util.spec_from_file_location("scaling", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["scaling"] = module  # for its dataclasses
    spec.loader.exec_module(module)
    return module


def run(scaling, monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["scaling.py", *arguments])
    scaling.main()
    return capsys.readouterr().out.splitlines()


def test_one_size_is_measured(scaling, monkeypatch, capsys):
    sizes = ["--images", "60", "--classes", "3", "--domains", "2", "--steps", "2"]
    (line,) = run(scaling, monkeypatch, capsys, *sizes, "--json")
    measured = json.loads(line)
    assert tuple(measured) == scaling.COLUMNS
    assert all(value > 0 for value in measured.values())
    assert measured["total_s"] > 2 * measured["step_s"]


def test_a_line_for_each_size_and_the_exponents(scaling, monkeypatch, capsys):
    def linear(n, k, s, steps, clock):
        return dict.fromkeys(scaling.COLUMNS, 0.5 * n)

    monkeypatch.setattr(scaling, "_in_a_process", linear)
    header, *lines, exponents = run(scaling, monkeypatch, capsys, "--images", "200,400")
    assert [line.split()[:3] for line in lines] == [["200", "10", "3"], ["400", "10", "3"]]
    assert len(header.split()) == len(lines[0].split()) == 8
    assert exponents.startswith("exponent along images: discovery_s 1.00, round_s 1.00")


def test_the_exponent_of_a_power_is_its_own(scaling):
    sizes = [10, 100, 1000]
    assert scaling.exponent(sizes, [3 * n**1.5 for n in sizes]) == pytest.approx(1.5)


def test_generated_features_have_length_one(scaling):
    features = scaling.generated(20_000, 4, 2).features
    assert features.shape == (20_000, 512)
    assert features.norm(dim=1).allclose(features.new_ones(20_000), atol=1e-5)


def test_seconds_are_those_of_the_clock(scaling):
    ticks = iter(range(6))
    measured = scaling.measure(60, 3, 2, 1, lambda: float(next(ticks)))
    assert [measured[name] for name in ("discovery_s", "round_s", "total_s")] == [1.0, 1.0, 1.0]
