"""Named data sets: recognized by their folders, listed with official names, checked, prepared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ldpf.data.datasets.base import DATASETS, NamedDataset, named_dataset, named_datasets
from ldpf.utils.lazy import lazy_names

if TYPE_CHECKING:
    from ldpf.data.datasets.listing import DatasetListing, list_named_dataset
    from ldpf.data.datasets.recognize import FoundDataset, recognize_dataset

# These need numpy, which the names of the data sets do not.
_HOMES = {
    "DatasetListing": ".listing",
    "FoundDataset": ".recognize",
    "list_named_dataset": ".listing",
    "recognize_dataset": ".recognize",
}

__all__ = [
    "DATASETS",
    "DatasetListing",
    "FoundDataset",
    "NamedDataset",
    "list_named_dataset",
    "named_dataset",
    "named_datasets",
    "recognize_dataset",
]

__getattr__ = lazy_names(__name__, _HOMES)
