"""Labeled images from other libraries' objects: Hugging Face datasets, PyTorch, NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ldpf.data.class_names import given_names
from ldpf.data.embeddings import EmbeddedImages
from ldpf.data.groups import as_groups
from ldpf.data.in_memory import LabeledImages, Row
from ldpf.data.labels import ids_of, read_labels
from ldpf.data.pictures_in_memory import pictures_of
from ldpf.data.reading_names import readable_name
from ldpf.data.torch_items import ItemParts, items_of, metadata_fields
from ldpf.errors import DataError
from ldpf.utils.arrays import as_sequence, unit_rows
from ldpf.utils.text import did_you_mean, some_names


def from_huggingface(
    dataset: Any,
    *,
    image: str = "image",
    label: str = "label",
    domain: str | None = None,
    group: str | None = None,
    class_names: Sequence[str] | None = None,
) -> LabeledImages:
    """Images of a dataset of Hugging Face's `datasets`, also of one that streams.

    `datasets` itself is not needed here; its objects are used as they come.

    Args:
        dataset: One split of it, such as `load_dataset(...)["train"]`.
        image: The column of images. Files in it are read as all others are (see
            `ldpf.data.read_image`), damaged ones reported together. Transforms and formats
            (`with_transform`, `set_format`) are not applied.
        label: The column of labels: a ClassLabel, names, or numbers.
        domain: The column of domains, if somebody wrote them down.
        group: The column of what must stay on one side of a split, such as bursts or patients.
        class_names: Names of labels that are numbers from 0; default those of a ClassLabel.

    Raises:
        DataError: It is several splits at once, or has no such column; or a label or name cannot be
            used (see `ldpf.data.labels`).
    """
    features = getattr(dataset, "features", None)
    columns = list(features or getattr(dataset, "column_names", None) or ())
    if isinstance(dataset, dict):
        raise DataError(
            f"this dataset has several splits ({', '.join(map(str, dataset))}); give one of them, "
            f"as in dataset[{next(iter(dataset), 'train')!r}]"
        )
    wanted = [image, label, *(column for column in (domain, group) if column is not None)]
    for column in wanted:
        if columns and column not in columns:
            made = (getattr(dataset, "format", None) or {}).get("type") == "custom"
            raise DataError(
                f"the dataset has no column {column!r}.{did_you_mean(column, columns)} "
                f"Its columns are: {some_names(columns)}"
                + ("; what with_transform makes is not used here" if made else "")
            )
    if hasattr(dataset, "with_format"):
        # Without transforms and formats: files are read as all others are, labels as they are.
        dataset = dataset.with_format(None)
    kind: Any = (features or {}).get(image)
    if getattr(kind, "decode", False):
        # Bytes instead of pictures: the library's own reader says what is wrong with which.
        dataset = dataset.cast_column(image, type(kind)(decode=False))
    if columns and hasattr(dataset, "select_columns"):
        dataset = dataset.select_columns(wanted)  # nothing else is decoded

    names = _names_of((features or {}).get(label))
    if class_names is None and names is not None:
        class_names = [readable_name(name) for name in names]
    if hasattr(dataset, "__len__") and hasattr(dataset, "column_names"):
        # Labels cost nothing; what is wrong with them is said before any image is encoded.
        ids_of(dataset[label], class_names, "label", quiet=True)

    def rows() -> Iterator[Row]:
        for number, row in enumerate(dataset):
            for column in wanted:
                if column not in row:  # streams do not always know their columns
                    raise DataError(
                        f"row {number} of the dataset has no {column!r}."
                        f"{did_you_mean(column, list(row))} "
                        f"Its columns are: {some_names(list(row))}"
                    )
            known = row[image], row[label], None if domain is None else row[domain]
            yield known if group is None else (*known, row[group])

    return LabeledImages(
        name=str(getattr(getattr(dataset, "info", None), "dataset_name", None) or "dataset"),
        rows=rows,
        size=len(dataset) if hasattr(dataset, "__len__") else 0,
        class_names=given_names(class_names),
        domain_names=_names_of((features or {}).get(domain)),
    )


def from_torch(
    source: Any,
    *,
    image: str = "image",
    label: str = "label",
    domain: str | int | None = None,
    groups: Iterable[Any] | None = None,
    class_names: Sequence[str] | None = None,
    domain_names: Sequence[str] | None = None,
    name: str = "dataset",
) -> LabeledImages:
    """Images of a PyTorch `Dataset` or `DataLoader`.

    Items are (image, label), (image, label, domain) or dicts.

    Every item is asked for once. Leave the backbone's normalization out of its transforms, and
    random ones too: what is learned from should look like what is asked about later.

    Args:
        source: A map-style or iterable dataset, or a loader of it, in batches or not.
        image, label: The keys of both, where items are dicts.
        domain: The key of the domain, where items are dicts. Where the third of a tuple is a
            vector, such as the metadata of WILDS: which of its numbers is the domain, by place or
            by its name in the dataset's `metadata_fields`.
        groups: A group for each item, in the order in which they come: what must stay on one side
            of a split, such as bursts or patients. A loader must not shuffle then.
        class_names: Names of labels that are numbers from 0; default `classes` of the dataset, as
            torchvision's have it.
        domain_names: Names of domains that are numbers from 0.
        name: What tables call it.

    Raises:
        DataError: Two names read the same. An item or label that cannot be used is refused when
            images are encoded, by its row.
    """
    parts = ItemParts(image, label, domain, metadata_fields(source))

    def rows() -> Iterator[Row]:
        for number, item in enumerate(items_of(source)):
            yield parts.of(item, number)

    loader = hasattr(source, "batch_sampler") and hasattr(source, "dataset")
    whole = source.dataset if loader else source
    if class_names is None:
        found = _classes_of(source)
        class_names = None if found is None else [readable_name(one) for one in found]
    return LabeledImages(
        name=name,
        rows=rows if groups is None else _with_groups(rows, list(groups)),
        size=_length_of(whole),
        class_names=given_names(class_names),
        domain_names=given_names(domain_names, "domain_names"),
    )


def from_arrays(
    images: Sequence[Any] | np.ndarray,
    labels: Iterable[Any],
    *,
    domains: Iterable[Any] | None = None,
    groups: Iterable[Any] | None = None,
    class_names: Sequence[str] | None = None,
    domain_names: Sequence[str] | None = None,
    name: str = "arrays",
) -> LabeledImages:
    """Images in memory: pixels [N, H, W, 3] (uint8, or floats from 0 to 1), or a list of images.

    Args:
        images: As `ldpf.data.pictures_in_memory.pictures_of` takes them: one array, or a list of
            arrays, tensors, PIL images, paths or bytes of files.
        labels: A label for each.
        domains: A domain for each, if somebody wrote them down.
        groups: A group for each: what must stay on one side of a split, such as bursts or patients;
            None for an image that is alone.
        class_names, domain_names: Names of labels or domains that are numbers from 0.
        name: What tables call it.

    Raises:
        DataError: They are not equally many, `images` is one picture, or a label or name cannot be
            used (see `ldpf.data.labels`).
    """
    images = pictures_of(images)
    labels = read_labels(labels)
    listed = [None] * len(labels) if domains is None else read_labels(domains, "domain")
    for what, values in (("labels", labels), ("domains", listed)):
        if len(values) != len(images):
            raise DataError(f"n_images={len(images)} should be n_{what}={len(values)}.")
    # Once more with the images; what is wrong is said before any of them is encoded.
    ids_of(labels, class_names, "label", quiet=True)
    if domains is not None:
        ids_of(listed, domain_names, "domain", quiet=True)

    def rows() -> Iterator[Row]:
        return zip(images, labels, listed, strict=True)

    known = None if groups is None else as_groups(groups, len(images)).tolist()
    return LabeledImages(
        name=name,
        rows=rows if known is None else _with_groups(rows, known),
        size=len(images),
        class_names=given_names(class_names),
        domain_names=given_names(domain_names, "domain_names"),
    )


def from_embeddings(
    embeddings: Any,
    labels: Iterable[Any],
    *,
    domains: Iterable[Any] | None = None,
    groups: Iterable[Any] | None = None,
    class_names: Sequence[str] | None = None,
    domain_names: Sequence[str] | None = None,
) -> EmbeddedImages:
    """Image features that were computed elsewhere, with their labels.

    They must come from the image encoder of the backbone that they are used with; nobody can see
    this in the numbers, only their size is compared later. `ldpf.extract_features` makes a
    `FeatureSet` of them.

    Args:
        embeddings: [N, D] array, tensor or lists of numbers, of any length.
        labels, domains, groups, class_names, domain_names: As in `from_arrays`.

    Raises:
        DataError: They are no table of numbers, not equally many as labels, or one is not finite
            or all zero.
    """
    try:
        table = np.asarray(as_sequence(embeddings))
    except ValueError as error:
        raise DataError(f"embeddings should be a table of numbers [N, D] ({error})") from error
    if table.ndim != 2 or table.dtype.kind not in "fiu":
        raise DataError(
            f"embeddings should be a table of numbers [N, D]; got {table.dtype} {table.shape}"
        )
    unit_rows(table)  # refused here rather than with a backbone
    labels = read_labels(labels)
    if len(labels) != len(table):
        raise DataError(f"n_embeddings={len(table)} should be n_labels={len(labels)}.")
    found_classes, class_ids = ids_of(labels, class_names, "label")
    found_domains, domain_ids = (), None
    if domains is not None:
        found_domains, domain_ids = ids_of(domains, domain_names, "domain")
    return EmbeddedImages(
        name="embeddings",
        root=Path(),
        paths=tuple(f"row {number}" for number in range(len(table))),
        labels=class_ids,
        class_names=found_classes,
        domains=domain_ids,
        domain_names=found_domains,
        groups=None if groups is None else as_groups(groups, len(table), "embeddings"),
        embeddings=table,
    )


def _with_groups(
    rows: Callable[[], Iterator[Row]], groups: Sequence[Any]
) -> Callable[[], Iterator[Row]]:
    """The same rows, each with its group."""

    def grouped() -> Iterator[Row]:
        given = iter(groups)
        number = 0
        for row in rows():
            if number == len(groups):
                raise DataError(f"n_groups={number:,}, but there are more images.")
            yield (*row, next(given))
            number += 1
        if number < len(groups):
            raise DataError(f"n_groups={len(groups):,} should be n_images={number:,}.")

    return grouped


def _names_of(kind: Any) -> tuple[str, ...] | None:
    """The names of a ClassLabel column."""
    names = getattr(kind, "names", None)
    return tuple(names) if isinstance(names, (list, tuple)) else None


def _classes_of(source: Any) -> Sequence[str] | None:
    """`classes` of a dataset, also behind a loader or a subset of it."""
    while source is not None:
        classes = getattr(source, "classes", None)
        if isinstance(classes, (list, tuple)) and all(isinstance(one, str) for one in classes):
            return classes
        source = getattr(source, "dataset", None)
    return None


def _length_of(source: Any) -> int:
    try:
        return len(source)
    except TypeError:
        return 0
