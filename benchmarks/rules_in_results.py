"""Which rules of choice were right in the runs of a benchmark that has `auto` among its methods?

    ldpf benchmark photos --methods gda,linear-probe,coop,ldpf,auto --out results
    python benchmarks/rules_in_results.py results

`auto` keeps what it knew of every candidate without the target: accuracy on held-out images, and
accuracy and log-likelihood on latent domains left out. So what a choice by each of these would have
taken is known, and the other methods of the benchmark say what it got. Nothing is trained.
`rules_of_choice.py` compares more rules, and trains its candidates for it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from ldpf.experiments.results import read_results
from rules_of_choice import Case, Taken, details, summary

Row = Mapping[str, Any]

SCORES = {
    "held-out accuracy": lambda row: row["validation_accuracy"],
    "left-out accuracy": lambda row: row["left_out_accuracy"],
    "left-out log-likelihood": lambda row: fmean(row["log_likelihoods"]),
    "left-out log-likelihood, worst domain": lambda row: min(row["log_likelihoods"]),
}
"""What a choice may go by: scores of a candidate that `auto` judged, higher is better."""


def taken_in(folder: Path) -> Iterator[Taken]:
    """What each rule takes in each case of a benchmark's folder.

    Candidates are the methods that `auto` judged and that the benchmark has too. Cases in which no
    latent domain could be left out are passed over.
    """
    lines = [line for line in read_results(folder / "results.jsonl") if not line["oracle"]]
    by_case: dict[Case, dict[str, Row]] = {}
    for line in lines:
        case = Case(folder.name, line["target"], line["seed"])
        by_case.setdefault(case, {})[line["method"]] = line
    for case, methods in by_case.items():
        if "auto" not in methods:
            continue
        auto = methods["auto"]["training"]["auto"]
        rows = [row for row in auto["table"] if row["name"] in methods and row["by_domain"]]
        if len(rows) < 2:
            continue
        accuracy = {name: 100 * line["accuracy"] for name, line in methods.items()}
        best = max(accuracy[row["name"]] for row in rows)
        picks = {
            rule: max(rows, key=score)["name"]  # the first of equally good ones
            for rule, score in SCORES.items()
        }
        picks |= {f"always {row['name']}": row["name"] for row in rows}
        picks |= {"auto": "auto"}
        for rule, name in picks.items():
            yield Taken(case, rule, (name,), accuracy[name], best)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table of all cases, after what every rule takes in each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, nargs="+", help="folders of `ldpf benchmark`")
    options = parser.parse_args(arguments)
    taken = [item for folder in options.results for item in taken_in(folder)]
    if not taken:
        raise SystemExit(
            "No run of auto has judged two or more of the other methods on latent domains left "
            "out; name auto and its candidates in --methods."
        )
    for line in (*details(taken), "", *summary(taken)):
        print(line)


if __name__ == "__main__":
    main()
