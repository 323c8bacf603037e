"""The benchmark of what is said of a new site runs as a script and prints its tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ldpf.expectation.estimators.base import ESTIMATORS


def test_every_target_is_estimated_and_compared(
    images: Path, tiny_clip_folder: Path, tmp_path: Path, printed_by
) -> None:
    arguments = [
        *("--data", images),
        *("--backbone", tiny_clip_folder),
        *("--methods", "gda,linear-probe-balanced"),
        *("--targets", "art,photo"),
        *("--jobs", "2"),
        *("--cache-dir", tmp_path / "cache"),
        *("--json", tmp_path / "rows.jsonl"),
    ]
    out, _ = printed_by("site_estimates", *arguments, fresh=True)
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [(row["method"], row["target"]) for row in rows] == [
        (method, target)
        for method in ("gda", "linear-probe-balanced")
        for target in ("art", "photo")
    ]
    for row in rows:
        assert list(row["estimates"]) == list(ESTIMATORS)
        assert 0 <= row["true"] <= 1 and row["odd_outside"] >= 0.9
        assert all(1 <= size <= 3 for size in row["size"].values())
    for heading in ("Errors in points", "Sets of 90%", "Calibration error", "Seconds"):
        assert heading in out
    error = [line for line in out.splitlines() if line.startswith("| atc |")]
    worst = max(abs(row["estimates"]["atc"] - row["true"]) for row in rows)
    assert float(error[0].split("|")[3]) == pytest.approx(100 * worst, abs=0.06)
