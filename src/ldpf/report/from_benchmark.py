"""Findings of a benchmark's output folder: result lines and predictions."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import ldpf
from ldpf.errors import DataError, ModelError, SettingsError
from ldpf.evaluation.protocol import LEAVE_ONE_DOMAIN_OUT
from ldpf.evaluation.selection import TARGET_ORACLE
from ldpf.evaluation.store import kept_answers
from ldpf.report.again import benchmark_command
from ldpf.report.findings import Findings, Run, Training
from ldpf.report.results_tables import read_folders, results_tables

if TYPE_CHECKING:
    from ldpf.data import ImageDataset

_BASELINES = ("zero-shot", "zero-shot-ensemble")

NOT_KEPT = (
    "A benchmark keeps which class was answered for each image, not how sure the answer was nor "
    "what each latent domain said. Train a model with 'ldpf train' and give 'ldpf report' its "
    "folder with --data to see this part."
)


def from_benchmark(results: Path, data: str | None = None, method: str | None = None) -> Findings:
    """Read everything that a benchmark left behind; `with_images` adds the pictures.

    Args:
        results: its output folder, or the results.jsonl in it.
        data: what the person gave as --data, for the commands.
        method: that the report is about; None for `ldpf`, or the first that learns.

    Raises:
        ModelError: something is missing or damaged.
        SettingsError: there is no such method, or the results do not belong together.
    """
    lines = read_folders([results])
    if not lines:
        raise ModelError(
            f"{str(results)!r} holds no results; run 'ldpf benchmark' into it until one is done."
        )
    main = _main(lines, method)
    tables = results_tables(lines)
    if len(tables) > 1:
        raise SettingsError(
            f"{str(results)!r} holds results of {len(tables)} settings (data, backbone or recipe); "
            "make a report of one benchmark at a time."
        )
    if (protocol := lines[0]["protocol"]) != LEAVE_ONE_DOMAIN_OUT:
        raise SettingsError(
            f"{str(results)!r} holds results of the protocol {protocol}, but a report is about "
            "domains that were left out; 'ldpf table' shows these results."
        )
    if data and any(line["selection"] == TARGET_ORACLE for line in lines):
        raise SettingsError(
            f"{str(results)!r} was tested on a part of each domain, and a benchmark does not keep "
            "which images these were; leave --data out to write the report without pictures."
        )
    folder = lines[0]["folder"]
    mine = [line for line in lines if line["method"] == main]
    targets = tuple(dict.fromkeys(line["target"] for line in lines))
    seeds = tuple(sorted({line["seed"] for line in lines}))
    return Findings(
        kind="benchmark",
        title=f"{main} on {mine[0]['dataset']}",
        main=main,
        class_names=tuple(mine[0]["class_names"]),
        targets=targets,
        seeds=seeds,
        oracles=frozenset(line["method"] for line in lines if line["oracle"]),
        runs=_runs(lines),
        table=tables[0],
        trainings=_trainings(mine),
        facts=_facts(mine, seeds),
        trained_on=_trained_on(mine, targets),
        commands=_commands(lines, folder, data),
        versions={**mine[0]["versions"], "ldpf that wrote this report": ldpf.__version__},
        backbone=(mine[0]["backbone"], mine[0]["fingerprint"]),
        run_names=tuple((line["run"], line["settings_hash"]) for line in mine),
        no_answers=NOT_KEPT,
    )


def _main(lines: Sequence[dict[str, Any]], method: str | None) -> str:
    there = list(dict.fromkeys(line["method"] for line in lines))
    if method is not None:
        if method not in there:
            raise SettingsError(
                f"There is no method {method!r} among the results; there is {', '.join(there)}."
            )
        return method
    plain = {line["method"] for line in lines if not line["oracle"]}
    learnt = [name for name in there if name in plain and name not in _BASELINES]
    return "ldpf" if "ldpf" in there else (learnt or there)[0]


def _config(folder: Path, run: str) -> dict[str, Any]:
    path = folder / "runs" / run / "config.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"The settings in {str(path)!r} cannot be read ({error}); delete the run's folder and "
            "run it again."
        ) from error


def _runs(lines: Sequence[dict[str, Any]]) -> dict[tuple[str, int], Run]:
    runs = {}
    for key in dict.fromkeys((line["target"], line["seed"]) for line in lines):
        here = [line for line in lines if (line["target"], line["seed"]) == key]
        kept = [_kept(line) for line in here]
        answered = {
            line["method"]: own[line["method"]] for line, own in zip(here, kept, strict=True)
        }
        labels = [own["labels"] for own in kept]
        if any(len(one) != len(labels[0]) or (one != labels[0]).any() for one in labels):
            raise SettingsError(
                f"On target {key[0]!r}, seed {key[1]}, the methods were tested on different "
                "images; make a report of runs on the same data."
            )
        runs[key] = Run(labels[0], answered)
    return runs


def with_images(found: Findings, dataset: ImageDataset) -> Findings:
    """Say which images were tested, from the data that the benchmark was run on.

    A benchmark keeps no paths. It tests the images of a target in the order of the data, so those
    are the ones, if their classes are those kept with the answers.

    Raises:
        DataError: the classes of a target's images are not those that were tested.
    """
    runs = {}
    for (target, seed), run in found.runs.items():
        rows = np.zeros(0, int)
        if dataset.domains is not None and target in dataset.domain_names:
            rows = np.flatnonzero(dataset.domains == dataset.domain_names.index(target))
        if dataset.splits is not None and (dataset.splits[rows] == "test").any():
            rows = rows[dataset.splits[rows] == "test"]
        part = dataset.subset(rows)
        here = [dataset.class_names[k] for k in part.labels]
        if here != [found.class_names[k] for k in run.labels]:
            raise DataError(
                f"The {len(here):,} images of {target!r} in {dataset.name!r} are not the "
                f"{len(run.labels):,} that were tested; give the same --data as to "
                "'ldpf benchmark'."
            )
        runs[target, seed] = replace(run, paths=part.paths)
    return replace(found, runs=runs, root=dataset.root)


def _kept(line: dict[str, Any]) -> dict[str, Any]:
    found = kept_answers(line["folder"], line)
    if found is None:
        raise ModelError(
            f"The run {line['run']!r} kept no answers; delete its folder and run the same "
            "'ldpf benchmark' command again."
        )
    return found


def _trainings(mine: Sequence[dict[str, Any]]) -> tuple[Training, ...]:
    # The first seed of each target, whose sentences the diagnosis shows.
    first = {line["target"]: line for line in sorted(mine, key=lambda line: -line["seed"])}
    return tuple(
        Training(
            f"without {target}",
            (target,),
            line["training"]["domains"],
            line["training"].get("prompt_similarity") or [],
        )
        for target, line in first.items()
        if line["training"].get("domains")
    )


def _facts(mine: Sequence[dict[str, Any]], seeds: Sequence[int]) -> tuple[tuple[str, str], ...]:
    line = mine[0]
    seconds = sum(one["seconds"] for one in mine) / len(mine)
    names = line["class_names"]
    facts = [
        ("Data", line["dataset"]),
        ("Classes", f"{len(names):,}: {some(names, 30)}"),
        ("Backbone, frozen", f"{line['backbone']} (fingerprint {line['fingerprint'][:16]})"),
        ("Method", line["method"]),
        ("Recipe", line["recipe"]),
        ("Checkpoints chosen by", line["selection"].replace("-", " ")),
        ("Seeds", ", ".join(map(str, seeds))),
        ("Time of a training", f"{seconds:.1f} s on average"),
    ]
    if sizes := (line["training"].get("domains") or {}).get("sizes"):
        facts.insert(4, ("Latent domains", str(len(sizes))))
    return tuple(facts)


def _trained_on(
    mine: Sequence[dict[str, Any]], targets: Sequence[str]
) -> tuple[tuple[str, ...], ...]:
    rows = []
    for target in targets:
        line = next((line for line in mine if line["target"] == target), None)
        if line is not None:
            numbers = (f"{line[key]:,}" for key in ("n_train", "n_validation", "n_test"))
            rows.append((target, "all other domains", *numbers))
    return tuple(rows)


def _commands(lines: Sequence[dict[str, Any]], folder: Path, data: str | None) -> tuple[str, ...]:
    a_run_each = {line["method"]: line["run"] for line in lines}
    configs = [_config(folder, run) for run in dict.fromkeys(a_run_each.values())]
    words = benchmark_command(lines, configs, data, str(folder))
    again = ["ldpf", "report", str(folder), *(["--data", data] if data else [])]
    return shlex.join(words), shlex.join([*again, "--out", "report.html"])


def some(names: Sequence[str], limit: int) -> str:
    """The first names of a list, and how many more there are."""
    more = f" and {len(names) - limit:,} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
