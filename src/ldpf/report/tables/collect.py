"""From result folders to tables: what belongs into one table, compared and beside what is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from ldpf.errors import ModelError, SettingsError
from ldpf.evaluation.bootstrap import Comparison, compare
from ldpf.experiments.protocols import DEFAULT_PROTOCOL, get_protocol, protocol_of
from ldpf.experiments.readouts import readout_of
from ldpf.experiments.results import read_results, right_answers, run_results
from ldpf.experiments.selection import get_selection, uses_target
from ldpf.models.summary import chosen_words
from ldpf.report.tables.aligned import by_alignment
from ldpf.report.tables.benchmark_table import AVERAGE, BenchmarkRow, BenchmarkTable, Cell
from ldpf.report.tables.computed_alike import alike_words
from ldpf.report.tables.expectations import Expectations, expect_published, with_four_average
from ldpf.report.tables.published import PROTOCOL, benchmark_name, is_backbone, published_rows

_SAME_TEST = ("dataset", "backbone", "fingerprint", "protocol")
_TOGETHER = (*_SAME_TEST, "recipe", "selection")

Line = dict[str, Any]


def read_folders(results: Sequence[Path]) -> list[Line]:
    """The lines of several result folders (or results.jsonl files), each with its `folder`.

    A run that several folders hold, such as those of shards, counts once.

    Raises:
        ModelError: one of them holds no results, or damaged ones.
    """
    lines: dict[tuple[Any, ...], Line] = {}
    for path in results:
        file = path if path.suffix == ".jsonl" else path / "results.jsonl"
        for line in _placed(read_results(file), file.parent):
            run = line.get("settings_hash") or len(lines)  # other software may write none
            lines.setdefault((run, line["method"], line["seed"], _where_tested(line)), line)
    return list(lines.values())


def read_run(run: Path) -> list[Line]:
    """The lines of one run, first, and those of the runs beside it that it can be compared with.

    These are of other methods on the same targets with the same seed, data, recipe and selection
    rule, as far as the results.jsonl of its benchmark names them.

    Args:
        run: its folder, in the folder `runs` of a benchmark.

    Raises:
        ModelError: its results, or those of its benchmark, are damaged, or it lies elsewhere.
    """
    run = run.resolve()  # it may have been given as "."
    if run.parent.name != "runs":
        raise ModelError(
            f"The run {str(run)!r} does not lie in a folder 'runs', as a benchmark keeps it; put "
            "it back there."
        )
    out = run.parent.parent
    own = [{**line, "run": run.name} for line in _placed(run_results(run), out)]
    if not (out / "results.jsonl").is_file():
        return own
    methods, targets = ({line[key] for line in own} for key in ("method", "target"))
    key = tuple(own[0][name] for name in _TOGETHER)
    return own + [
        line
        for line in read_folders([out])
        if line["method"] not in methods
        and line["target"] in targets
        and line["seed"] == own[0]["seed"]
        and (_joins(there := tuple(line[name] for name in _TOGETHER), key) or _joins(key, there))
    ]


def _placed(lines: Sequence[Line], folder: Path) -> list[Line]:
    # Runs from before there were other protocols do not name theirs.
    return [{"protocol": DEFAULT_PROTOCOL, **line, "folder": folder} for line in lines]


def results_tables(
    lines: Sequence[Line],
    *,
    methods: Sequence[str] | None = None,
    targets: Sequence[str] | None = None,
    against: str | None = None,
    published: bool = True,
    costs: bool = False,
    calibration: bool = False,
    expect: bool = False,
    alignment: float | None = None,
) -> list[BenchmarkTable]:
    """A table for each dataset, backbone, protocol, recipe and selection rule among the lines.

    Args:
        lines: from `read_folders`.
        methods, targets: what to show, in this order; None for everything in the order found.
        against: method to compare every other one with, on the same images and seeds.
        published: whether to add published numbers where dataset, backbone and protocol match.
        costs: whether to add what a run took.
        calibration: whether to show the expected calibration error at the targets.
        expect: whether to mark each cell that has a published number as inside or outside the
            spread of the seeds.
        alignment: cosine of image and own label by which to measure apart; None leaves it out.

    Raises:
        ModelError: the answers of a run are damaged.
        SettingsError: a method or target is asked for that is not there, or two runs of one method
            with different settings stand in the same cell.
    """
    _require("method", [*(methods or ()), *([against] if against else [])], lines)
    _require("target", targets or (), lines)
    wanted = methods or list(dict.fromkeys(line["method"] for line in lines))
    shown = targets or list(dict.fromkeys(line["target"] for line in lines))
    keys: dict[tuple[str, ...], None] = {}
    for line in lines:
        keys.setdefault(tuple(line[key] for key in _TOGETHER))
    # What learns no prompt has no recipe, and what learns nothing no selection either: they stand
    # beside all that was tested on the same images, and alone only where there is nothing else.
    own = [key for key in keys if not any(other != key and _joins(key, other) for other in keys)]
    groups = {
        key: [
            line
            for line in lines
            if _joins(tuple(line[name] for name in _TOGETHER), key)
            and line["method"] in wanted
            and line["target"] in shown
        ]
        for key in own
    }
    tables = {
        key: _table(
            members, key, wanted, shown, against, published, costs, calibration, expect, alignment
        )
        for key, members in groups.items()
        if members
    }
    if expect:
        named = [(key[0], key[1], key[3], table) for key, table in tables.items()]
        return with_four_average(named)
    return list(tables.values())


def _joins(line: tuple[str, ...], table: tuple[str, ...]) -> bool:
    """Whether a line with the first key belongs into the table with the second."""
    *test, recipe, selection = line
    *same_test, of_table, rule = table
    selected = selection == rule or (selection == "none" and not uses_target(rule))
    return test == same_test and recipe in ("none", of_table) and selected


def _table(
    lines: list[Line],
    key: tuple[str, ...],
    methods: Sequence[str],
    targets: Sequence[str],
    against: str | None,
    published: bool,
    costs: bool,
    calibration: bool,
    expect: bool,
    alignment: float | None,
) -> BenchmarkTable:
    _require_one_run_per_cell(lines)
    dataset, backbone, _, protocol, recipe, selection = key
    here = [target for target in targets if any(line["target"] == target for line in lines)]
    rules = get_protocol(protocol)
    if not rules.leaves_one_out:
        here = list(dict.fromkeys(rules.column(line) for line in lines))
    present = [m for m in methods if any(line["method"] == m for line in lines)]
    n_seeds = len({line["seed"] for line in lines})
    spread = ", mean ± standard deviation over seeds" if n_seeds > 1 else ""
    caption = [
        f"Accuracy in % on {rules.measured}{spread}. "
        f"Data {dataset}, backbone {backbone}, "
        f"{n_seeds} seed{'s' if n_seeds > 1 else ''}, recipe {recipe}, selection {selection}."
    ]
    if uses_target(selection):
        caption.append(f"Target oracle: selected by {get_selection(selection).words}.")
    caption += chosen_words(lines)
    caption += alike_words(lines)
    table = BenchmarkTable.from_results(lines, present, here)
    rows = list(table.rows)
    comparable = rules.leaves_one_out and not uses_target(selection)
    known = published_rows(dataset, backbone, protocol, tuple(here)) if comparable else []
    elsewhere = comparable and benchmark_name(dataset) is not None and is_backbone(backbone)
    if published and known:
        rows += [
            BenchmarkRow(
                row.method,
                oracle=False,
                cells={
                    **{name: Cell(v / 100, None, 3) for name, v in row.targets.items()},
                    AVERAGE: Cell(row.average / 100, None, 3),
                },
                published=True,
            )
            for row in known
        ]
        caption.append(
            "Published: as printed in Soft Prompt Generation (ECCV 2024) and, for ldpf, in arXiv "
            "2511.00067, averaged over all of the benchmark's targets; measured elsewhere, with "
            "augmented images."
        )
    elif (published or expect) and elsewhere and not known:
        caption.append(
            f"Published numbers of this data and backbone belong to the protocol {PROTOCOL} and "
            f"stand beside no other: ldpf benchmark --protocol-preset {PROTOCOL}."
        )
    found = Expectations()
    if expect:
        found = expect_published(table, known, benchmark_name(dataset) if known else None)
        caption += found.caption
    differences: dict[str, str] = {}
    if against is not None:
        differences, missing = _differences(lines, present, against)
        caption.append(
            f"vs {against}: difference of the averages in points, with the 95% interval of a "
            "paired bootstrap over test images and seeds."
        )
        caption += margin_words(lines, present)
        if missing:
            caption.append(f"No comparison for {', '.join(missing)}: no runs on the same seeds.")
    if calibration:
        caption.append(
            "ECE: expected calibration error at the targets in points, a mean; calibrated: with a "
            "temperature fitted to answers on latent domains of the training images left out."
        )
    aligned: dict[str, tuple[float | None, float | None]] = {}
    if alignment is not None:
        aligned, words = by_alignment(lines, present, alignment)
        caption += words
    if costs:
        caption.append(
            "Seconds and text passes: of one run's training, without any search over settings; a "
            "mean. Peak: the largest. Runs side by side slow each other down."
        )
    return replace(
        table,
        rows=tuple(rows),
        caption=tuple(caption),
        against=against,
        differences=differences,
        costs={name: _costs(name, lines) for name in present} if costs else {},
        calibration={name: _calibration(name, lines) for name in present},
        shows_calibration=calibration,
        alignment=aligned,
        expected=found.cells,
    )


def _calibration(method: str, lines: Sequence[Line]) -> tuple[float | None, float | None]:
    """Mean calibration error of a method's lines, before and after; None where one has none."""
    own = [line for line in lines if line["method"] == method]
    before, after = (
        [line[name] for line in own if name in line] for name in ("ece", "calibrated_ece")
    )
    # A mean over other runs than the neighboring row's would not be comparable.
    return (
        fmean(before) if len(before) == len(own) else None,
        fmean(after) if len(after) == len(own) else None,
    )


