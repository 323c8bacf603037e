"""One question about LDPF, answered with a table and a figure: the work of `ldpf study`."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ldpf.data import require_trainable
from ldpf.experiments.protocols import get_protocol
from ldpf.experiments.results import write_results
from ldpf.experiments.results_file import RESULTS
from ldpf.methods.presets import get_preset
from ldpf.report.tables.benchmark_table import BenchmarkTable
from ldpf.studies.base import STUDIES, make_study
from ldpf.studies.bench import Bench, StudyResult, write_rows
from ldpf.training.recipe import get_recipe
from ldpf.utils.files import write_bytes, write_text
from ldpf.utils.locks import locked_folder
from ldpf.utils.own_folders import check_own_folder
from ldpf.utils.paths import full_path
from ldpf.utils.text import count
from ldpf.utils.ways import named
from ldpf.workflows.benchmarking import jobs_for
from ldpf.workflows.inputs import AnyBackbone, Images, list_images
from ldpf.workflows.outputs import check_outputs

log = logging.getLogger("ldpf")


@dataclass(frozen=True)
class FinishedStudy:
    """A study that was done.

    Attributes:
        name: of the study.
        result: its question, measurements, figures, and how to read them.
        table: accuracies; None where nothing was trained.
        caption: on what it was done, and how to read it.
        files: what was written.
    """

    name: str
    result: StudyResult
    table: BenchmarkTable | None
    caption: tuple[str, ...]
    files: tuple[Path, ...]

    def to_json(self) -> dict[str, Any]:
        """Table and measurements as plain values."""
        return {
            "study": self.name,
            "table": None if self.table is None else self.table.to_json(),
            "measured": self.result.measured,
            "reading": self.result.reading,
            "files": [str(file) for file in self.files],
        }


def study(
    name: str,
    data: Images = "demo",
    out: str | Path = "studies",
    *,
    values: Sequence[str] | None = None,
    backbone: AnyBackbone | None = None,
    recipe: str | None = None,
    preset: str = "default",
    seeds: int = 3,
    targets: Sequence[str] | None = None,
    jobs: int | None = None,
    runs: str | Path | None = None,
    device: str = "auto",
    command: str | None = None,
) -> FinishedStudy:
    """Answer one question about LDPF on images whose domains are known.

    Args:
        name: a name in `ldpf.studies.base.STUDIES`.
        data: labeled images whose domains are known; each is left out in turn.
        out: folder for tables and figures, in a folder named after the study.
        values: what to try, as typed ("1", "4+8"); None for the study's own.
        backbone: frozen model to build on; None for `openai/clip-vit-base-patch16`, and "nano" for
            the demo set.
        recipe: "steady", "fast" or "paper"; None for the preset's own.
        preset: "default", or "paper" for the configuration of the paper.
        seeds: how often everything is repeated with another random start.
        targets: domains to leave out; None for every one.
        jobs: runs side by side; None for as many as processors and memory allow.
        runs: where the runs are kept, for instance those of a benchmark; None for a folder in
            `out` that all studies share.
        device: "auto", "cpu" or "cuda".
        command: kept in each run as the command that made it.

    Raises:
        SettingsError: there is no such study, or an option that cannot be.
        DataError: the images cannot be used, their domains are unknown, or a run failed.
    """
    question = make_study(name, values)
    way = get_recipe(recipe or get_preset(preset).recipe)
    out = full_path(out, named("out"))
    check_outputs(data, folders={"out": out, "runs": runs})
    check_own_folder(out, (*STUDIES, "runs", RESULTS), "studies")
    with locked_folder(out / name):
        images = list_images(data)
        dataset = images.dataset
        get_protocol().check(dataset, targets or ())
        require_trainable(dataset)
        folder = out / name
        shown = list(targets or dataset.domain_names)
        frozen = images.open_backbone(backbone, device)
        if jobs is None:
            jobs = jobs_for(len(shown) * seeds, frozen.device)
        bench = Bench(
            data=images.encode(frozen).features,
            dataset_name=dataset.name,
            backbone=frozen,
            recipe=way,
            preset=preset,
            targets=shown,
            seeds=seeds,
            out=folder,
            runs=out / "runs" if runs is None else full_path(runs, named("runs")),
            jobs=jobs,
            on_run=_finished,
            root=dataset.root,
            command=command,
        )
        result = question.run(bench)
        caption = (
            f"Data {dataset.name}, backbone {frozen.name}, {count(seeds, 'seed')}, recipe "
            f"{way.name}.",
            result.reading,
        )
        table = None
        if result.lines:
            table = BenchmarkTable.from_results(result.lines, result.variants, shown, list(caption))
        return FinishedStudy(name, result, table, caption, tuple(_write(result, table, folder)))


def _finished(line: dict[str, Any], before: bool) -> None:
    if not before:
        log.info(
            "%s, target %s, seed %s: accuracy %.1f%%, %.1f s",
            line["method"],
            line["target"],
            line["seed"],
            100 * line["accuracy"],
            line["seconds"],
        )


def _write(result: StudyResult, table: BenchmarkTable | None, folder: Path) -> list[Path]:
    """Figures, result lines and tables; returns the files."""
    files = []
    for file_name, figure in result.figures.items():
        drawn = io.BytesIO()
        kind = Path(file_name).suffix.removeprefix(".")
        figure.savefig(drawn, format=kind, dpi=130, bbox_inches="tight")
        write_bytes(folder / file_name, drawn.getvalue())
        files.append(folder / file_name)
    files += [*sorted(folder.glob("sheet-*.png")), *sorted(folder.glob("disagree-*.csv"))]
    if result.lines:  # each of the study's plans wrote its own lines there; these are all of them
        write_results(folder / "results.jsonl", result.lines)
    accuracies = [
        {"variant": line["method"], **{k: line[k] for k in ("target", "seed", "accuracy")}}
        for line in result.lines
    ]
    for file_name, rows in (("accuracy.csv", accuracies), ("measured.csv", result.measured)):
        if rows:
            write_rows(folder / file_name, rows)
            files.append(folder / file_name)
    if table is not None:
        write_text(folder / "table.md", table.to_markdown())
        files.append(folder / "table.md")
    return files
