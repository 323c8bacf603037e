"""Rules of choice read off a benchmark that has `auto` among its methods."""

from __future__ import annotations

import json
from pathlib import Path


def judged(name, held_out, by_domain, log_likelihoods):
    return {
        "name": name,
        "validation_accuracy": held_out,
        "left_out_accuracy": sum(by_domain) / len(by_domain),
        "by_domain": by_domain,
        "log_likelihoods": log_likelihoods,
    }


def written(folder: Path, accuracies: dict[str, float], *, oracle: bool = False) -> Path:
    """Results of one target, where held-out accuracy is for gda and left-out accuracy for ldpf."""
    table = [
        judged("gda", 0.9, [0.3, 0.5], [-1.0, -1.2]),
        judged("coop", 0.7, [0.4, 0.5], [-0.5, -3.0]),
        judged("ldpf", 0.8, [0.6, 0.6], [-1.1, -1.4]),
        judged("unmeasured", 1.0, [1.0, 1.0], [0.0, 0.0]),
    ]
    lines = [
        {
            "method": method,
            "target": "sketch",
            "seed": 0,
            "accuracy": accuracy,
            "oracle": oracle and method != "auto",
            "training": {"auto": {"table": table}} if method == "auto" else {},
        }
        for method, accuracy in accuracies.items()
    ]
    folder.mkdir()
    (folder / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def rows_of(text: str) -> dict[str, list[str]]:
    rows = [line.strip("| ").split(" | ") for line in text.split("\n\n")[1].splitlines()[2:]]
    return {row[0]: row[1:] for row in rows}


def test_every_rule_takes_what_its_score_says(tmp_path, printed_by):
    folder = written(tmp_path / "a", {"gda": 0.5, "coop": 0.4, "ldpf": 0.7, "auto": 0.8})
    out, _ = printed_by("rules_in_results", folder)
    rows = rows_of(out)
    assert rows["held-out accuracy"] == ["20.00", "20.00", "0 of 1", "50.0"]
    assert rows["left-out accuracy"] == ["0.00", "0.00", "1 of 1", "70.0"]
    assert rows["left-out log-likelihood"] == rows["always gda"]
    assert rows["left-out log-likelihood, worst domain"] == rows["always gda"]
    assert rows["auto"] == ["-10.00", "-10.00", "1 of 1", "80.0"]
    assert "always unmeasured" not in rows and "always auto" not in rows


def test_folders_are_told_apart(tmp_path, printed_by):
    first = written(tmp_path / "a", {"gda": 0.5, "coop": 0.6, "auto": 0.6})
    second = written(tmp_path / "b", {"gda": 0.5, "ldpf": 0.7, "auto": 0.6})
    out, _ = printed_by("rules_in_results", first, second)
    assert "regret, a | regret, b" in out
    rows = rows_of(out)
    assert rows["always gda"] == ["10.00", "20.00", "15.00", "0 of 2", "50.0"]
    assert rows["always coop"][1] == ""  # not a method of the second


def test_without_candidates_of_auto_nothing_is_said(tmp_path, printed_by):
    folder = written(tmp_path / "a", {"gda": 0.5, "coop": 0.6, "auto": 0.6}, oracle=True)
    _, said = printed_by("rules_in_results", folder, code=1)
    assert "name auto and its candidates in --methods" in said
