from __future__ import annotations

import pytest
import torch

from ldpf.errors import SettingsError
from ldpf.experiments.results import write_results
from ldpf.experiments.run_folder import PREDICTIONS
from ldpf.report.tables.benchmark_rows import AVERAGE
from ldpf.report.tables.collect import results_tables
from ldpf.report.tables.reading import read_folders
from ldpf.utils.trees import write_tensors

LABELS = torch.arange(200) % 4


def add_run(folder, method, target, seed, right, **changes):
    """A result line and the answers it was measured on: the first `right` of 200 images."""
    run = f"{method}-{target}-{seed}"
    (folder / "runs" / run).mkdir(parents=True)
    answers = torch.where(torch.arange(200) < right, LABELS, LABELS + 1).to(torch.int32)
    write_tensors(
        folder / "runs" / run / PREDICTIONS, {"labels": LABELS.to(torch.int32), method: answers}
    )
    return {
        "dataset": "PACS",
        "backbone": "nano",
        "fingerprint": "f",
        "recipe": "none" if method == "zero-shot" else "fast",
        "selection": "none" if method == "zero-shot" else "validation",
        "method": method,
        "target": target,
        "seed": seed,
        "accuracy": right / 200,
        "oracle": method.endswith("oracle"),
        "settings_hash": run,
        "run": run,
        **changes,
    }


@pytest.fixture
def results(tmp_path):
    lines = [
        add_run(tmp_path, method, target, seed, right + seed)
        for method, right in (("zero-shot", 80), ("coop", 120), ("ldpf", 140))
        for target in ("art_painting", "photo")
        for seed in range(2)
    ]
    write_results(tmp_path / "results.jsonl", lines)
    return tmp_path, lines


def table(results, **options):
    (found,) = results_tables(read_folders([results[0]]), **options)
    return found


def test_every_method_has_its_row_and_what_does_not_learn_is_among_them(results):
    found = table(results)
    assert [row.method for row in found.rows] == ["zero-shot", "coop", "ldpf"]
    assert found.rows[1].cells[AVERAGE].mean == pytest.approx(120.5 / 200)
    assert found.caption[0] == (
        "Accuracy in % on the domain left out, mean ± standard deviation over seeds. Data PACS, "
        "backbone nano, 2 seeds, recipe fast, selection validation."
    )


def test_methods_and_targets_can_be_chosen_and_ordered(results):
    found = table(results, methods=["ldpf", "zero-shot"], targets=["photo"])
    assert [row.method for row in found.rows] == ["ldpf", "zero-shot"]
    assert found.targets == ("photo",)


def test_every_method_is_compared_with_the_one_named(results):
    found = table(results, against="coop")
    assert found.against == "coop"
    assert found.differences.keys() == {"zero-shot", "ldpf"}
    assert found.differences["ldpf"].startswith("+10.0 [")
    assert found.differences["zero-shot"].startswith("-20.0 [")


def test_runs_without_answers_are_named_and_not_compared(results):
    for file in results[0].glob(f"runs/ldpf-photo-*/{PREDICTIONS}"):
        file.unlink()
    found = table(results, against="coop")
    assert found.differences.keys() == {"zero-shot"}
    assert found.caption[-1] == "No comparison for ldpf: no runs on the same seeds."


def test_another_backbone_or_recipe_is_another_table(results):
    folder, lines = results
    other = [
        add_run(folder, "coop", "photo", 7, 100, backbone="other", fingerprint="g"),
        add_run(folder, "coop", "photo", 8, 100, recipe="paper"),
    ]
    write_results(folder / "results.jsonl", [*lines, *other])
    found = results_tables(read_folders([folder]))
    assert [len(one.rows) for one in found] == [3, 1, 2]  # zero-shot belongs to both recipes


def with_backbone(results, **changes):
    folder, lines = results
    known = [{**line, "backbone": "openai/clip-vit-base-patch16", **changes} for line in lines]
    write_results(folder / "results.jsonl", known)
    return results


def test_published_numbers_stand_beside_no_other_protocol_and_that_is_said(results):
    found = table(with_backbone(results))
    assert not [row for row in found.rows if row.published]
    assert found.caption[-1] == (
        "Published numbers of this data and backbone belong to the protocol spg and stand beside "
        "no other: ldpf benchmark --protocol-preset spg."
    )
    assert "Published" not in " ".join(table(results, published=False).caption)


