"""The benchmark of a million features prints a line for images and one for embeddings."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / "benchmarks" / "million.py"


@pytest.mark.slow  # two processes
def test_both_ways_are_measured(monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("million", FILE)
    assert spec is not None and spec.loader is not None
    million = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(million)
    monkeypatch.setattr(sys, "argv", ["million.py", "--images", "400"])
    million.main()
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == list(million.COLUMNS)
    assert [line[:18].strip() for line in lines] == ["folder of images", "clip-retrieval"]
    for line in lines:
        assert all(float(value) >= 0 for value in line[18:].split())
