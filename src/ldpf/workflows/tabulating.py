"""Finished results as tables: the work of `ldpf table`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ldpf.errors import SettingsError
from ldpf.report.tables.benchmark_table import BenchmarkTable
from ldpf.report.tables.collect import results_tables
from ldpf.report.tables.formats import to_csv, to_latex
from ldpf.report.tables.reading import read_folders
from ldpf.utils.constraints import Number, OneOf, OrNone, check_value

EXPECTED = ("published",)
"""What one's own results can be compared with."""

TEXTS = {"markdown": BenchmarkTable.to_markdown, "latex": to_latex, "csv": to_csv}
"""How a table becomes text, by the name of the format."""


def tabulate(
    results: str | Path | Sequence[str | Path],
    *,
    methods: Sequence[str] | None = None,
    targets: Sequence[str] | None = None,
    against: str | None = None,
    published: bool = True,
    costs: bool = False,
    calibration: bool = False,
    expect: str | None = None,
    alignment: float | None = None,
) -> list[BenchmarkTable]:
    """Tables of the results that `benchmark` wrote; nothing is computed anew.

    Results of several folders are put together; each dataset, backbone, protocol, recipe and
    selection rule has a table of its own.

    Args:
        results: folders, or their results.jsonl; "NAME=FOLDER" shows its methods with the name.
        methods: to show, in this order; None for all.
        targets: domains to show, in this order; None for all.
        against: a method that every other one is compared with, image by image.
        published: with published numbers, where data, backbone and protocol match.
        costs: with time, text passes and memory of a run.
        calibration: with the expected calibration error at the targets, before and after the
            temperature from latent domains left out.
        expect: "published" marks each cell that has a published number as inside or outside the
            spread of its seeds; None marks none.
        alignment: measure apart the images whose cosine with the text of their own class is at
            least this, and those below; None leaves it out.

    Raises:
        ModelError: a folder holds no results, or damaged ones.
        SettingsError: `expect` is something else, `alignment` is no cosine, or a method or target
            is not among the results.
    """
    check_value("expect", expect, OrNone(OneOf(EXPECTED)))
    check_value("alignment", alignment, OrNone(Number(at_least=-1, at_most=1)))
    folders = [results] if isinstance(results, str | Path) else results
    return results_tables(
        read_folders([Path(folder) for folder in folders]),
        methods=methods,
        targets=targets,
        against=against,
        published=published,
        costs=costs,
        calibration=calibration,
        expect=expect is not None,
        alignment=alignment,
    )


def table_text(tables: Sequence[BenchmarkTable], style: str = "markdown") -> str:
    """Tables as one text.

    Args:
        tables: from `tabulate`.
        style: "markdown", "latex" (booktabs) or "csv".

    Raises:
        SettingsError: there is no such style.
    """
    if style not in TEXTS:
        raise SettingsError(f"format is {style!r}; choose from {', '.join(TEXTS)}.")
    return "\n".join(TEXTS[style](table) for table in tables)
