"""DomainNet at its full size, from a made-up directory: nobody makes half a million files here."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter

import pytest
from fake_folders import FakeEntry, FakeScan

import ldpf.data.image_files
from ldpf.data.datasets import list_named_dataset, named_dataset
from ldpf.data.datasets.recognize import recognize_dataset
from ldpf.data.splits import make_split

NET = named_dataset("domainnet")


def class_size(domain: str, k: int) -> int:
    """How many images class k has, so that the domain has as many as published."""
    each, more = divmod(NET.domain_images[domain], len(NET.classes))
    return each + (k < more)


def file_name(k: int, i: int) -> str:
    return f"real_{k:03d}_{i:06d}.jpg"


def fake_domainnet(root, monkeypatch):
    real_scandir = os.scandir

    def scandir(path):
        parts = str(path).removeprefix(str(root)).strip("/").split("/")
        if parts == [""]:
            return FakeScan(FakeEntry(domain, True) for domain in NET.domains)
        if parts[0] not in NET.domains:
            return real_scandir(path)
        if len(parts) == 1:
            return FakeScan(FakeEntry(name, True) for name in NET.classes)
        k = NET.classes.index(parts[1])
        return FakeScan(FakeEntry(file_name(k, i), False) for i in range(class_size(parts[0], k)))

    identities = iter(range(10**6))

    class FakePath(type(root)):
        def stat(self, **_):
            return type("Status", (), {"st_dev": 0, "st_ino": next(identities)})

    monkeypatch.setattr(ldpf.data.image_files.os, "scandir", scandir)
    monkeypatch.setattr(ldpf.data.image_files, "Path", FakePath)


@pytest.mark.slow
def test_586575_images_are_listed_and_split_in_seconds_and_little_memory(tmp_path, monkeypatch):
    fake_domainnet(tmp_path, monkeypatch)
    start = time.process_time()
    found = recognize_dataset(tmp_path)
    assert found is not None and found.dataset == NET
    listing = list_named_dataset(found).listing
    split = make_split(None, listing.labels, listing.domains, seed=0)
    seconds = time.process_time() - start
    assert len(listing.paths) == 586_575
    assert len(split.train) + len(split.validation) == 586_575
    size = sum(map(sys.getsizeof, listing.paths)) + sys.getsizeof(listing.paths)
    assert size + listing.labels.nbytes + listing.domains.nbytes < 100e6
    assert seconds < 30  # of the CPU, about 4; opening files would take minutes


@pytest.mark.slow
def test_its_split_lists_are_read_in_seconds(tmp_path, monkeypatch):
    (tmp_path / "splits").mkdir()
    for domain in NET.domains:
        lines = {"train": [], "test": []}
        for k, name in enumerate(NET.classes):
            for i in range(class_size(domain, k)):
                line = f"{domain}/{name}/{file_name(k, i)} {k}\n"
                lines["test" if i % 3 == 0 else "train"].append(line)
        for kind, some in lines.items():
            (tmp_path / "splits" / f"{domain}_{kind}.txt").write_text("".join(some))
    fake_domainnet(tmp_path, monkeypatch)
    start = time.process_time()
    listed = list_named_dataset(recognize_dataset(tmp_path, "domainnet"))
    seconds = time.process_time() - start
    assert len(listed.listing.paths) == 586_575 and not listed.unlisted and not listed.missing
    counts = Counter(listed.splits.tolist())
    assert counts["train"] + counts["test"] == 586_575 and counts["test"] > 190_000
    assert seconds < 60  # of the CPU, about 6
