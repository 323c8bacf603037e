"""Reading result folders: the lines of benchmarks and runs, and which of them share a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ldpf.errors import ModelError
from ldpf.experiments.protocols import DEFAULT_PROTOCOL, protocol_of
from ldpf.experiments.results import ANSWERED_AS, read_results
from ldpf.experiments.run_folder import run_results
from ldpf.experiments.selection import uses_target
from ldpf.utils.paths import named_folder

_SAME_TEST = ("dataset", "backbone", "fingerprint", "protocol")
TOGETHER = (*_SAME_TEST, "recipe", "selection")
"""What lines of one table have in common."""

Line = dict[str, Any]
"""What one method got at one target with one seed."""


def read_folders(results: Sequence[Path]) -> list[Line]:
    """The lines of several result folders (or results.jsonl files), each with its `folder`.

    A run that several folders hold, such as those of shards, counts once. Of a folder that is given
    as NAME=FOLDER, every method is called `METHOD (NAME)`, so that folders of other settings of the
    same method can stand in one table.

    Raises:
        ModelError: one of them holds no results, or damaged ones.
    """
    lines: dict[tuple[Any, ...], Line] = {}
    for given in results:
        name, path = named_folder(given)
        file = path if path.suffix == ".jsonl" else path / "results.jsonl"
        for line in _placed(read_results(file), file.parent):
            if name is not None:
                line |= {ANSWERED_AS: line["method"], "method": f"{line['method']} ({name})"}
            run = line.get("settings_hash") or len(lines)  # other software may write none
            lines.setdefault((run, line["method"], line["seed"], where_tested(line)), line)
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
    key = tuple(own[0][name] for name in TOGETHER)
    return own + [
        line
        for line in read_folders([out])
        if line["method"] not in methods
        and line["target"] in targets
        and line["seed"] == own[0]["seed"]
        and (joins(there := tuple(line[name] for name in TOGETHER), key) or joins(key, there))
    ]


def _placed(lines: Sequence[Line], folder: Path) -> list[Line]:
    # Runs from before there were other protocols do not name theirs.
    return [{"protocol": DEFAULT_PROTOCOL, **line, "folder": folder} for line in lines]


def joins(line: tuple[str, ...], table: tuple[str, ...]) -> bool:
    """Whether a line with the first key belongs into the table with the second."""
    *test, recipe, selection = line
    *same_test, of_table, rule = table
    selected = selection == rule or (selection == "none" and not uses_target(rule))
    return test == same_test and recipe in ("none", of_table) and selected


def where_tested(line: Line) -> str:
    """The column of a table in which a result line is shown."""
    return protocol_of(line).where_tested(line)
