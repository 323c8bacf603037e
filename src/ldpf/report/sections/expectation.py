"""What the model said of a site beforehand, beside what was true."""

from __future__ import annotations

from statistics import fmean

from ldpf.report.blocks import Block, Table, Text
from ldpf.report.findings import Findings
from ldpf.report.sections.base import SECTIONS
from ldpf.report.sections.common import percent

NOTHING = (
    "Nothing is known of what to expect: the model or its runs come from an earlier version, or "
    "their images did not allow it. 'ldpf train' and 'ldpf benchmark' measure it."
)


@SECTIONS.register("expectation", title="What to expect at a new site", order=25)
def expectation_section(found: Findings) -> list[Block]:
    """Expected accuracies, and the estimate from photos of each site by every estimator."""
    blocks: list[Block] = [Text(sentence) for sentence in found.expected]
    if not found.sites:
        return blocks or [Text(NOTHING, "note")]
    said = (
        "Labels were read for the column 'true' alone. 'Expected' is the mean over latent domains "
        "of the training images left out in turn, and does not know the site; 'estimated' comes "
        "from photos of the site without labels, with an interval at 80%."
    )
    return [*blocks, Text(said), _sites(found), _estimators(found)]


def _sites(found: Findings) -> Table:
    rows = []
    for (target, seed), record in found.sites.items():
        ends = record["range"]
        low, high = record["interval"]
        rows.append(
            (
                target if len(found.seeds) < 2 else f"{target}, seed {seed}",
                percent(_true(found, target, seed)),
                _or_dash(record["held_out"]),
                _or_dash(record["expected"]),
                "–" if ends is None else f"{percent(ends[0])} to {percent(ends[1])}",
                percent(record["estimate"]),
                f"{percent(low)} to {percent(high)}",
                percent(record["outside"]),
            )
        )
    headings = (
        *("site", "true", "held out", "expected", "range"),
        *("estimated", "interval", "photos outside"),
    )
    return Table("Accuracy in %, and what was said of it", headings, rows)


def _estimators(found: Findings) -> Table:
    """Every estimator at every site, and its mean error."""
    keys = list(found.sites)
    names = list(dict.fromkeys(name for r in found.sites.values() for name in r["estimators"]))
    rows = []
    for name in names:
        said = {key: found.sites[key]["estimators"].get(name) for key in keys}
        errors = [abs(v - _true(found, *key)) for key, v in said.items() if v is not None]
        by_target = (
            [v for (target, _), v in said.items() if target == wanted and v is not None]
            for wanted in found.targets
        )
        shown = ("–" if not values else percent(fmean(values)) for values in by_target)
        rows.append((name, *shown, percent(fmean(errors)), percent(max(errors))))
    return Table(
        "Accuracy in % that each estimator says from photos without labels, a mean over seeds, and "
        "its absolute error in points",
        ("estimator", *found.targets, "mean error", "worst error"),
        rows,
    )


def _true(found: Findings, target: str, seed: int) -> float:
    return float(found.runs[target, seed].right(found.main).mean())


def _or_dash(value: float | None) -> str:
    return "–" if value is None else percent(value)
