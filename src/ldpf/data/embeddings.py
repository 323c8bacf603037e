"""Image features that were computed elsewhere, with labels, and no image at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ldpf.data.arrays_on_disk import ArraysOnDisk, mapped_array
from ldpf.data.dataset import ImageDataset
from ldpf.data.embedding_layouts.base import layout_of
from ldpf.data.image_folder import Listing
from ldpf.data.manifest import list_rows
from ldpf.data.parquet import reads_parquet
from ldpf.data.tables import MANIFEST_ENDINGS, PARQUET_ENDINGS, read_column
from ldpf.errors import DataError

COLUMN = "embedding"
"""The column of a Parquet manifest that holds the embeddings, a list of numbers in each row."""


@dataclass(frozen=True, eq=False)
class EmbeddedImages(ImageDataset):
    """A dataset that brings its features along; its files need not exist.

    Attributes:
        embeddings: [N, D] numbers, of any length; those of arrays on disk are read when needed.
    """

    embeddings: np.ndarray | ArraysOnDisk | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        rows = 0 if self.embeddings is None else len(self.embeddings)
        if rows != len(self.paths):
            raise DataError(
                f"the dataset {self.name!r} has {len(self.paths):,} rows but {rows:,} embeddings; "
                "give one for each row"
            )

    def subset(self, indices: Sequence[int] | np.ndarray) -> EmbeddedImages:
        """As `ImageDataset.subset`, with the embeddings."""
        whole = np.arange(len(self))
        picked = whole[np.asarray(indices)] if len(indices) else whole[:0]
        assert self.embeddings is not None
        # All at once: rows and embeddings are checked against each other.
        return replace(
            self,
            paths=tuple(self.paths[i] for i in picked),
            labels=self.labels[picked],
            domains=None if self.domains is None else self.domains[picked],
            splits=None if self.splits is None else self.splits[picked],
            groups=None if self.groups is None else self.groups[picked],
            embeddings=(
                self.embeddings[picked]
                if isinstance(self.embeddings, np.ndarray)
                else self.embeddings.take(picked)
            ),
        )


def has_embeddings(file: Path) -> bool:
    """Whether a path holds embeddings and no images.

    It does if it is a NumPy array, a Parquet manifest with a column `embedding`, or a folder in one
    of the layouts of `ldpf.data.embedding_layouts`.
    """
    if file.is_dir():
        return layout_of(file) is not None
    if file.suffix.lower() == ".npy":
        return True
    if file.suffix.lower() not in PARQUET_ENDINGS:
        return False
    try:
        import pyarrow.parquet as pq
    except ImportError:
        return False  # reading it as a manifest says what to install
    try:
        with reads_parquet(file):
            return COLUMN in pq.read_schema(file).names
    except DataError:
        return False  # reading it as a manifest says what is wrong


def list_embeddings(
    file: Path, columns: Mapping[str, str] | None = None
) -> tuple[Listing, np.ndarray | None, np.ndarray | ArraysOnDisk]:
    """Read embeddings and what is known of them.

    Args:
        file: Either a Parquet manifest with the columns `label` and `embedding` (lists of equally
            many numbers), or an array [N, D] as `numpy.save` writes it, beside which lies a
            manifest of the same name (`features.npy`, `features.csv`) with a row for each of its
            rows and the column `label`. Both may have the columns `path`, `domain`, `split` and
            `group`; paths are names only, and need not exist. Or a folder in one of the layouts of
            `ldpf.data.embedding_layouts`.
        columns: What columns are called there, as in `ldpf.data.manifest.list_manifest`.

    Returns:
        The listing in the order of the rows, [N] split names or None, and the embeddings [N, D].

    Raises:
        DataError: A file or column is missing or cannot be read, the numbers of rows differ, or
            the embeddings are no table of numbers.
    """
    if (layout := layout_of(file)) is not None:
        return layout.labeled(file)
    if file.suffix.lower() == ".npy":
        manifest = _manifest_beside(file)
        embeddings = ArraysOnDisk.of([file], [mapped_array(file)]).held()
    else:
        manifest = file
        embeddings = _read_column(file)
    listing, splits = list_rows(manifest, needs_paths=False, columns=columns)
    if len(listing.paths) != len(embeddings):
        raise DataError(
            f"{file} has {len(embeddings):,} rows, but {manifest} has {len(listing.paths):,}; "
            "each row of one describes the same row of the other"
        )
    return listing, splits, embeddings


def unlabeled_parts(file: Path) -> Iterator[tuple[list[str], np.ndarray]]:
    """`list_unlabeled` in parts, so that memory holds one part of a large folder at a time."""
    if (layout := layout_of(file)) is not None:
        yield from layout.parts(file)
    else:
        yield _list_unlabeled(file)


def list_unlabeled(file: Path) -> tuple[list[str], np.ndarray]:
    """Read embeddings of which nothing else need be known.

    Args:
        file: as for `list_embeddings`, but without a manifest beside an array, and without labels.

    Returns:
        A name for each row, its `path` where a Parquet file has that column and `FILE:ROW`
        otherwise; and the embeddings [N, D].

    Raises:
        DataError: the file cannot be read, or the embeddings are no table of numbers.
    """
    parts = list(unlabeled_parts(file))
    return [name for names, _ in parts for name in names], np.concatenate([e for _, e in parts])


def _list_unlabeled(file: Path) -> tuple[list[str], np.ndarray]:
    is_array = file.suffix.lower() == ".npy"
    embeddings = np.array(mapped_array(file)) if is_array else _read_column(file)
    if not is_array and (paths := read_column(file, ("path",))) is not None:
        named = enumerate(paths)
        return [path or f"{file}:{row}" for row, path in named], embeddings
    return [f"{file}:{row}" for row in range(len(embeddings))], embeddings


def _manifest_beside(file: Path) -> Path:
    found = [file.with_suffix(e) for e in MANIFEST_ENDINGS if file.with_suffix(e).is_file()]
    if len(found) == 1:
        return found[0]
    if found:
        names = " and ".join(one.name for one in found)
        raise DataError(f"beside {file} lie {names}; keep one of them")
    raise DataError(
        f"beside {file} there is no {file.stem}.csv; give a table of that name (or .tsv, .parquet) "
        "with a column label, and perhaps path, domain, split and group, a row for each row of the "
        "array"
    )


def _read_column(file: Path) -> np.ndarray:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    with reads_parquet(file):
        column = pq.read_table(file, columns=[COLUMN])[COLUMN].combine_chunks()
    kind = column.type
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    if not is_list and not pa.types.is_fixed_size_list(kind):
        raise DataError(
            f"the column {COLUMN!r} of {file} should hold a list of numbers in each row; it is of "
            f"type {kind}"
        )
    values = column.flatten()
    number = pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)
    if not number or column.null_count or values.null_count:
        raise DataError(
            f"the column {COLUMN!r} of {file} should hold a list of numbers in each row; it is of "
            f"type {kind}, with {column.null_count + values.null_count:,} empty places"
        )
    lengths = pc.call_function("list_value_length", [column])
    sizes = pc.call_function("unique", [lengths]).to_pylist()
    if len(sizes) > 1:
        raise DataError(
            f"the column {COLUMN!r} of {file} holds lists of {min(sizes):,} to {max(sizes):,} "
            "numbers; all embeddings have one size"
        )
    return values.to_numpy(zero_copy_only=False).reshape(len(column), sizes[0] if sizes else 0)
