"""Damaged and extreme embeddings, through `ldpf predict` and the reader of labeled ones."""

from __future__ import annotations

import io
import json
import warnings
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.base import Attack, Fell
from fuzz.commands import run
from fuzz.folders import check_row
from fuzz.mutate import damaged
from fuzz.tables import check_dataset, check_sentence
from fuzz.world import CLASSES
from ldpf.data import load_dataset
from ldpf.errors import LdpfError

SCALES = (1e-40, 1e-30, 1e-20, 1e-3, 1.0, 1e3, 1e20, 1e30, 1e37)
"""Lengths that float32 can hold; the direction of a vector is what counts."""


class Arrays(Attack):
    """A damaged array is refused, or its rows are answered or have an error.

    Vectors of any length that can be computed with are answered as those of length one.
    """

    name = "arrays"
    title = "damaged and extreme embeddings"
    count = 1_000
    limit_mb = 600.0

    def attempt(self, seed: int, place: Path) -> str:
        """Damage an array, or scale its rows."""
        draws = np.random.default_rng([4, seed])
        if draws.random() < 0.3:
            return self._scaled(place, draws)
        features = np.load(self.world.features)
        ending = "npy" if draws.random() < 0.7 else "parquet"
        file = place / f"features.{ending}"
        if ending == "npy":
            _write_array(_other_kind(features, draws), file)
        else:
            _write_parquet(features, file, draws)
        if draws.random() < 0.7:
            file.write_bytes(damaged(file.read_bytes(), draws))
        ran = run("predict", self._model(draws), file, "--format", "jsonl", "--top-k", "3")
        self._labeled(file, draws)
        if ran.code == 2:
            return "refused"
        for line in ran.out.splitlines():
            check_row(json.loads(line))
        return "answered"

    def _model(self, draws: np.random.Generator) -> Path:
        models = list(self.world.models.values())
        return models[int(draws.integers(len(models)))]

    def _scaled(self, place: Path, draws: np.random.Generator) -> str:
        """Rows of any length, in a type that holds them."""
        features = np.load(self.world.features).astype(np.float64)
        scales = draws.choice(SCALES, len(features))
        wide = draws.random() < 0.3
        if wide:
            scales = draws.choice((*SCALES, 1e-300, 1e-150, 1e150, 1e300), len(features))
        scaled = features * scales[:, None]
        file = place / "scaled.npy"
        np.save(file, scaled if wide else scaled.astype(np.float32))
        ran = run("predict", self._ldpf, file, "--format", "jsonl", "--top-k", "3")
        if (
            ran.code == 2
        ):  # not one length of a kind that `docs/data.md` promises to take is refused
            raise Fell(f"lengths {sorted(set(scales))} are refused: {ran.err[-300:]}")
        rows = [json.loads(line) for line in ran.out.splitlines()]
        for row, expected, scale in zip(rows, self._expected, scales, strict=True):
            check_row(row)
            # Below 1e-38 float32 keeps few digits.
            if scale < 1e-37 and not wide:
                continue
            if row["error"] is None and not _same(row, expected):
                raise Fell(f"a vector of length {scale:g} gets {row}, one of length 1 {expected}")
            if row["error"] is not None:
                raise Fell(f"a vector of length {scale:g} has the error {row['error']}")
        return "answered as length one"

    @property
    def _ldpf(self) -> Path:
        return self.world.models["ldpf"]

    @cached_property
    def _expected(self) -> list[dict[str, Any]]:
        ran = run("predict", self._ldpf, self.world.features, "--format", "jsonl", "--top-k", "3")
        return [json.loads(line) for line in ran.out.splitlines()]

    def _labeled(self, file: Path, draws: np.random.Generator) -> None:
        """The same array with a table of labels beside it."""
        if file.suffix == ".npy":
            labels = draws.choice(CLASSES, 32)
            file.with_suffix(".csv").write_text("label\n" + "\n".join(labels) + "\n")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                check_dataset(load_dataset(file))
        except LdpfError as error:
            check_sentence(str(error))


def _same(row: dict[str, Any], expected: dict[str, Any]) -> bool:
    one, other = dict(row["top_k"]), dict(expected["top_k"])
    return all(abs(one[name] - other[name]) < 1e-4 for name in other)


def _other_kind(features: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """The features as an array of another type, order, shape, or with strange values."""
    strange = np.array([np.nan, np.inf, -np.inf, 0.0, 1e38, 1e-45], np.float32)
    kind = int(draws.integers(0, 12))
    changed = features.copy()
    changed[int(draws.integers(32)), int(draws.integers(128))] = draws.choice(strange)
    zero = features.copy()
    zero[int(draws.integers(32))] = 0
    kinds: list[np.ndarray] = [
        features,
        changed,
        zero,
        np.asfortranarray(features),
        features.astype(">f8"),
        features.astype(np.float16),
        (features * 100).astype(np.int8),
        features.astype(np.complex64),
        features[:, :64],
        features[None],
        features[:0],
        features.astype(object),
    ]
    return kinds[kind]


def _write_array(array: np.ndarray, file: Path) -> None:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    file.write_bytes(stream.getvalue())


def _write_parquet(features: np.ndarray, file: Path, draws: np.random.Generator) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows: list[Any] = features.tolist()
    kind = int(draws.integers(0, 5))
    at = int(draws.integers(len(rows)))
    if kind == 0:
        rows[at] = None
    elif kind == 1:
        rows[at] = rows[at][:5]
    elif kind == 2:
        rows[at][3] = None
    labels = draws.choice(CLASSES, len(rows)).tolist()
    pq.write_table(pa.table({"embedding": rows, "label": labels}), file)
