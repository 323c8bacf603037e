"""Published numbers as expectations: cells inside and outside the spread of the seeds."""

from __future__ import annotations

import csv
import io

import pytest

from ldpf.experiments.results import write_results
from ldpf.report.tables.benchmark_rows import AVERAGE, Cell, Expected
from ldpf.report.tables.collect import results_tables
from ldpf.report.tables.formats import to_csv, to_latex
from ldpf.report.tables.reading import read_folders

PACS = ("art_painting", "cartoon", "photo", "sketch")
COOP = (0.977, 0.984, 0.996, 0.900)


def line(method, target, seed, accuracy, dataset="PACS", **changes):
    return {
        "dataset": dataset,
        "backbone": "openai/clip-vit-base-patch16",
        "fingerprint": "f",
        "protocol": "spg",
        "recipe": "none" if method == "zero-shot" else "paper",
        "selection": "none" if method == "zero-shot" else "training-domain-validation",
        "method": method,
        "target": target,
        "seed": seed,
        "accuracy": accuracy,
        "oracle": method.endswith("oracle"),
        "settings_hash": f"{method} {target}",
        "run": f"{method}-{target}-{seed}",
        **changes,
    }


def tables(folder, lines, **options):
    write_results(folder / "results.jsonl", lines)
    return results_tables(read_folders([folder]), expect=True, **options)


@pytest.fixture
def pacs(tmp_path):
    """CoOp with photo a whole point off and the other targets within 0.2 of what was published."""
    offsets = {"art_painting": 0.002, "cartoon": -0.001, "photo": -0.01, "sketch": 0.0}
    lines = [
        line("coop", target, seed, value + offsets[target] + spread)
        for target, value in zip(PACS, COOP, strict=True)
        for seed, spread in enumerate((-0.003, 0.0, 0.003))
    ]
    (found,) = tables(tmp_path, lines)
    return found


@pytest.mark.parametrize(
    ("mean", "std", "published", "inside"),
    [
        (0.83, 0.01, 0.8405, True),  # the deviation and half of the printed digit
        (0.83, 0.01, 0.8410, False),
        (0.83, 0.01, 0.8195, True),
        (0.83, 0.0, 0.8305, True),
        (0.83, 0.0, 0.8310, False),
        (0.83, None, 0.83, None),
    ],
)
def test_a_cell_is_inside_where_the_published_number_lies_in_its_spread(
    mean, std, published, inside
):
    assert Expected.of(Cell(mean, std, 3), published).inside is inside


def test_each_cell_with_a_published_number_is_marked(pacs):
    verdicts = {column: one.inside for (_, column), one in pacs.expected.items()}
    assert verdicts == {
        **dict.fromkeys(("art_painting", "cartoon", "sketch", AVERAGE), True),
        "photo": False,
    }
    assert "98.6 ± 0.3 (99.6 outside)" in pacs.to_markdown()
    assert "4 of 5 inside, 1 outside." in " ".join(pacs.caption)


def test_every_format_has_the_marks(pacs):
    assert r"90.0 $\pm$ 0.3 (90.0 inside)" in to_latex(pacs)
    rows = list(csv.DictReader(io.StringIO(to_csv(pacs))))
    own = {row["target"]: row["inside"] for row in rows if row["published"] == "false"}
    assert (own["photo"], own["sketch"]) == ("false", "true")
    assert pacs.to_json()["rows"][0]["targets"]["photo"]["published"] == pytest.approx(0.996)
    assert pacs.to_json()["rows"][0]["targets"]["photo"]["inside"] is False


def test_the_average_over_some_targets_is_not_compared_with_that_over_all(pacs, tmp_path):
    lines = [line("coop", t, s, 0.9 + s / 100) for t in PACS[:3] for s in range(2)]
    (found,) = tables(tmp_path, lines)
    assert ("coop", AVERAGE) not in found.expected
    assert ("coop", "photo") in found.expected


def test_one_seed_has_no_spread_and_says_so(tmp_path):
    (found,) = tables(tmp_path, [line("coop", "photo", 0, 0.996)])
    assert found.expected["coop", "photo"].inside is None
    assert "One seed has no spread: repeat with seeds=3." in found.caption


def test_nothing_is_expected_of_results_that_nothing_published_belongs_to(tmp_path):
    lines = [line("gda", "photo", s, 0.9) for s in range(2)]
    (found,) = tables(tmp_path, lines)
    assert found.expected == {}
    assert "Expected: nothing published belongs to these results." in found.caption


def ldpf_lines(dataset, targets, value, gap=0.0):
    methods = {"ldpf": value, "ldpf-oracle": value + gap}
    return [
        line(method, target, seed, accuracy, dataset=dataset)
        for method, accuracy in methods.items()
        for target in targets
        for seed in range(2)
    ]


def test_the_gap_to_the_oracle_stands_beside_the_published_one(tmp_path):
    office = ("Art", "Clipart", "Product", "Real World")
    (found,) = tables(tmp_path, ldpf_lines("office-home", office, 0.8513, 0.03))
    assert found.expected["ldpf", AVERAGE].inside is True
    assert "Gap of ldpf to ldpf-oracle: 3.00 points, published 2.98." in found.caption


def test_a_gap_is_told_also_where_no_accuracy_was_published(tmp_path):
    terra = ("location_38", "location_43", "location_46", "location_100")
    (found,) = tables(tmp_path, ldpf_lines("terra-incognita", terra, 0.5, 0.1))
    assert found.expected == {}
    assert found.caption[-1] == "Gap of ldpf to ldpf-oracle: 10.00 points, published 12.05."


def test_the_average_over_four_benchmarks_needs_all_four(tmp_path):
    sets = {
        "office-home": ("Art", "Clipart", "Product", "Real World"),
        "mini-domainnet": ("clipart", "painting", "real", "sketch"),
        "vlcs": ("Caltech101", "LabelMe", "SUN09", "VOC2007"),
        "terra-incognita": ("location_38", "location_43", "location_46", "location_100"),
    }
    lines = [x for name, targets in sets.items() for x in ldpf_lines(name, targets, 0.78)]
    last = tables(tmp_path, lines)[-1].caption[-1]
    assert last == (
        "Average of ldpf over officehome, domainnet, vlcs, terra: 78.00, published 78.85."
    )
    three = [x for x in lines if x["dataset"] != "vlcs"]
    assert "78.85" not in " ".join(tables(tmp_path, three)[-1].caption)
