"""From result lines to tables: what belongs into one table, compared and beside what is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from ldpf.errors import SettingsError
from ldpf.experiments.protocols import get_protocol
from ldpf.experiments.readouts import readout_of
from ldpf.experiments.selection import get_selection, uses_target
from ldpf.models.summary import chosen_words
from ldpf.report.tables.aligned import by_alignment
from ldpf.report.tables.benchmark_rows import AVERAGE, BenchmarkRow, Cell
from ldpf.report.tables.benchmark_table import BenchmarkTable
from ldpf.report.tables.comparisons import differences_from, margin_words
from ldpf.report.tables.computed_alike import alike_words
from ldpf.report.tables.expectations import Expectations, expect_published, with_four_average
from ldpf.report.tables.published import PROTOCOL, benchmark_name, is_backbone, published_rows
from ldpf.report.tables.reading import TOGETHER, Line, joins, where_tested


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
        keys.setdefault(tuple(line[key] for key in TOGETHER))
    # What learns no prompt has no recipe, and what learns nothing no selection either: they stand
    # beside all that was tested on the same images, and alone only where there is nothing else.
    own = [key for key in keys if not any(other != key and joins(key, other) for other in keys)]
    groups = {
        key: [
            line
            for line in lines
            if joins(tuple(line[name] for name in TOGETHER), key)
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
        differences, missing = differences_from(lines, present, against)
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


def _require(what: str, asked: Sequence[str], lines: Sequence[Line]) -> None:
    there = list(dict.fromkeys(line[what] for line in lines))
    unknown = [name for name in asked if name not in there]
    if unknown:
        raise SettingsError(
            f"There is no {what} {unknown[0]!r} among the results; there is {', '.join(there)}."
        )


def _require_one_run_per_cell(lines: Sequence[Line]) -> None:
    seen: dict[tuple[str, str, int], Line] = {}
    for line in lines:
        other = seen.setdefault((line["method"], where_tested(line), line["seed"]), line)
        if other["settings_hash"] != line["settings_hash"]:
            raise SettingsError(
                f"Two runs of {line['method']!r} on target {where_tested(line)!r} with seed "
                f"{line['seed']} have different settings ({other['folder']} and {line['folder']}); "
                "make a table of one folder at a time, or give one of them a name: NAME=FOLDER."
            )
