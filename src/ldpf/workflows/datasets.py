"""Named datasets: the work of `ldpf datasets`."""

from __future__ import annotations

from pathlib import Path

from ldpf.data.datasets import NamedDataset, named_dataset, named_datasets
from ldpf.data.datasets.check import DatasetCheck, check_named_dataset
from ldpf.data.datasets.fetch import Fetched, fetch_named_dataset
from ldpf.data.datasets.prepare_mini import prepare_mini_domainnet
from ldpf.data.datasets.prepare_terra import prepare_terra_incognita

__all__ = [
    "check_dataset",
    "describe_dataset",
    "fetch_dataset",
    "list_datasets",
    "prepare_mini_domainnet",
    "prepare_terra_incognita",
]


def list_datasets() -> list[NamedDataset]:
    """The datasets that are recognized by name."""
    return list(named_datasets())


def describe_dataset(name: str) -> NamedDataset:
    """What is known of a named dataset: domains, classes, counts, and where to get it.

    Raises:
        SettingsError: there is none of this name.
    """
    return named_dataset(name)


def check_dataset(name: str, path: str | Path) -> DatasetCheck:
    """Compare a copy with what is published; images are counted, not opened.

    Args:
        name: of the dataset.
        path: folder of the copy.

    Raises:
        SettingsError: there is no dataset of this name.
        DataError: `path` does not exist, or is not a copy of this dataset.
    """
    return check_named_dataset(named_dataset(name), Path(path))


def fetch_dataset(name: str, to: str | Path, *, progress: bool = True) -> Fetched:
    """Fetch a named dataset from its copy on the Hugging Face hub, and count what came.

    Stopped at any moment, the same call resumes.

    Args:
        name: of the dataset.
        to: folder for DOMAIN/CLASS/IMAGE.
        progress: show a progress bar on stderr.

    Raises:
        SettingsError: there is no dataset of this name, or `to` holds other files.
        DataError: no copy is known, or it cannot be fetched or read.
    """
    return fetch_named_dataset(named_dataset(name), Path(to), progress=progress)
