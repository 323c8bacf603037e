"""Labeled images that are not files of a dataset: they come one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ldpf.data.class_names import checked_names

Row = tuple[Any, Any, Any] | tuple[Any, Any, Any, Any]
"""An image, its label, its domain or None, and perhaps its group (see `ldpf.data.groups`)."""


@dataclass(frozen=True, eq=False)
class LabeledImages:
    """Images with labels from anywhere; `ldpf.extract_features` encodes them in one pass.

    Made by `from_huggingface`, `from_torch` and `from_arrays`. No image is kept, so there may be
    any number of them.

    Attributes:
        name: What tables call it.
        rows: Gives a new iterator over (image, label, domain or None), perhaps with a group.
        size: How many rows there will be; 0 where nobody knows.
        class_names: Names of labels that are numbers from 0; None for labels that are names.
        domain_names: The same for domains.

    Raises:
        DataError: Two names read the same, or one is no text.
    """

    name: str
    rows: Callable[[], Iterator[Row]]
    size: int = 0
    class_names: tuple[str, ...] | None = None
    domain_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        # Here rather than after every image was encoded.
        for field in ("class_names", "domain_names"):
            names = getattr(self, field)
            if names is not None:
                object.__setattr__(self, field, checked_names(names, field))
