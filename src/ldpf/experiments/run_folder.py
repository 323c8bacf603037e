"""Runs on disk: one folder each, named by its settings, complete only with a `done` mark.

A run folder holds config.json (its settings, and as `command` the command that made it, where one
did), metrics.jsonl (the log of its training), result.json (a line for the method and each
read-out), predictions.safetensors (what each of these answered for every test image and with which
confidence, for comparisons of methods image by image) and model/ (a model folder like those of
`ldpf train`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch

from ldpf.errors import LdpfError, ModelError
from ldpf.experiments.result_lines import RESULT_LINE, RUN_CONFIG
from ldpf.training.callbacks import CHECKPOINT
from ldpf.utils.files import file_digest, write_text
from ldpf.utils.json_files import read_json, settings_hash, write_json
from ldpf.utils.locks import locked_folder
from ldpf.utils.own_folders import set_aside
from ldpf.utils.paths import require_plain
from ldpf.utils.schema import ListOf, Record
from ldpf.utils.trees import write_tensors
from ldpf.utils.ways import named

RESULT_VERSION = 2
"""Raised whenever a change of the library changes results, so that old runs are not mixed in."""


CONFIG = "config.json"


COMMAND = "command"
"""Key in a run's config.json that is no setting: the command that made the run."""


PREDICTIONS = "predictions.safetensors"


ERROR = "error.txt"


RESULT = "result.json"


DONE = "done"
"""Written last: the hash of the settings, and a line with the SHA-256 of each file in `_BOUND`."""


_UNFINISHED = (CHECKPOINT, ERROR)
"""Files of a run that is not done."""


_BOUND = (RESULT, PREDICTIONS)


MODEL = "model"
"""Folder inside a run's for its trained model."""


PATIENCE_S = 600.0
"""How long to wait for another process that does the same run: its result is as good as ours."""


CONFIDENCE = "confidence."


ALIGNMENT = "alignment."
"""Of no method: the dot keeps it apart from their names."""


_AGAIN = "delete the run's folder and give the same command again"


class RunFolder:
    """One run: config.json, metrics.jsonl, checkpoint, result.json, and `done` written last."""

    def __init__(self, runs: Path, settings: dict[str, Any], command: str | None = None) -> None:
        """Choose the folder of `settings` below `runs`; nothing is created yet.

        Args:
            runs: folder of all run folders.
            settings: everything the result depends on, ready for JSON.
            command: that makes this run, to be stored beside the settings. It does not name the
                run: the same settings may be asked for in several ways.
        """
        self.settings, self.command = settings, command
        self.hash = settings_hash(settings)
        label = "-".join(
            re.sub(r"[^\w.]+", "_", str(settings[key])) for key in ("method_name", "target", "seed")
        )
        self.path = runs / f"{label}-{self.hash[:8]}"

    @property
    def done(self) -> bool:
        """Whether the run was finished."""
        return (self.path / DONE).exists()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let no other process do this run meanwhile; wait for one that does it.

        Raises:
            LdpfError: another process does it, for longer than `PATIENCE_S`.
        """
        with locked_folder(self.path, patience_s=PATIENCE_S):
            yield

    @property
    def model(self) -> Path:
        """Where the trained model is kept, if its method has one that can be."""
        return self.path / MODEL

    def open(self) -> Path:
        """Create the folder, or check that the one there is of the same settings.

        A config.json that is damaged is set aside with what was begun under it.

        Raises:
            ModelError: its config.json says something else.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        config = self.path / CONFIG
        try:
            before = run_config(self.path) if config.exists() else None
        except ModelError as error:
            before = None
            set_aside(config, str(error.__cause__ or error), "the run starts anew")
            for name in (CHECKPOINT, DONE):
                (self.path / name).unlink(missing_ok=True)
        if before is None:
            made_by = {} if self.command is None else {COMMAND: self.command}
            write_json(config, {**self.settings, **made_by})
        elif settings_hash(without_command(before)) != self.hash:
            raise ModelError(
                f"The run folder {str(self.path)!r} holds a run with other settings; delete it "
                f"or choose another {named('out')}."
            )
        return self.path

    def finish(
        self,
        results: list[dict[str, Any]],
        predictions: Mapping[str, torch.Tensor],
        confidence: Mapping[str, torch.Tensor] | None = None,
        alignment: torch.Tensor | None = None,
    ) -> None:
        """Write the results, drop the checkpoint, and mark the run as done.

        Args:
            results: a line for the method and each of its read-outs.
            predictions: by the name of the method or read-out the class ids [N] it answered, and as
                `labels` the true ones.
            confidence: by the same names the probability [N] of each answer; an oracle has none.
            alignment: cosine [N] of each image and the text of its own class.
        """
        (self.path / DONE).unlink(missing_ok=True)  # of a run that is done again
        kept = {name: ids.to(torch.int32) for name, ids in predictions.items()}
        kept |= {CONFIDENCE + name: p.float() for name, p in (confidence or {}).items()}
        kept |= {} if alignment is None else {ALIGNMENT: alignment.float()}
        write_tensors(self.path / PREDICTIONS, kept)
        write_json(self.path / RESULT, results)
        (self.path / ERROR).unlink(missing_ok=True)
        digests = "".join(f"{file_digest(self.path / name)}  {name}\n" for name in _BOUND)
        write_text(self.path / DONE, f"{self.hash}\n{digests}")
        (self.path / CHECKPOINT).unlink(missing_ok=True)

    def drop_leftovers(self) -> None:
        """Remove the checkpoint and the error of a finished run that was disturbed at its very end.

        Another process that does the run again, such as for more read-outs, keeps its own.
        """
        if not any((self.path / name).exists() for name in _UNFINISHED):
            return
        with suppress(LdpfError), locked_folder(self.path):
            if self.done:
                self.drop_leftovers_held()

    def drop_leftovers_held(self) -> None:
        """The same where the folder is held already."""
        for name in _UNFINISHED:
            (self.path / name).unlink(missing_ok=True)

    def fail(self, message: str) -> None:
        """Write error.txt; the run counts as unfinished."""
        write_text(self.path / ERROR, message + "\n")

    def results(self) -> list[dict[str, Any]]:
        """The lines of a finished run; see `run_results`."""
        return run_results(self.path)

    def results_or_set_aside(self, line: Record = RESULT_LINE) -> list[dict[str, Any]] | None:
        """The lines of a finished run; None, and a warning, where its files are damaged.

        Such files stop no run for good: the folder is renamed, and the run starts anew.

        Args:
            line: what each line should hold.
        """
        try:
            lines = run_results(self.path, line)
            check_bound(self.path / PREDICTIONS)
            return lines
        except ModelError as error:
            set_aside(self.path, str(error), "the run starts anew")
            return None