def _costs(method: str, lines: Sequence[Line]) -> tuple[str, ...]:
    """What a run of a method took, below `COST_HEADINGS`; a read-out takes nothing of its own."""
    trained_as = readout_of(method).trained_as
    if trained_as != method:
        return (f"as {trained_as}", "", "")
    own = [line for line in lines if line["method"] == method]
    # A run that was tested on several targets has several lines.
    runs = {line.get("run") or number: line for number, line in enumerate(own)}.values()
    seconds, passes = (
        sum(line[name] for line in runs) / len(runs) for name in ("seconds", "text_passes")
    )
    peak = max(line["peak_memory_mib"] for line in runs)
    return f"{seconds:.1f}", f"{passes:,.0f}", f"{peak:,.0f}"


def _differences(
    lines: list[Line], methods: Sequence[str], against: str
) -> tuple[dict[str, str], list[str]]:
    """How each method differs from `against`, in words; and those that cannot be compared."""
    right: dict[str, dict[tuple[str, int], np.ndarray]] = {name: {} for name in methods}
    for line in lines:
        answers = right_answers(line["folder"], line)
        if answers is not None:
            right[line["method"]][_where_tested(line), line["seed"]] = answers
    told, missing = {}, []
    tests = list(dict.fromkeys(_where_tested(line) for line in lines))
    for name in methods:
        if name == against:
            continue
        found = compare(right[name], right.get(against, {}), tests)
        if found is None:
            missing.append(name)
        else:
            told[name] = comparison_words(found)
    return told, missing


