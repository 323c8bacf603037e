"""Comparing a folder with what is published of a benchmark."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ldpf.data.datasets.base import Benchmark
from ldpf.data.datasets.listing import BenchmarkListing, list_benchmark
from ldpf.data.datasets.recognize import LIST_FOLDERS, Found, folder_names, recognise
from ldpf.errors import DataError
from ldpf.utils.files import missing_path_error


@dataclass(frozen=True)
class DomainCheck:
    """One domain.

    Attributes:
        name: The official name.
        images: How many there are.
        published: How many there should be; None where no number is known.
        absent_classes: Official classes without an image here.
        class_differences: Classes whose number differs, to (there, published), where known.
    """

    name: str
    images: int
    published: int | None
    absent_classes: tuple[str, ...] = ()
    class_differences: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class BenchmarkCheck:
    """What `check_benchmark` found.

    Attributes:
        benchmark: Its name.
        root: The folder.
        images, published: In all.
        domains: In the order of the official names.
        unknown_folders: Folders that are neither a domain nor a class of it.
        missing_files: How many files published lists name that are not there.
        unlisted: Images there that the lists do not name; they are not counted.
        differences: What differs, in sentences; empty where all is as published.
    """

    benchmark: str
    root: str
    images: int
    published: int | None
    domains: tuple[DomainCheck, ...]
    unknown_folders: tuple[str, ...]
    missing_files: int
    unlisted: int
    differences: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values, for `--json`."""
        return {**asdict(self), "as_published": not self.differences}


def check_benchmark(benchmark: Benchmark, root: Path) -> BenchmarkCheck:
    """Count a benchmark's images per domain and class and compare; no image is opened.

    Raises:
        DataError: The folder does not exist, cannot be read, or does not hold the benchmark at all.
    """
    root = root.expanduser().absolute()
    if not root.is_dir():
        raise (
            DataError(f"{root} is a file; unpack it and give the folder")
            if root.exists()
            else missing_path_error(root)
        )
    found = recognise(root, benchmark.name)
    assert found is not None  # a name is found, or an error
    unknown: list[str] = []
    listed = list_benchmark(found, unknown=unknown)
    if found.list_folder is None:
        known = {*found.domains, *LIST_FOLDERS, *benchmark.ignored}
        tops = folder_names(root / found.images)
        unknown = [name for name in tops if name not in known] + unknown
    domains = tuple(_check_domain(found, listed, name) for name in benchmark.domains)
    check = BenchmarkCheck(
        benchmark=benchmark.name,
        root=str(root),
        images=len(listed.listing.paths),
        published=benchmark.images,
        domains=domains,
        unknown_folders=tuple(unknown),
        missing_files=len(listed.missing),
        unlisted=listed.unlisted,
        differences=(),
    )
    return BenchmarkCheck(**{**vars(check), "differences": tuple(_differences(benchmark, check))})


def _check_domain(found: Found, listed: BenchmarkListing, name: str) -> DomainCheck:
    one, listing = found.benchmark, listed.listing
    assert listing.domains is not None  # a benchmark's are known
    counts = dict.fromkeys(one.classes, 0)
    if name in listing.domain_names:
        labels = listing.labels[listing.domains == listing.domain_names.index(name)]
        numbers = np.bincount(labels, minlength=len(listing.classes))
        counts |= dict(zip(listing.classes, map(int, numbers), strict=True))
    published = dict(zip(one.classes, one.class_images.get(name, ()), strict=False))
    return DomainCheck(
        name=name,
        images=sum(counts.values()),
        published=one.domain_images.get(name),
        absent_classes=tuple(folder for folder, n in counts.items() if not n),
        class_differences={
            folder: (counts[folder], n) for folder, n in published.items() if counts[folder] != n
        },
    )


def _differences(benchmark: Benchmark, check: BenchmarkCheck) -> list[str]:
    sentences = []
    for domain in check.domains:
        if not domain.images:
            sentences.append(f"the domain {domain.name} is missing")
            continue
        if domain.published is not None and domain.images != domain.published:
            sentences.append(
                f"{domain.name}: {_off(domain.images, domain.published)}{_by_class(domain)}"
            )
        elif domain.class_differences:
            sentences.append(f"{domain.name}: other classes than published{_by_class(domain)}")
        if domain.absent_classes and benchmark.every_class_everywhere:
            sentences.append(f"{domain.name}: no image of {_short(domain.absent_classes)}")
    nowhere = [c for c in benchmark.classes if all(c in d.absent_classes for d in check.domains)]
    if nowhere and not benchmark.every_class_everywhere:
        sentences.append(f"no image anywhere of {_short(nowhere)}")
    per_domain_known = all(domain.published is not None for domain in check.domains)
    if not per_domain_known and check.published is not None and check.images != check.published:
        sentences.append(f"all domains: {_off(check.images, check.published)}")
    if check.unknown_folders:
        sentences.append(f"folders that do not belong to it: {_short(check.unknown_folders)}")
    if check.missing_files:
        sentences.append(f"{check.missing_files:,} files that the split lists name are missing")
    return sentences


def _off(images: int, published: int) -> str:
    by = images - published
    return f"{abs(by):,} {'too many' if by > 0 else 'missing'} ({images:,} of {published:,})"


def _by_class(domain: DomainCheck) -> str:
    if not domain.class_differences:
        return ""
    parts = [f"{name} {there - n:+,}" for name, (there, n) in domain.class_differences.items()]
    return f"; {_short(parts)}"


def _short(names: list[str] | tuple[str, ...], limit: int = 8) -> str:
    more = f" and {len(names) - limit:,} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
