"""Damaged records: what runs, trainings, exports and the cache keep for the next command."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np

from fuzz.base import Attack, Fell
from fuzz.bits import bits, timeless
from fuzz.commands import run
from fuzz.folders import predicted
from fuzz.jobs import HEAD
from fuzz.mutate import damaged, damaged_json
from fuzz.world import BACKBONE, SHORT

_REPORT = 0.1
"""Share of the attempts that write a report, which takes longest."""


class Records(Attack):
    """A damaged record is refused or made anew, and never answers with another number.

    The command that made it is given again: it refuses in words, or leaves what it left at first.
    """

    name = "records"
    title = "damaged records of runs, trainings and exports, and a damaged cache"
    count = 300
    limit_s = 120.0
    limit_mb = 1_000.0

    def attempt(self, seed: int, place: Path) -> str:
        """Damage one file, read what is there, and give the command again."""
        draws = np.random.default_rng([10, seed])
        kinds = (self._results, self._results, self._training, self._export, self._cache)
        return kinds[int(draws.integers(len(kinds)))](place, draws)

    def _results(self, place: Path, draws: np.random.Generator) -> str:
        """Those of a benchmark."""
        results = place / "results"
        shutil.copytree(self.world.results, results)
        file = _one_file(results, draws)
        _damage(file, draws)
        readers: list[list[str | Path]] = [
            ["table", results],
            ["table", results, "--format", "latex"],
            ["table", results, "--expect", "published"],
            ["table", results, "--json"],
        ]
        if draws.random() < _REPORT:
            readers = [["report", results, "--out", place / "report.html"]]
        words = readers[int(draws.integers(len(readers)))]
        ran = run(*words)
        if words[0] == "table" and ran.code == 0 and ran.out != self._table(words[2:]):
            raise Fell(f"with a damaged {file.relative_to(results)} the table says {ran.out}")
        methods = ("--methods", "zero-shot,coop", "--seeds", "1", "--jobs", "1", "--quiet", *SHORT)
        where = ("--backbone", BACKBONE, "--out", results)
        ran = run("benchmark", self.world.images, *where, *methods)
        if ran.code:
            return "refused"
        if _lines(results / "results.jsonl") != _lines(self.world.results / "results.jsonl"):
            raise Fell(f"with a damaged {file.relative_to(results)} the results are others")
        return "as before"

    def _table(self, options: list[str | Path]) -> str:
        """What a reader says of the whole results."""
        return run("table", self.world.results, *options).out

    def _training(self, place: Path, draws: np.random.Generator) -> str:
        """Those of a trained model."""
        model = place / "model"
        shutil.copytree(self.world.models["ldpf"], model)
        file = _one_file(model, draws)
        _damage(file, draws)
        data = self.world.images
        readers: list[list[str | Path]] = [
            ["info", model],
            ["evaluate", model, data],
            ["diagnose", model],
            ["expect", model, data],
        ]
        if draws.random() < _REPORT:
            readers = [["report", model, "--data", data, "--out", place / "report.html"]]
        run(*readers[int(draws.integers(len(readers)))])
        words = ("--backbone", BACKBONE, "--no-advice", "--quiet", *SHORT, "--method", "ldpf")
        if run("train", data, "--out", model, *words).code:
            return "refused"
        if predicted(model, self.world) != self._answers:
            raise Fell(f"with a damaged {file.relative_to(model)} the model is another one")
        return "as before"

    def _export(self, place: Path, draws: np.random.Generator) -> str:
        """The description beside an exported graph, and the graph."""
        out = place / "export"
        shutil.copytree(self._exported, out)
        file = _one_file(out, draws)
        _damage(file, draws)
        words = ("export", self.world.models["linear-probe"], *HEAD, "--out", out / "model.onnx")
        if run(*words).code:
            return "refused"
        if bits(out) != bits(self._exported):
            raise Fell(f"with a damaged {file.name} the export leaves something else")
        return "as before"

    def _cache(self, place: Path, draws: np.random.Generator) -> str:
        """Features that were kept."""
        cache = place / "cache"
        shutil.copytree(self.world.folder / "cache", cache)
        file = _one_file(cache, draws)
        _damage(file, draws)
        with _cache_at(cache):
            words = ("evaluate", self.world.models["ldpf"], self.world.images, "--json")
            ran = run(*words)
        if ran.code:
            raise Fell(f"a damaged cache stops a command: {ran.err[-800:]}")
        if json.loads(ran.out)["accuracy"] != self._accuracy:
            raise Fell(f"with a damaged {file.relative_to(cache)} the accuracy is another one")
        return "as before"

    @cached_property
    def _answers(self) -> list[object]:
        return predicted(self.world.models["ldpf"], self.world)

    @cached_property
    def _accuracy(self) -> float:
        ran = run("evaluate", self.world.models["ldpf"], self.world.images, "--json")
        return json.loads(ran.out)["accuracy"]

    @cached_property
    def _exported(self) -> Path:
        folder = self.world.scratch / f"exported {os.getpid()}"
        folder.mkdir()
        model = self.world.models["linear-probe"]
        ran = run("export", model, *HEAD, "--out", folder / "model.onnx")
        if ran.code:
            raise RuntimeError(f"the export fails undisturbed:\n{ran.err}")
        return folder


def _one_file(folder: Path, draws: np.random.Generator) -> Path:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return files[int(draws.integers(len(files)))]


def _damage(file: Path, draws: np.random.Generator) -> None:
    """Damage a file: JSON often in one of its fields, others in their bytes; or remove it."""
    kind = float(draws.random())
    content = file.read_bytes()
    if kind < 0.05:
        file.unlink()
    elif kind < 0.1:
        file.write_bytes(b"[" * int(draws.choice((10, 100_000))))
    elif kind < 0.7 and file.suffix == ".json":
        file.write_bytes(damaged_json(json.loads(content), draws)[0])
    elif kind < 0.7 and file.suffix == ".jsonl":
        lines = content.splitlines()
        at = int(draws.integers(len(lines)))
        lines[at] = damaged_json(json.loads(lines[at]), draws)[0]
        file.write_bytes(b"\n".join([*lines, b""]))
    else:
        file.write_bytes(damaged(content, draws))


def _lines(file: Path) -> list[object]:
    return [timeless(json.loads(line)) for line in file.read_text().splitlines()]


@contextmanager
def _cache_at(folder: Path) -> Iterator[None]:
    before = os.environ["LDPF_CACHE"]
    os.environ["LDPF_CACHE"] = str(folder)
    try:
        yield
    finally:
        os.environ["LDPF_CACHE"] = before
