"""Work tried on a part of the images, and how it is extended to all."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ldpf.features.feature_set import FeatureSet
from ldpf.utils.span import Span
from ldpf.workflows import trials
from ldpf.workflows.trials import part_of, side_by_side, threads, tried, warmed


def features(n, n_classes=3, n_domains=2):
    labels = torch.arange(n) % n_classes
    return FeatureSet(
        torch.nn.functional.normalize(torch.randn(n, 8), dim=1),
        labels,
        (torch.arange(n) // n_classes) % n_domains,
        tuple(f"class {k}" for k in range(n_classes)),
        tuple(f"domain {d}" for d in range(n_domains)),
        tuple(map(str, range(n))),
    )


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only when they are told to."""
    now = [0.0]
    monkeypatch.setattr(trials.time, "perf_counter", lambda: now[0])
    return now


def test_seconds_are_extended_along_the_number_of_images(clock):
    def work(part, folder):
        clock[0] += 7 + 0.001 * len(part)

    cost = tried(work, features(12_000), "cpu")
    assert cost.seconds.low == pytest.approx(7 + 12)
    assert cost.seconds.high == pytest.approx(7 + 12)


def test_some_work_ends_growing_so_that_the_range_is_wide(clock):
    def work(part, folder):
        clock[0] += 0.001 * len(part)

    cost = tried(work, features(120_000), "cpu")
    assert cost.seconds.low == pytest.approx(20)
    assert cost.seconds.high == pytest.approx(120)


@pytest.mark.parametrize("times", [(5, 9), (9, 1)])
def test_noise_neither_shrinks_time_nor_lets_it_grow_faster_than_the_images(clock, times):
    left = list(times)

    def work(part, folder):
        clock[0] += left.pop(0)

    images = features(12_000)
    growing = 9 * len(images) / len(part_of(images, trials.PART))
    expected = {5: 5, 9: growing}[times[0]]
    assert tried(work, images, "cpu").seconds.high == pytest.approx(expected)


def test_what_is_done_once_is_told_apart(clock):
    loaded = []

    def work(part, folder):
        clock[0] += 0.001 * len(part) + (0 if loaded else 4)
        loaded.append(len(part))

    images = features(12_000)
    assert warmed(work, images, "cpu") == pytest.approx(4 + 0.001 * loaded[0])
    assert loaded[0] < trials.PART / 4
    assert tried(work, images, "cpu").seconds.high == pytest.approx(12)


def test_few_images_are_tried_once_and_whole(clock):
    seen = []
    tried(lambda part, folder: seen.append(part), features(100), "cpu")
    assert [len(part) for part in seen] == [100]


def test_the_folder_is_measured_and_removed(clock):
    folders = []

    def work(part, folder):
        folders.append(folder)
        (folder / "deep").mkdir()
        (folder / "deep" / "file").write_bytes(bytes(2**20))

    assert tried(work, features(10), "cpu").disk_mib == 1
    assert not folders[0].exists()


def test_a_part_has_every_class_in_every_domain_by_its_share():
    whole = features(60_000)
    rare = whole.subset([*range(0, 60_000, 6), *range(1, 30, 6), *range(2, 600, 6)])
    part = part_of(rare, 1_000)
    assert len(part) == pytest.approx(1_000, abs=20)
    assert len(set(part.paths)) == len(part)
    counts = np.bincount(part.labels.numpy())
    assert counts[1] == 5
    assert counts[2] == 10
    assert part_of(rare, 20_000) is rare


def test_side_by_side_takes_its_share_and_never_less_than_the_longest():
    assert side_by_side([], 2) == Span()
    assert side_by_side([Span(10, 20)] * 3, 1) == Span(30, 60)
    beside = side_by_side([Span(10, 10)] * 8, 4)
    assert beside.low == 20
    assert 20 < beside.high < 40
    assert side_by_side([Span(50, 50), Span(1, 1)], 4).low == 50


def test_threads_are_put_back():
    before = torch.get_num_threads()
    with threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
