"""results.jsonl: what is not as it was written is noticed by whatever reads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldpf.errors import ModelError
from ldpf.experiments.bound_lines import BOUND, bind, unbind
from ldpf.experiments.results import read_results, write_results
from ldpf.report.tables.reading import read_folders

LINES = [
    {
        "method": method, "target": target, "seed": 0, "accuracy": accuracy, "n_test": 10,
        "dataset": "d", "backbone": "b", "fingerprint": "f", "recipe": "none", "selection": "none",
        "oracle": False, "run": f"{method}-{target}", "settings_hash": method,
        "seconds": 1.5, "text_passes": 2, "peak_memory_mib": 3.0,
        "trials": [{"settings": {}, "score": 0.5, "seconds": 2.0}],
    }
    for method, target, accuracy in [
        ("coop", "art", 0.5), ("coop", "photo", 0.75), ("ldpf", "art", 0.625), ("ldpf", "photo", 1),
    ]
]  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "results.jsonl"
    write_results(path, LINES)
    return path


def _swap(lines: list[dict[str, Any]]) -> None:
    lines[0]["accuracy"], lines[2]["accuracy"] = lines[2]["accuracy"], lines[0]["accuracy"]


CHANGES: dict[str, Callable[[list[dict[str, Any]]], object]] = {
    "edited": lambda lines: lines[1].update(accuracy=0.99),
    "removed": lambda lines: lines.pop(2),
    "removed at the end": lambda lines: lines.pop(),
    "twice": lambda lines: lines.append(lines[0]),
    "swapped": _swap,
    "moved": lambda lines: lines.reverse(),
    "a trial": lambda lines: lines[3]["trials"][0].update(score=0.9),
    "one without its digest": lambda lines: (lines[1].update(accuracy=0.1), lines[1].pop(BOUND)),
    "of another file": lambda lines: lines[1].update(bind([LINES[1]])[0], accuracy=0.2),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_noticed(file: Path, change: str):
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    CHANGES[change](lines)
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for read in (read_results, lambda path: read_folders([path.parent])):
        with pytest.raises(ModelError, match="not those that were written together") as caught:
            read(file)
        assert str(file) in str(caught.value)


def test_lines_come_back_as_they_were(file: Path):
    assert read_results(file) == LINES
    assert all(BOUND in json.loads(line) for line in file.read_text().splitlines())


def test_what_was_read_can_be_written_again(file: Path):
    before = file.read_text()
    write_results(file, read_results(file))
    assert file.read_text() == before


def test_files_without_the_field_are_taken_as_they_are(tmp_path: Path):
    path = tmp_path / "results.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in LINES[1:]))
    assert read_results(path) == LINES[1:]


def test_one_file_behind_another_is_fine(tmp_path: Path):
    parts = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for part, lines in zip(parts, (LINES[:1], LINES[1:]), strict=True):
        write_results(part, lines)
    whole = tmp_path / "all.jsonl"
    whole.write_text("".join(part.read_text() for part in parts))
    assert read_results(whole) == LINES


@given(seconds=st.floats(0, 1e6), memory=st.floats(0, 1e6))
def test_the_same_runs_made_again_have_the_same_digest(seconds: float, memory: float):
    again = [{**line, "seconds": seconds, "peak_memory_mib": memory} for line in LINES]
    assert bind(again)[0][BOUND] == bind(LINES)[0][BOUND]
    assert unbind(bind(again)) == again
