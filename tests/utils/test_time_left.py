from __future__ import annotations

import pytest

from ldpf.utils.time_left import TimeLeft, duration


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_nothing_is_said_before_it_means_something(clock: list[float]) -> None:
    left = TimeLeft(2376)
    clock[0] = 120.0  # loading; then a batch of 64
    left.advance(64)
    assert (left.rate, left.seconds, left.words()) == (None, None, "")
    clock[0] = 124.9
    left.advance(64)
    assert left.words() == ""


def test_what_starting_takes_is_left_out(clock: list[float]) -> None:
    left = TimeLeft(2376)
    clock[0] = 120.0
    left.advance(64)
    clock[0] = 130.0
    left.advance(128)
    assert left.rate == pytest.approx(12.8)
    assert left.words() == "3 min left"  # (2376 - 192) / 12.8 s; with the start 24 min


def test_the_last_minute_counts(clock: list[float]) -> None:
    left = TimeLeft(100_000)
    for second in range(100):
        clock[0] = float(second)
        left.advance(1000 if second < 30 else 10)
    assert left.rate == pytest.approx(10.0)


def test_durations_are_in_the_unit_that_fits() -> None:
    said = [duration(seconds) for seconds in (0, 89, 180, 89 * 60, 2 * 3600 + 5 * 60)]
    assert said == ["0 s", "89 s", "3 min", "89 min", "2 h 05 min"]
