"""The benchmark of time to accuracy runs as a script and prints what it promises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_a_line_for_each_seed(images: Path, tiny_clip_folder: Path, printed_by) -> None:
    arguments = ["--data", str(images), "--backbone", str(tiny_clip_folder), "--device=cpu"]
    arguments += ["--seeds=2", "--epochs=2", "--target=art", "--json"]
    out, _ = printed_by("time_to_accuracy", *arguments)
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["seed"] for line in lines] == [0, 1]
    for line in lines:
        assert line["accuracy"] >= line["start_accuracy"] and line["coop_text_passes"] > 0
        reached = line["fast_best_accuracy"] >= line["accuracy"]
        assert (line["time_ratio"] is not None) == reached
        if reached:
            ratio = line["coop_seconds"] / line["fast_seconds"]
            assert line["time_ratio"] == pytest.approx(ratio, rel=0.01)


def test_the_first_look_at_an_accuracy_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from time_to_accuracy import Look, first_at

    looks = [Look(1.0, 1, 0.5), Look(2.0, 6, 0.7), Look(3.0, 11, 0.6), Look(4.0, 16, 0.8)]
    assert first_at(looks, 0.6) == looks[1]
    assert first_at(looks, 0.9) is None
