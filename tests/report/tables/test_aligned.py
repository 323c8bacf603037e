from __future__ import annotations

import pytest
import torch

from ldpf.experiments.results import write_results
from ldpf.experiments.run_folder import PREDICTIONS
from ldpf.report.tables.collect import results_tables
from ldpf.report.tables.reading import read_folders
from ldpf.utils.trees import write_tensors

LABELS = torch.zeros(8, dtype=torch.int32)


def add_run(folder, target, right, cosines):
    """A run of zero-shot with eight images, of which `right` are answered right."""
    run = f"zero-shot-{target}"
    (folder / "runs" / run).mkdir(parents=True)
    tensors = {"labels": LABELS, "zero-shot": torch.tensor([not r for r in right]).int()}
    if cosines is not None:
        tensors["alignment."] = torch.tensor(cosines)
    write_tensors(folder / "runs" / run / PREDICTIONS, tensors)
    return {
        **{"dataset": "PACS", "backbone": "nano", "fingerprint": "f", "recipe": "none"},
        **{"selection": "none", "method": "zero-shot", "target": target, "seed": 0},
        **{"accuracy": sum(right) / 8, "oracle": False, "settings_hash": run, "run": run},
    }


def table(folder, lines, **options):
    write_results(folder / "results.jsonl", lines)
    (found,) = results_tables(read_folders([folder]), **options)
    return found


def test_targets_count_the_same_on_each_side(tmp_path):
    half = [0.3] * 4 + [0.1] * 4
    lines = [
        add_run(tmp_path, "art", [True] * 4 + [False] * 4, half),  # 1.0 and 0.0
        add_run(tmp_path, "photo", [True, False] * 4, [0.3] * 8),  # 0.5 and none
    ]
    found = table(tmp_path, lines, alignment=0.21)
    assert found.alignment["zero-shot"] == (pytest.approx(0.75), pytest.approx(0.0))
    assert "| 75.0 | 0.0 |" in found.to_markdown()
    assert "Aligned images: art 50%, photo 100%." in " ".join(found.caption)
    assert found.to_json()["rows"][0]["misaligned"] == 0.0


def test_runs_that_kept_no_alignment_are_named(tmp_path):
    lines = [add_run(tmp_path, "art", [True] * 8, None)]
    found = table(tmp_path, lines, alignment=0.21)
    assert found.alignment == {}
    assert "No alignment was kept by runs of zero-shot" in found.caption[-1]


def test_without_the_option_nothing_is_measured_apart(tmp_path):
    found = table(tmp_path, [add_run(tmp_path, "art", [True] * 8, [0.3] * 8)])
    assert found.alignment == {} and "Aligned" not in " ".join(found.caption)