def run_results(run: Path, line: Record = RESULT_LINE) -> list[dict[str, Any]]:
    """The lines of a finished run.

    Args:
        run: its folder.
        line: what each line should hold.

    Raises:
        ModelError: result.json is missing or damaged although the run is marked as done, or holds
            values that cannot be.
    """
    path = run / RESULT
    lines = read_json(
        path, "the results of the run", _AGAIN, error=ModelError, schema=ListOf(line, at_least=1)
    )
    check_bound(path)
    return lines


def check_bound(path: Path) -> None:
    """Refuse a file of a finished run that is not the one that the run has written.

    Runs of earlier versions keep no digests, and files without one are not looked at.

    Raises:
        ModelError: its digest is another one than `done` says, or it is missing.
    """
    expected = _digests(path.parent).get(path.name)
    found = file_digest(path)
    if expected is not None and found != expected:
        raise ModelError(
            f"{str(path)!r} has the SHA-256 {str(found)[:12]}, but the run was finished with "
            f"{expected[:12]}: it was changed or damaged; {_AGAIN}."
        )


def _digests(run: Path) -> dict[str, str]:
    """SHA-256 by file name, as the mark of a finished run keeps them."""
    pairs = (line.split("  ", 1) for line in _mark(run)[1:] if "  " in line)
    return {name: digest for digest, name in pairs}


def run_config(run: Path, needed: Iterable[str] = ()) -> dict[str, Any]:
    """The settings in a run folder's config.json and, where a command made the run, `command`.

    Args:
        run: its folder.
        needed: names of settings that must be there.

    Raises:
        ModelError: there is none, it is damaged, or it is not the one that the run was finished
            with.
    """
    path = run / CONFIG
    schema = Record({name: RUN_CONFIG.optional[name] for name in needed}, RUN_CONFIG.optional)
    config = read_json(path, "the settings of the run", _AGAIN, error=ModelError, schema=schema)
    known = config.get("result_version") == RESULT_VERSION
    finished_as = (_mark(run) or [""])[0]
    if known and finished_as and settings_hash(without_command(config)) != finished_as:
        raise ModelError(
            f"The settings in {str(path)!r} are not those that the run was finished with: they "
            f"were changed or damaged; {_AGAIN}."
        )
    return config


def _mark(run: Path) -> list[str]:
    """The lines of a finished run's `done`; none where it is missing or no text."""
    try:
        require_plain(run / DONE)
        return (run / DONE).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []


def without_command(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings alone, by whose hash a run is named."""
    return {key: value for key, value in config.items() if key != COMMAND}
