"""Damaged backbone folders, through commands that load one."""

from __future__ import annotations

import json
import os
import shutil
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.base import Attack, Fell
from fuzz.commands import Ran, run
from fuzz.folders import check_row, other_header, other_values
from fuzz.mutate import damaged, damaged_json
from ldpf.backbones.hub import resolve_folder

_CONFIGURATION = ("config.json", "preprocessor_config.json", "tokenizer_config.json")
_TOKENIZER = "tokenizer.json"
_WEIGHTS = "model.safetensors"
_TRAINING = ("--method", "zero-shot", "--no-advice", "--quiet")
_SHOWN = ("--format", "jsonl", "--top-k", "3")


class Backbones(Attack):
    """A damaged backbone is refused in a sentence, or gives numbers that can be.

    A model that was trained with the whole one is refused with it, or answers as before.
    """

    name = "backbones"
    title = "damaged backbone folders"
    count = 500
    limit_s = 60.0
    limit_mb = 1_000.0

    def attempt(self, seed: int, place: Path) -> str:
        """Damage a copy, and give it to a trained model or to a training."""
        draws = np.random.default_rng([13, seed])
        folder = place / "backbone"
        self._damage(folder, draws)
        images = self.world.images / "photo"
        if draws.random() < 0.5:
            ran = self._predict(self.world.models["ldpf"], folder, images, place)
            if ran.code == 2:
                return "refused"
            if ran.out != self._expected:
                raise Fell(f"another backbone, with which a model answers {ran.out[:600]}")
            return "as the whole one"
        model = place / "model"
        if run("train", images, "--out", model, "--backbone", folder, *_TRAINING).code == 2:
            return "refused"
        ran = self._predict(model, folder, images, place)
        if ran.code == 2:
            raise Fell(f"a model that was trained cannot be used: {ran.err[-600:]}")
        for line in ran.out.splitlines():
            check_row(json.loads(line))
        return "answered"

    @cached_property
    def _expected(self) -> str:
        """What the whole backbone answers."""
        place = self.world.scratch / f"whole {os.getpid()}"
        ran = self._predict(
            self.world.models["ldpf"], self._whole, self.world.images / "photo", place
        )
        if ran.code:
            raise RuntimeError(f"the whole backbone fails:\n{ran.err}")
        return ran.out

    def _predict(self, model: Path, folder: Path, images: Path, place: Path) -> Ran:
        """Answers for images that are encoded, and not read from a cache."""
        where = ("--backbone", folder, "--cache-dir", place / "cache")
        return run("predict", model, images, *where, *_SHOWN)

    @cached_property
    def _whole(self) -> Path:
        return resolve_folder("nano")

    def _damage(self, folder: Path, draws: np.random.Generator) -> None:
        """A copy of the backbone in which one file is another one."""
        folder.mkdir()
        kind = int(draws.integers(0, 10))
        name = _CONFIGURATION[int(draws.integers(len(_CONFIGURATION)))]
        if kind >= 7:
            name = _TOKENIZER if kind == 7 else _WEIGHTS
        for file in self._whole.iterdir():
            if file.name == _WEIGHTS != name:
                (folder / file.name).symlink_to(file)
            else:
                shutil.copyfile(file, folder / file.name)
        file = folder / name
        content = file.read_bytes()
        if kind <= 5:
            file.write_bytes(damaged_json(json.loads(content), draws)[0])
        elif kind == 6:
            file.write_bytes(damaged(content, draws))
        elif kind == 7:
            file.write_bytes(_other_tokenizer(content, draws))
        elif kind == 8:
            change = other_header if draws.random() < 0.5 else damaged
            file.write_bytes(change(content, draws))
        else:
            file.write_bytes(other_values(content, draws))


def _other_tokenizer(content: bytes, draws: np.random.Generator) -> bytes:
    """A tokenizer with something else in its fields, but for its words, or in its bytes."""
    if draws.random() < 0.3:
        return damaged(content, draws)
    whole: dict[str, Any] = json.loads(content)
    words = {key: whole["model"].pop(key) for key in ("vocab", "merges")}
    changed = json.loads(damaged_json(whole, draws)[0])
    if isinstance(changed.get("model"), dict):
        for key, value in words.items():
            if draws.random() < 0.9:
                changed["model"].setdefault(key, value)
    return json.dumps(changed).encode("utf-8", "surrogatepass")
