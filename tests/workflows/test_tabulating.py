"""`tabulate` and `table_text` from Python."""

from __future__ import annotations

import json

import pytest

from ldpf import workflows
from ldpf.errors import SettingsError


@pytest.fixture
def results(tmp_path):
    """A results.jsonl of two methods on two targets."""
    lines = [
        {
            "dataset": "shapes", "backbone": "tiny", "fingerprint": "f", "recipe": "fast",
            "selection": "training-domain-validation", "protocol": "leave-one-domain-out",
            "method": method, "target": target, "seed": 0, "accuracy": accuracy, "n_test": 10,
            "oracle": False, "run": f"{method}-{target}", "settings_hash": "h",
            "seconds": 1.0, "text_passes": 2,
            "peak_memory_mib": 3.0,
        }
        for method, target, accuracy in [
            ("coop", "art", 0.5), ("coop", "photo", 0.7), ("ldpf", "art", 0.6),
            ("ldpf", "photo", 0.8),
        ]
    ]  # fmt: skip
    (tmp_path / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def test_a_folder_is_one_table(results):
    (table,) = workflows.tabulate(results, published=False)
    assert [row.method for row in table.rows] == ["coop", "ldpf"]


def test_methods_and_targets_are_chosen(results):
    (table,) = workflows.tabulate([results], methods=["ldpf"], targets=["photo"], published=False)
    assert [row.method for row in table.rows] == ["ldpf"]
    assert "80.0" in workflows.table_text([table])


@pytest.mark.parametrize(("style", "mark"), [("markdown", "| ldpf"), ("latex", "\\toprule")])
def test_tables_as_text(results, style, mark):
    tables = workflows.tabulate(results, published=False)
    assert mark in workflows.table_text(tables, style)


def test_an_unknown_style_is_refused(results):
    with pytest.raises(SettingsError, match="'pdf'"):
        workflows.table_text(workflows.tabulate(results), "pdf")