def margin_words(lines: Sequence[Line], methods: Sequence[str]) -> list[str]:
    """How far an average may be off because it was measured on so many images and no more.

    Half of the 95% interval of an average of accuracies p_t on n_t images each, by the normal
    approximation of the binomial distribution: 1.96 sqrt(sum_t p_t (1 - p_t) / n_t) / targets.
    Seeds share their test images, so they do not make it narrower. The widest one is told.
    """
    margins = []
    if not all("n_test" in line for line in lines):  # written by other software
        return []
    images = {_where_tested(line): int(line["n_test"]) for line in lines}
    for method in methods:
        variances = []
        for target, n in images.items():
            own = [
                line["accuracy"]
                for line in lines
                if line["method"] == method and _where_tested(line) == target
            ]
            if own:
                p = sum(own) / len(own)
                variances.append(p * (1 - p) / n)
        if len(variances) == len(images):
            margins.append(1.96 * math.sqrt(sum(variances)) / len(images))
    if not margins:
        return []
    return [
        f"Averages over {sum(images.values()):,} test images: ±{100 * max(margins):.1f} points or "
        "less (95% interval)."
    ]


def comparison_words(found: Comparison) -> str:
    """A difference with its interval in percentage points, such as `+1.2 [-0.3, 2.7]`."""
    points = [100 * value for value in (found.difference, found.low, found.high)]
    return f"{points[0]:+.1f} [{points[1]:.1f}, {points[2]:.1f}]"


def _require(what: str, asked: Sequence[str], lines: Sequence[Line]) -> None:
    there = list(dict.fromkeys(line[what] for line in lines))
    unknown = [name for name in asked if name not in there]
    if unknown:
        raise SettingsError(
            f"There is no {what} {unknown[0]!r} among the results; there is {', '.join(there)}."
        )


def _where_tested(line: Line) -> str:
    return protocol_of(line).where_tested(line)


def _require_one_run_per_cell(lines: Sequence[Line]) -> None:
    seen: dict[tuple[str, str, int], Line] = {}
    for line in lines:
        other = seen.setdefault((line["method"], _where_tested(line), line["seed"]), line)
        if other["settings_hash"] != line["settings_hash"]:
            raise SettingsError(
                f"Two runs of {line['method']!r} on target {_where_tested(line)!r} with seed "
                f"{line['seed']} have different settings ({other['folder']} and {line['folder']}); "
                "make a table of one folder at a time."
            )