def test_published_numbers_stand_below_and_can_be_left_away(results):
    found = table(with_backbone(results, protocol="spg"))
    published = [row for row in found.rows if row.published]
    assert {"coop", "SPG"} <= {row.method for row in published}
    coop = next(row for row in published if row.method == "coop")
    assert coop.cells["photo"].mean == pytest.approx(0.996)
    assert coop.label == "coop (published)"
    assert not [row for row in table(results, published=False).rows if row.published]
    assert "ECCV 2024" in " ".join(found.caption)


def test_results_of_zero_shot_alone_make_a_table(results):
    folder, lines = results
    write_results(folder / "results.jsonl", [x for x in lines if x["method"] == "zero-shot"])
    assert [row.method for row in table(results).rows] == ["zero-shot"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"methods": ["magic"]},
            "There is no method 'magic' among the results; there is zero-shot, coop, ldpf.",
        ),
        (
            {"against": "dpl"},
            "There is no method 'dpl' among the results; there is zero-shot, coop, ldpf.",
        ),
        (
            {"targets": ["sky"]},
            "There is no target 'sky' among the results; there is art_painting, photo.",
        ),
    ],
)
def test_what_is_not_there_is_named(options, sentence, results):
    with pytest.raises(SettingsError) as caught:
        table(results, **options)
    assert str(caught.value) == sentence


def test_two_settings_in_one_cell_are_refused(results, tmp_path):
    folder, lines = results
    write_results(folder / "results.jsonl", [*lines, {**lines[-1], "settings_hash": "other"}])
    with pytest.raises(SettingsError) as caught:
        table(results)
    assert str(caught.value) == (
        f"Two runs of 'ldpf' on target 'photo' with seed 1 have different settings ({folder} and "
        f"{folder}); make a table of one folder at a time, or give one of them a name: NAME=FOLDER."
    )


def written(folder, lines):
    write_results(folder / "results.jsonl", lines)
    return results_tables(read_folders([folder]))


# --- protocols and selection rules ------------------------------------------------------------


def test_a_single_source_has_a_column_that_averages_its_targets(tmp_path):
    lines = [
        add_run(
            tmp_path, "coop", f"{source}{target}", 0, right, protocol="single-source", case=source
        )
        | {"target": target}
        for source, target, right in (("a", "b", 100), ("a", "c", 140), ("b", "a", 60))
    ]
    (found,) = written(tmp_path, lines)
    assert found.columns == ("from a", "from b", AVERAGE)
    means = [found.rows[0].cells[column].mean for column in found.columns]
    assert means == pytest.approx([0.6, 0.3, 0.45])


def test_protocols_have_tables_of_their_own(tmp_path):
    lines = [
        add_run(tmp_path, "coop", "photo", 0, 100),
        add_run(tmp_path, "coop", "photo", 1, 140, protocol="in-distribution"),
    ]
    found = written(tmp_path, lines)
    assert [one.rows[0].cells["photo"].mean for one in found] == [0.5, 0.7]
    assert "held-out images of domains that were trained on" in found[1].caption[0]


def test_what_the_target_chose_stands_apart_with_its_own_zero_shot(tmp_path):
    lines = [
        add_run(tmp_path, "zero-shot", "photo", 0, 80),
        add_run(tmp_path, "coop", "photo", 0, 100),
        add_run(tmp_path, "zero-shot", "photo", 1, 70, selection="target-oracle"),
        add_run(tmp_path, "coop", "photo", 1, 120, selection="target-oracle", oracle=True),
    ]
    usual, oracle = written(tmp_path, lines)
    assert [row.cells["photo"].mean for row in usual.rows] == [0.4, 0.5]
    assert [(row.label, row.cells["photo"].mean) for row in oracle.rows] == [
        ("zero-shot", 0.35),
        ("coop *", 0.6),
    ]
    assert any("an upper bound, not domain generalization" in line for line in oracle.caption)


def test_results_of_methods_without_a_recipe_alone_make_one_table(tmp_path):
    lines = [
        add_run(tmp_path, "zero-shot", "photo", 0, 80),
        add_run(tmp_path, "gda", "photo", 0, 90, recipe="none"),
    ]
    (found,) = written(tmp_path, lines)
    assert [row.method for row in found.rows] == ["zero-shot", "gda"]


def test_the_caption_says_which_settings_were_chosen(tmp_path):
    trials = [{"settings": {"tau": 0.1}, "score": 0.5}]
    lines = [
        add_run(tmp_path, "ldpf", target, 0, 100, chosen={"tau": tau}, trials=trials)
        for target, tau in (("a", 0.1), ("b", 0.1), ("c", 0.5))
    ]
    (found,) = written(tmp_path, lines)
    assert "Chosen for ldpf: tau=0.1 (2 of 3 runs); tau=0.5 (1 of 3 runs)." in found.caption
