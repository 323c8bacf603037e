"""What a person waits for begins with the start of the process."""

from __future__ import annotations

import time

import psutil
import pytest

from ldpf.cli import estimated, streams
from ldpf.utils.span import Span
from ldpf.workflows.estimates import ABOVE, BELOW, Estimate


def estimate(*_, **__):
    return Estimate("train", Span(10, 20), Span(1, 1), Span(1, 1))


@pytest.fixture
def started(monkeypatch):
    """A process that has run for 100 seconds, for one command."""
    monkeypatch.setattr(streams, "one_command", True)
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: time.time() - 100)


@pytest.fixture
def said(monkeypatch):
    printed = []
    monkeypatch.setattr(estimated, "say_json", printed.append)
    return printed


def test_the_start_of_a_command_counts(started, said):
    estimated.print_estimate(estimate, as_json=True)
    (low, high) = said[0]["seconds"]
    assert low == pytest.approx(10 + 100 * BELOW, abs=1)
    assert high == pytest.approx(20 + 100 * ABOVE, abs=1)


def test_the_age_of_a_process_of_other_things_does_not(said, monkeypatch):
    monkeypatch.setattr(streams, "one_command", False)
    estimated.print_estimate(estimate, as_json=True)
    assert said[0]["seconds"] == [10, 20]


def test_what_was_asked_for_reaches_the_estimate(said):
    def of(*given, **options):
        assert (given, options) == (("photos",), {"seed": 1})
        return estimate()

    estimated.print_estimate(of, "photos", as_json=True, seed=1)
    assert said[0]["estimate"] == "train"
