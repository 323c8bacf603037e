"""Items of PyTorch datasets and loaders as (image, label, domain): tuples, dicts, batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ldpf.errors import DataError
from ldpf.utils.text import did_you_mean, quoted, some


@dataclass(frozen=True)
class ItemParts:
    """Where image, label and domain are in an item.

    Attributes:
        image, label: Their keys, for items that are mappings; tuples have them first and second.
        domain: Its key in a mapping; for tuples, which number of a third value that is a vector, as
            the metadata of WILDS is, by place or by a name in `fields`.
        fields: Names of the numbers of such a vector.
    """

    image: str = "image"
    label: str = "label"
    domain: str | int | None = None
    fields: tuple[str, ...] = ()

    def of(self, item: Any, row: int) -> tuple[Any, Any, Any]:
        """The image, label, and domain or None of an item.

        Raises:
            DataError: It has no such parts.
        """
        if isinstance(item, Mapping):
            domain = None if self.domain is None else self._value(item, self.domain, row)
            return self._value(item, self.image, row), self._value(item, self.label, row), domain
        if not isinstance(item, tuple | list) or len(item) not in (2, 3):
            raise DataError(
                f"row {row} of the PyTorch dataset is a {type(item).__name__}"
                f"{f' of {len(item)}' if isinstance(item, tuple | list) else ''}; it should be "
                "(image, label) or (image, label, domain), or a dict"
            )
        third = item[2] if len(item) == 3 else None
        return item[0], item[1], self._domain(third, row)

    def _value(self, item: Mapping[Any, Any], key: str | int, row: int) -> Any:
        if key not in item:
            keys = [str(one) for one in item]
            raise DataError(
                f"row {row} of the PyTorch dataset has no {key!r}.{did_you_mean(str(key), keys)} "
                f"Its keys are: {some(keys, limit=10)}; say which to take, as in "
                "from_torch(source, image='pixel_values', label='labels')"
            )
        return item[key]

    def _domain(self, third: Any, row: int) -> Any:
        size = _length(third)
        if size is None:
            if self.domain is not None:
                raise DataError(
                    f"domain={self.domain!r} needs items whose third value is a vector; that of "
                    f"row {row} is {quoted(third)}"
                )
            return third
        place = self.domain
        if isinstance(place, str) and place in self.fields:
            place = self.fields.index(place)
        if not isinstance(place, int) or not 0 <= place < size:
            known = f" (its metadata_fields: {some(self.fields, limit=10)})" if self.fields else ""
            asked = "" if self.domain is None else f", not {self.domain!r}"
            raise DataError(
                f"row {row} has as its third value {quoted(third)}, {size} values{known}; say "
                f"which of them is the domain: domain=0 to {size - 1}{asked}, or leave it out of "
                "the items"
            )
        return third[place]


def items_of(source: Any) -> Iterator[Any]:
    """The items of a dataset or loader one after the other, batches taken apart.

    Raises:
        DataError: A batch is neither a tuple nor a dict, or its parts differ in length.
    """
    loader = hasattr(source, "batch_sampler") and hasattr(source, "dataset")
    if loader and not (source.batch_size is None and source.batch_sampler is None):
        for number, batch in enumerate(source):
            yield from _taken_apart(batch, number)
    elif loader or hasattr(source, "__iter__") or not hasattr(source, "__len__"):
        yield from source
    else:
        yield from (source[i] for i in range(len(source)))


def metadata_fields(source: Any) -> tuple[str, ...]:
    """`metadata_fields` of a dataset of WILDS, also behind a loader or a subset of it."""
    while source is not None:
        fields = getattr(source, "metadata_fields", None)
        if isinstance(fields, list | tuple):
            return tuple(map(str, fields))
        source = getattr(source, "dataset", None)
    return ()


def _taken_apart(batch: Any, number: int) -> Iterator[Any]:
    if isinstance(batch, Mapping):
        names, parts = list(batch), list(batch.values())
    elif isinstance(batch, tuple | list):
        if batch and isinstance(batch[0], tuple | Mapping):
            yield from batch  # a loader that does not collate gives a list of items
            return
        names, parts = [], list(batch)
    else:
        raise DataError(
            f"batch {number} of the loader is a {type(batch).__name__}; it should be "
            "(images, labels) or (images, labels, domains), or a dict"
        )
    lengths = {_length(part) for part in parts}
    if len(lengths) != 1 or None in lengths:
        shown = some([_shape(part) for part in parts])
        raise DataError(
            f"batch {number} of the loader has parts of different lengths: {shown}; each should "
            "have one entry for each image"
        )
    for rows in zip(*parts, strict=True):
        yield dict(zip(names, rows, strict=True)) if names else rows


def _length(part: Any) -> int | None:
    """How many values there are; None for one, such as a name or a tensor without axes."""
    if isinstance(part, str | bytes) or not hasattr(part, "__len__"):
        return None
    if getattr(part, "ndim", 1) == 0:
        return None
    return len(part)


def _shape(part: Any) -> str:
    shape: Sequence[int] | None = getattr(part, "shape", None)
    if shape is not None:
        return f"{type(part).__name__} {tuple(shape)}"
    length = _length(part)
    return type(part).__name__ if length is None else f"{type(part).__name__} of {length}"
