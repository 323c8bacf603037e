"""Findings of a benchmark's output folder: result lines and predictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ldpf.errors import ModelError, SettingsError
from ldpf.experiments.protocols import protocol_of
from ldpf.experiments.readouts import READOUTS, readout_of
from ldpf.experiments.results import KeptAnswers, kept_answers
from ldpf.experiments.run_folder import MODEL, run_config
from ldpf.experiments.selection import uses_target
from ldpf.report.commands import benchmark_commands
from ldpf.report.findings import Findings, Run, Training
from ldpf.report.tables.collect import results_tables
from ldpf.report.tables.reading import read_folders, read_run
from ldpf.utils.text import some
from ldpf.utils.ways import named
from ldpf.version import __version__

_BASELINES = ("zero-shot", "zero-shot-ensemble")

NO_MODELS = (
    "These runs kept no models to show this with: they are of a version of ldpf that did not keep "
    "them. Delete the folder 'runs' and run the same 'ldpf benchmark' command again."
)
NO_CONFIDENCE = (
    "These runs kept which class was answered and not how sure the answer was: they are of a "
    "version of ldpf that did not keep it. Delete the folder 'runs' and run the same 'ldpf "
    "benchmark' command again."
)


def from_benchmark(results: Path, data: str | None = None, method: str | None = None) -> Findings:
    """Read everything that a benchmark left behind; `from_runs.with_images` adds the pictures.

    Args:
        results: its output folder, the results.jsonl in it, or the folder of one of its runs, which
            is then compared with what there is on the same target with the same seed.
        data: what the person gave as --data, for the commands.
        method: that the report is about; None for the run's own, `ldpf`, or the first that learns.

    Raises:
        ModelError: something is missing or damaged.
        SettingsError: there is no such method, or the results do not belong together.
    """
    one_run = (results / "result.json").is_file()
    lines = read_run(results) if one_run else read_folders([results])
    if one_run and method is None:
        method = lines[0]["method"]
    if not lines:
        raise ModelError(
            f"{str(results)!r} holds no results; run 'ldpf benchmark' into it until one is done."
        )
    if "method_name" in lines[0]:
        raise SettingsError(
            f"{str(results)!r} holds the results of a study, whose variants have names of their "
            "own; its figures and 'ldpf table' show them. A report is about a benchmark, or one of "
            "the runs in a folder 'runs'."
        )
    main = _main(lines, method)
    tables = results_tables(lines)
    if len(tables) > 1:
        raise SettingsError(
            f"{str(results)!r} holds results of {len(tables)} settings (data, backbone or recipe); "
            "make a report of one benchmark at a time."
        )
    if not (protocol := protocol_of(lines[0])).leaves_one_out:
        raise SettingsError(
            f"{str(results)!r} holds results of the protocol {protocol.registered_name}, but a "
            "report is about domains that were left out; 'ldpf table' shows these results."
        )
    folder = lines[0]["folder"]
    mine = [line for line in lines if line["method"] == main]
    targets = tuple(dict.fromkeys(line["target"] for line in lines))
    seeds = tuple(sorted({line["seed"] for line in lines}))
    runs = _runs(lines, main)
    kept = any(run.folder is not None and (run.folder / MODEL).is_dir() for run in runs.values())
    return Findings(
        kind="benchmark",
        title=f"{main} on {mine[0]['dataset']}",
        main=main,
        class_names=tuple(mine[0]["class_names"]),
        targets=targets,
        seeds=seeds,
        oracles=frozenset(line["method"] for line in lines if readout_of(line["method"]).oracle),
        runs=runs,
        table=tables[0],
        trainings=_trainings(mine),
        facts=_facts(mine, seeds),
        trained_on=_trained_on(mine, targets),
        commands=_commands(lines, results if one_run else folder, data),
        versions={**mine[0]["versions"], "ldpf that wrote this report": __version__},
        backbone=(mine[0]["backbone"], mine[0]["fingerprint"]),
        run_names=tuple((line["run"], line["settings_hash"]) for line in mine),
        target_seen=any(uses_target(line["selection"]) for line in lines),
        no_answers=NO_CONFIDENCE,
        no_latent=_no_data() if kept else NO_MODELS,
        sites={(line["target"], line["seed"]): line["site"] for line in mine if line.get("site")},
    )


def _main(lines: Sequence[dict[str, Any]], method: str | None) -> str:
    there = list(dict.fromkeys(line["method"] for line in lines))
    if method is not None:
        if method not in there:
            raise SettingsError(
                f"There is no method {method!r} among the results; there is {', '.join(there)}."
            )
        return method
    learned = [name for name in there if not readout_of(name).oracle and name not in _BASELINES]
    return "ldpf" if "ldpf" in there else (learned or there)[0]


def _runs(lines: Sequence[dict[str, Any]], main: str) -> dict[tuple[str, int], Run]:
    runs = {}
    for key in dict.fromkeys((line["target"], line["seed"]) for line in lines):
        here = {line["method"]: line for line in lines if (line["target"], line["seed"]) == key}
        kept = {method: _kept(line) for method, line in here.items()}
        labels = [own.labels for own in kept.values()]
        if any(len(one) != len(labels[0]) or (one != labels[0]).any() for one in labels):
            raise SettingsError(
                f"On target {key[0]!r}, seed {key[1]}, the methods were tested on different "
                "images; make a report of runs on the same data."
            )
        runs[key] = Run(
            labels[0],
            {method: own.predictions[method] for method, own in kept.items()},
            {m: own.confidence[m] for m, own in kept.items() if m in own.confidence},
            bound=_bound(kept[main], main) if main in kept else None,
            folder=here[main]["folder"] / "runs" / here[main]["run"] if main in here else None,
        )
    return runs


def _bound(kept: KeptAnswers, main: str) -> np.ndarray | None:
    """What the oracle over the main method's prompts answered, [N]; every run keeps it."""
    for name, readout in READOUTS.items():
        if readout.oracle and readout.trained_as == readout_of(main).trained_as:
            return kept.predictions.get(name)
    return None


def _kept(line: dict[str, Any]) -> KeptAnswers:
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
        ("Classes", f"{len(names):,} ({some(names, 30)})"),
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


def _commands(lines: Sequence[dict[str, Any]], shown: Path, data: str | None) -> tuple[str, ...]:
    folder = lines[0]["folder"]
    runs = dict.fromkeys(line["run"] for line in lines)
    configs = [run_config(folder / "runs" / run) for run in runs]
    return benchmark_commands(lines, configs, folder, shown, data)


def _no_data() -> str:
    return (
        "A benchmark keeps its models and not its images: give the same ones with "
        f"{named('data')} to see this part."
    )
