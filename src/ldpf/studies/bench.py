"""On what a study is done, runs of a benchmark under other names, and what a study returns."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ldpf.domains import DomainDiscovery
from ldpf.errors import DataError
from ldpf.experiments.plan import BenchmarkPlan
from ldpf.experiments.protocols import get_protocol
from ldpf.experiments.runner import run_benchmark
from ldpf.methods import LDPF
from ldpf.utils.constraints import COUNT, check_fields
from ldpf.utils.files import open_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ldpf.backbones import Backbone
    from ldpf.domains import FittedDomains
    from ldpf.features.feature_set import FeatureSet
    from ldpf.training.recipe import Recipe


@dataclass(frozen=True)
class Bench:
    """On what a study is done.

    Attributes:
        data: features with known domains.
        dataset_name: for the results.
        backbone: that made the features.
        recipe: for the methods that learn.
        targets: domains left out in turn.
        seeds: number of seeds.
        out: folder of the study.
        runs: folder of the run folders; studies that share it share their runs.
        jobs: see `run_benchmark`.
        on_run: called after each run with its first result line and whether it was done before.
        preset: settings to start from.
        root: folder of the images, for contact sheets; None where there are none.
        command: that does the study, to be stored in its runs.
    """

    data: FeatureSet
    dataset_name: str
    backbone: Backbone
    recipe: Recipe
    targets: Sequence[str]
    seeds: int = field(metadata=COUNT)
    out: Path
    runs: Path
    jobs: int = 1
    on_run: Callable[[dict[str, Any], bool], None] | None = None
    root: Path | None = None
    preset: str = "default"
    command: str | None = None

    def __post_init__(self) -> None:
        get_protocol().check(self.data, self.targets)
        check_fields(self)

    def run(
        self,
        names: Mapping[str, str],
        *,
        n_domains: int | str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Result lines of methods on every target with every seed.

        Args:
            names: what a method is called in the study, by its name (`{"ldpf": "similarity"}`).
            n_domains, settings: see `BenchmarkPlan`.

        Raises:
            DataError: a run failed; the finished ones are kept.
        """
        plan = BenchmarkPlan(
            methods=list(names),
            recipe=self.recipe,
            targets=self.targets,
            seeds=self.seeds,
            n_domains=n_domains,
            settings=settings or {},
            preset=self.preset,
        )
        lines, failures = run_benchmark(
            self.data,
            self.dataset_name,
            self.backbone,
            plan,
            self.out,
            jobs=self.jobs,
            runs=self.runs,
            command=self.command,
            on_run=self.on_run,
        )
        if failures:
            raise DataError(
                f"{len(failures)} of the study's runs failed, the first: {failures[0]} "
                "The same command tries them again."
            )
        order = list(names)
        lines.sort(key=lambda line: order.index(line["method"]))  # as asked for, not as trained
        return [
            {**line, "method": names[line["method"]], "method_name": line["method"]}
            for line in lines
        ]

    def on(self, data: FeatureSet, name: str, targets: Sequence[str]) -> Bench:
        """The same on other data."""
        return replace(self, data=data, dataset_name=name, targets=targets)

    def sources(self, target: str) -> FeatureSet:
        """All images of all domains but `target`."""
        assert self.data.domains is not None
        wanted = self.data.domains != self.data.domain_names.index(target)
        return self.data.subset(wanted.nonzero().flatten())

    def discover(self, target: str, n_domains: int, seed: int) -> FittedDomains:
        """The latent domains that LDPF finds with `target` left out; they need no prompts."""
        episode = get_protocol().episode(self.data, target, seed)
        settings = replace(LDPF().discovery, n_domains=n_domains)
        return DomainDiscovery(episode.train, episode.validation, settings, seed).run()


@dataclass
class StudyResult:
    """What a study returns.

    Attributes:
        title: what it is about.
        lines: result lines, `method` being the variant's name and `method_name` the method's own;
            empty where nothing was trained.
        measured: other measurements, a dictionary a row, all with the same keys.
        reading: how to read it.
        figures: by file name.
    """

    title: str
    reading: str
    lines: list[dict[str, Any]] = field(default_factory=list)
    measured: list[dict[str, Any]] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)

    @property
    def variants(self) -> list[str]:
        """Names of the rows, in order."""
        return list(dict.fromkeys(line["method"] for line in self.lines))


def averages(lines: Sequence[Mapping[str, Any]], variant: str) -> list[float]:
    """Accuracy averaged over targets, one value a seed."""
    mine = [line for line in lines if line["method"] == variant]
    seeds = sorted({line["seed"] for line in mine})
    of_seed = [[line["accuracy"] for line in mine if line["seed"] == seed] for seed in seeds]
    return [sum(values) / len(values) for values in of_seed]


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows with the same keys as CSV."""
    with open_atomic(path) as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
