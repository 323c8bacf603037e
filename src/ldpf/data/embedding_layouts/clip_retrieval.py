"""The layout of clip-retrieval: numbered arrays, and a table of the same number for each.

`img_emb/img_emb_0000.npy` holds the embeddings [n, D] of a part, `metadata/metadata_0000.parquet`
a row for each of them, with `image_path` and whatever the images came with. See
https://github.com/rom1504/clip-retrieval, "clip inference".
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ldpf.data.arrays_on_disk import ArraysOnDisk, mapped_array
from ldpf.data.embedding_layouts.base import EMBEDDING_LAYOUTS, EmbeddingLayout
from ldpf.data.manifest import list_parquet_parts
from ldpf.data.parquet import require_pyarrow
from ldpf.data.tables import read_column
from ldpf.errors import DataError
from ldpf.utils.files import write_bytes
from ldpf.utils.text import some

if TYPE_CHECKING:
    from ldpf.data.image_folder import Listing
    from ldpf.features.feature_set import FeatureSet

ARRAYS, TABLES = "img_emb", "metadata"
TASK = "writing the tables beside the features"
ROWS = 100_000
"""Rows of a part that is written here."""

_COLUMNS = {"image_path": "path"}
"""What clip-retrieval calls columns that have another name in a manifest."""


@EMBEDDING_LAYOUTS.register("clip-retrieval")
class ClipRetrieval(EmbeddingLayout):
    """`img_emb/img_emb_0000.npy` and `metadata/metadata_0000.parquet`, numbered."""

    def recognizes(self, folder: Path) -> bool:
        """See `EmbeddingLayout`."""
        arrays = folder / ARRAYS
        return arrays.is_dir() and next(arrays.glob(f"{ARRAYS}_*.npy"), None) is not None

    def labeled(self, folder: Path) -> tuple[Listing, np.ndarray | None, np.ndarray | ArraysOnDisk]:
        """See `EmbeddingLayout`; the classes are those of the column `label`."""
        files = _parts(folder)
        arrays = [mapped_array(array) for array, _ in files]
        _check_sizes(arrays, [array for array, _ in files])
        # Named so that relative paths start from the folder itself.
        listing, splits, counts = list_parquet_parts(
            folder / TABLES, [table for _, table in files], names=_COLUMNS
        )
        for (file, table), array, count in zip(files, arrays, counts, strict=True):
            _check_rows(file, len(array), table, count)
        embeddings = ArraysOnDisk.of([array for array, _ in files], arrays).held()
        return listing, splits, embeddings

    def parts(self, folder: Path) -> Iterator[tuple[list[str], np.ndarray]]:
        """See `EmbeddingLayout`; a row is named by `image_path`, else `path`, else its number."""
        files = _parts(folder)
        _check_sizes([mapped_array(array) for array, _ in files], [array for array, _ in files])
        for file, table in files:
            array = mapped_array(file)
            names = read_column(table, ("image_path", "path"))
            if names is not None:
                _check_rows(file, len(array), table, len(names))
            rows = range(len(array))
            named = names or [""] * len(array)
            yield [named[row] or f"{file}:{row}" for row in rows], np.array(array)


def write_clip_retrieval(folder: Path, features: FeatureSet, root: Path) -> list[Path]:
    """Write features in this layout.

    Columns of the tables: `image_path`, `caption` (the name of the class), `label`, and `domain`,
    `split` and `group` where they are known.

    Args:
        folder: A new or empty one, which exists.
        features: What to write.
        root: What their paths start from.

    Returns:
        The files.

    Raises:
        DataError: pyarrow is not installed.
        OSError: A file cannot be written.
    """
    require_pyarrow(TASK)
    import pyarrow as pa
    import pyarrow.parquet as pq

    for name in (ARRAYS, TABLES):
        (folder / name).mkdir(exist_ok=True)
    written = []
    digits = max(4, len(str(len(features) // ROWS)))
    for number, start in enumerate(range(0, len(features), ROWS)):
        rows = slice(start, start + ROWS)
        array = io.BytesIO()
        np.save(array, features.features[rows].numpy())
        table = io.BytesIO()
        pq.write_table(pa.table(_columns(features, rows, root)), table)
        files = {
            folder / TABLES / f"{TABLES}_{number:0{digits}d}.parquet": table,
            folder / ARRAYS / f"{ARRAYS}_{number:0{digits}d}.npy": array,
        }
        for file, content in files.items():
            write_bytes(file, content.getvalue())
            written.append(file)
    return written


def _columns(features: FeatureSet, rows: slice, root: Path) -> dict[str, list[str]]:
    labels = [features.class_names[k] for k in features.labels[rows].tolist()]
    columns = {
        "image_path": [str(root / path) for path in features.paths[rows]],
        "caption": labels,
        "label": labels,
    }
    if features.domains is not None:
        columns["domain"] = [features.domain_names[d] for d in features.domains[rows].tolist()]
    for name, values in (("split", features.splits), ("group", features.groups)):
        if values is not None:
            columns[name] = [str(value) for value in values[rows]]
    return columns


def _parts(folder: Path) -> list[tuple[Path, Path]]:
    """Arrays and their tables, by their numbers."""
    arrays = _numbered(folder / ARRAYS, ARRAYS, ".npy")
    tables = _numbered(folder / TABLES, TABLES, ".parquet")
    alone = sorted(set(arrays) ^ set(tables))
    if alone:
        names = [str((arrays.get(n) or tables[n]).relative_to(folder)) for n in alone]
        raise DataError(
            f"{folder} is laid out as clip-retrieval does, but {some(names, limit=5)} "
            f"{'has' if len(names) == 1 else 'have'} no counterpart; each "
            f"{ARRAYS}/{ARRAYS}_0000.npy needs its {TABLES}/{TABLES}_0000.parquet"
        )
    return [(arrays[number], tables[number]) for number in sorted(arrays)]


def _numbered(folder: Path, stem: str, ending: str) -> dict[int, Path]:
    numbered: dict[int, Path] = {}
    for file in sorted(folder.glob(f"{stem}_*{ending}")):
        match = re.fullmatch(rf"{stem}_(\d+)", file.stem)
        if match is None:
            continue
        if (number := int(match[1])) in numbered:
            raise DataError(f"{numbered[number]} and {file} have the same number; keep one")
        numbered[number] = file
    return numbered


def _check_sizes(arrays: Sequence[np.ndarray], files: Sequence[Path]) -> None:
    first = arrays[0].shape[1]
    for array, file in zip(arrays, files, strict=True):
        if array.shape[1] != first:
            raise DataError(
                f"{files[0]} holds embeddings of {first:,} numbers, and {file} of "
                f"{array.shape[1]:,}; all embeddings have one size"
            )


def _check_rows(array: Path, n_embeddings: int, table: Path, n_rows: int) -> None:
    if n_embeddings != n_rows:
        raise DataError(
            f"{array} has {n_embeddings:,} rows, but {table} has {n_rows:,}; each row of one "
            "describes the same row of the other"
        )
