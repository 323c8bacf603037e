"""Damaged model folders, through every command that loads one."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.base import Attack, Fell
from fuzz.commands import run
from fuzz.mutate import as_json, damaged, damaged_json
from fuzz.world import CLASSES, World

# Fields that say something of a model, and change no answer.
SAYINGS = {"library_version", "training", "provenance", "n_domains_table", "method"}


class Folders(Attack):
    """A damaged model is refused, or answers as its description now says, with numbers that can be.

    Where what was changed has no part in the answers, they are the same as before.
    """

    name = "folders"
    title = "damaged model folders"
    count = 5_000
    limit_mb = 1_000.0

    def attempt(self, seed: int, place: Path) -> str:
        """Damage one copy, and give it to `ldpf predict` and one other command."""
        draws = np.random.default_rng([2, seed])
        names = list(self.world.models)
        name = names[int(draws.integers(len(names)))]
        other = names[int(draws.integers(len(names)))]
        model = place / "model"
        shutil.copytree(self.world.models[name], model)
        unchanged = self._damage(model, self.world.models[other], draws)
        answered = self._predict(model, name, unchanged)
        words = self._others(model, draws)
        run(*words)
        return "answered" if answered else "refused"

    def _others(self, model: Path, draws: np.random.Generator) -> list[str | Path]:
        data, features = self.world.images, self.world.features
        choices: list[list[str | Path]] = [
            ["info", model],
            ["info", model, "--json"],
            ["expect", model, features],
            ["evaluate", model, data],
            ["diagnose", model],
            ["classes", model, "--rename", "cat=tiger", "--out", model.parent / "renamed"],
            ["predict", model, data, "--sets", "0.9", "--calibration", "held-out"],
        ]
        if draws.random() < 0.05:
            return ["report", model, "--data", data, "--out", model.parent / "report.html"]
        return choices[int(draws.integers(len(choices)))]

    def _predict(self, model: Path, name: str, unchanged: bool) -> bool:
        ran = run("predict", model, self.world.features, "--format", "jsonl", "--top-k", "3")
        if ran.code == 2:
            return False
        rows = [json.loads(line) for line in ran.out.split("\n") if line]
        if len(rows) != 32:
            raise Fell(f"{len(rows)} rows of 32 images")
        for row in rows:
            check_row(row)
        if (ran.code == 1) != any(row["error"] for row in rows):
            raise Fell(f"exit code {ran.code}, but errors are {[row['error'] for row in rows]}")
        if unchanged and _answers(rows) != self._expected[name]:
            raise Fell("other answers than the whole model, though nothing that counts was changed")
        return True

    @cached_property
    def _expected(self) -> dict[str, list[Any]]:
        """The answers of the whole models."""
        answers = {}
        for name, model in self.world.models.items():
            answers[name] = predicted(model, self.world)
        return answers

    def _damage(self, model: Path, other: Path, draws: np.random.Generator) -> bool:
        """Damage a folder; whether nothing was changed that its answers depend on."""
        config, tensors = model / "config.json", model / "model.safetensors"
        kind = int(draws.integers(0, 10))
        if kind <= 4:
            text, changed = damaged_json(json.loads(config.read_text()), draws)
            config.write_bytes(text)
            return bool(changed) and all(path[0] in SAYINGS for path in changed)
        if kind == 5:
            config.write_bytes(
                damaged(config.read_bytes(), draws, (other / "config.json").read_bytes())
            )
        elif kind == 6:
            tensors.write_bytes(damaged(tensors.read_bytes(), draws))
        elif kind == 7:
            tensors.write_bytes(other_header(tensors.read_bytes(), draws))
            _bind(config, tensors)
        elif kind == 8:
            tensors.write_bytes(other_values(tensors.read_bytes(), draws))
            _bind(config, tensors)
        else:
            file = ("config.json", "model.safetensors")[int(draws.integers(2))]
            shutil.copy(other / file, model / file)
        return False


def _bind(config: Path, tensors: Path) -> None:
    """Let a description say that these are its tensors, as one who changes them knowingly would."""
    content = json.loads(config.read_text())
    content["tensors_sha256"] = hashlib.sha256(tensors.read_bytes()).hexdigest()
    config.write_bytes(as_json(content))


def other_header(content: bytes, draws: np.random.Generator) -> bytes:
    """Tensors with another description of types, shapes and places."""
    size = struct.unpack("<Q", content[:8])[0]
    header, _ = damaged_json(json.loads(content[8 : 8 + size]), draws)
    return struct.pack("<Q", len(header)) + header + content[8 + size :]


def other_values(content: bytes, draws: np.random.Generator) -> bytes:
    """Tensors with other values: extreme ones in some places, or all scaled."""
    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + size])
    names = [name for name, entry in header.items() if entry.get("dtype") == "F32"]
    if not names:
        return content
    name = names[int(draws.integers(len(names)))]
    begin, end = (8 + size + offset for offset in header[name]["data_offsets"])
    values = np.frombuffer(content[begin:end], np.float32).copy()
    if values.size == 0:
        return content
    extreme = (0.0, np.nan, np.inf, -np.inf, 1e30, -1e38, 1e-45, 1e-20, 5.0)
    if draws.random() < 0.5:
        where = draws.integers(0, values.size, 1 + values.size // 50)
        values[where] = np.float32(draws.choice(extreme))
    else:
        with np.errstate(all="ignore"):
            values = (values * np.float32(draws.choice((0, -1, 1e-30, 1e10, 1e38)))).astype("f4")
    return content[:begin] + values.tobytes() + content[end:]


def predicted(model: Path, world: World) -> list[Any]:
    """What a model answers for the features of the world."""
    ran = run("predict", model, world.features, "--format", "jsonl", "--top-k", "3")
    return _answers([json.loads(line) for line in ran.out.splitlines()])


def _answers(rows: list[dict[str, Any]]) -> list[Any]:
    return [(row["label"], row["probability"], row["top_k"]) for row in rows]


def check_row(row: dict[str, Any]) -> None:
    """Raise Fell where a row of `ldpf predict` (all three classes) holds what cannot be."""
    if row["error"] is not None:
        if row["label"] is not None or row["probability"] is not None:
            raise Fell(f"an error beside an answer: {row}")
        return
    named = [name for name, _ in row["top_k"]]
    shares = [row[key] for key in row if key.startswith("domain_")]
    probabilities = [p for _, p in row["top_k"]]
    if len(set(named)) != len(CLASSES) or row["label"] != named[0]:
        raise Fell(f"classes that cannot be: {row}")
    if sorted(probabilities, reverse=True) != probabilities:
        raise Fell(f"the most probable class does not come first: {row}")
    for numbers in (probabilities, shares):
        fine = all(np.isfinite(p) and 0 <= p <= 1 for p in numbers)
        if not fine or abs(sum(numbers) - 1) > 1e-4:
            raise Fell(f"probabilities that cannot be: {row}")
