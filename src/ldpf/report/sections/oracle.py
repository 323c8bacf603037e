"""How much better the best prompt for each image would be."""

from __future__ import annotations

import numpy as np

from ldpf.report.blocks import Block, Table, Text
from ldpf.report.findings import Findings
from ldpf.report.sections.base import SECTIONS
from ldpf.report.sections.common import percent
from ldpf.report.tables.benchmark_rows import AVERAGE

_CHANCE = "random-oracle"

_BOUND = (
    "U_sel counts an image as right if any one of the prompts is right. It needs the true label to "
    "choose, so it is a bound for ways to weigh the prompts and no method, and it grows with the "
    "number of prompts even where they differ by chance only."
)


@SECTIONS.register("oracle", title="Oracle gap", order=90, needs_latent=True)
def oracle_section(found: Findings) -> list[Block]:
    """Accuracy, U_sel and the gap between them, for each target."""
    gaps = oracle_gaps(found)
    if not gaps:
        return [Text(found.no_latent, "note")]
    chance = {t: _mean(found, t, _CHANCE) for t in gaps}
    with_chance = all(value is not None for value in chance.values())
    rows: list[tuple[str, ...]] = []
    for target, (own, bound) in gaps.items():
        rows.append((target, percent(own), percent(bound), percent(bound - own)))
    if len(gaps) > 1:
        own, bound = np.mean(list(gaps.values()), axis=0)
        rows.append((AVERAGE, percent(own), percent(bound), percent(bound - own)))
    headings = ["target", f"{found.main}, %", "U_sel, %", "gap, points"]
    if with_chance:
        shares = [value for value in chance.values() if value is not None]
        column = [*shares, *([float(np.mean(shares))] if len(shares) > 1 else [])]
        rows = [(*row, percent(value)) for row, value in zip(rows, column, strict=True)]
        headings.append("U_sel of a random split, %")
    beside = (
        " The last column is the same bound over prompts of a random split: what U_sel is worth by "
        "chance."
        if with_chance
        else ""
    )
    table = Table("Accuracy against the best choice of prompts", headings, rows)
    return [Text(_BOUND + beside), table]


def oracle_gaps(found: Findings) -> dict[str, tuple[float, float]]:
    """Accuracy of the main method and of U_sel over its prompts, by target, mean over seeds."""
    gaps = {}
    for target in found.targets:
        own, bounds = [], []
        for (name, _), run in found.runs.items():
            if name != target or found.main not in run.predictions:
                continue
            reachable = run.reachable()
            if reachable is None:
                continue
            own.append(run.right(found.main).mean())
            bounds.append(reachable.mean())
        if own:
            gaps[target] = (float(np.mean(own)), float(np.mean(bounds)))
    return gaps


def _mean(found: Findings, target: str, method: str) -> float | None:
    values = [right.mean() for (name, _), right in found.right(method).items() if name == target]
    return float(np.mean(values)) if values else None
