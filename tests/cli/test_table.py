from __future__ import annotations

import json

import pytest


@pytest.fixture(scope="module")
def results(images, tiny_clip_folder, tmp_path_factory, run):
    out = tmp_path_factory.mktemp("results") / "out"
    result = run(
        *("benchmark", "--data", images, "--backbone", tiny_clip_folder, "--out", out),
        *("--methods", "zero-shot,coop", "--targets", "art,photo", "--seeds", 2),
    )
    assert result.exit_code == 0, result.stderr
    return out


def test_the_terminal_shows_methods_targets_and_the_comparison(results, run):
    result = run("table", results, "--against", "zero-shot")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert "vs zero-shot (95% interval)" in lines[1]
    coop = next(line for line in lines if line.strip().startswith("coop"))
    assert "[" in coop and "]" in coop


def test_a_folder_with_a_name_stands_beside_one_with_other_settings(
    results, images, tiny_clip_folder, tmp_path, run
):
    made = run(
        *("benchmark", "--data", images, "--backbone", tiny_clip_folder, "--out", tmp_path),
        *("--methods", "coop", "--targets", "art,photo", "--seeds", 2),
        *("--set", "recipe.max_steps=2"),
    )
    assert made.exit_code == 0, made.stderr
    refused = run("table", results, tmp_path)
    assert refused.exit_code != 0 and "NAME=FOLDER" in refused.stderr
    result = run("table", results, f"two steps={tmp_path}", "--against", "coop", "--json")
    assert result.exit_code == 0, result.stderr
    (document,) = json.loads(result.stdout)
    assert [row["method"] for row in document["rows"]] == ["zero-shot", "coop", "coop (two steps)"]
    shown = run("table", results, f"two steps={tmp_path}", "--against", "coop").stdout
    other = next(line for line in shown.splitlines() if "coop (two steps)" in line)
    assert "[" in other and "]" in other  # compared image by image


@pytest.mark.parametrize(
    ("style", "mark"),
    [("markdown", "| method |"), ("latex", "\\toprule"), ("csv", "method,target,accuracy")],
)
def test_other_formats_go_to_stdout_or_a_file(style, mark, results, tmp_path, run):
    result = run("table", results, "--format", style)
    assert mark in result.stdout
    file = tmp_path / "table"
    assert run("table", results, "--format", style, "--out", file).exit_code == 0
    assert file.read_text().strip() == result.stdout.strip()


def test_json_holds_the_same_numbers_as_the_benchmarks_own_table(results, run):
    (document,) = json.loads(run("table", results, "--json").stdout)
    assert [row["method"] for row in document["rows"]] == ["zero-shot", "coop"]
    cell = document["rows"][1]["targets"]["art"]
    accuracies = [
        line["accuracy"]
        for line in map(json.loads, (results / "results.jsonl").read_text().splitlines())
        if (line["method"], line["target"]) == ("coop", "art")
    ]
    assert cell["mean"] == pytest.approx(sum(accuracies) / 2)
    assert cell["seeds"] == 2


def test_an_unknown_format_is_refused(results, run):
    result = run("table", results, "--format", "pdf")
    assert result.exit_code == 2
    assert result.stderr == (
        "Error: format is 'pdf'; choose from terminal, markdown, latex, csv.\n"
    )


def test_a_file_that_cannot_be_written_is_named(results, tmp_path, run):
    (tmp_path / "no").write_text("a file")
    result = run("table", results, "--out", tmp_path / "no" / "table.md")
    assert result.exit_code == 2
    assert "cannot be written (Not a directory); give another place with --out" in result.stderr


def test_results_are_not_replaced_by_a_table_of_them(results, run):
    before = (results / "results.jsonl").read_bytes()
    result = run("table", results, "--format", "csv", "--out", results / "results.jsonl")
    assert result.exit_code == 2
    assert "is read here, and would be lost" in result.stderr
    assert (results / "results.jsonl").read_bytes() == before


def test_costs_are_those_of_the_runs(results, run):
    result = run("table", results, "--costs", "--format", "markdown")
    assert result.exit_code == 0, result.stderr
    lines = [json.loads(line) for line in (results / "results.jsonl").read_text().splitlines()]
    coop = [line for line in lines if line["method"] == "coop"]
    seconds = sum(line["seconds"] for line in coop) / len(coop)
    row = next(line for line in result.stdout.splitlines() if line.startswith("| coop"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[-3] == f"{seconds:.1f}"
    assert cells[-1] == f"{max(line['peak_memory_mib'] for line in coop):,.0f}"
    assert "seconds a run" not in run("table", results).stdout


def test_calibration_is_that_of_the_runs(results, run):
    result = run("table", results, "--calibration", "--format", "markdown")
    lines = [json.loads(line) for line in (results / "results.jsonl").read_text().splitlines()]
    assert all("ece" in line and "calibrated_ece" in line for line in lines)
    coop = [line for line in lines if line["method"] == "coop"]
    means = [sum(line[name] for line in coop) / len(coop) for name in ("ece", "calibrated_ece")]
    row = next(line for line in result.stdout.splitlines() if line.startswith("| coop"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[-2:] == [f"{100 * mean:.1f}" for mean in means]
    assert "calibrated ECE" not in run("table", results).stdout
    (document,) = json.loads(run("table", results, "--json").stdout)
    found = next(entry for entry in document["rows"] if entry["method"] == "coop")
    assert [found["ece"], found["calibrated_ece"]] == pytest.approx(means)
