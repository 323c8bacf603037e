"""The benchmark for GPUs runs as a script, here on the CPU, and prints what it promises."""

from __future__ import annotations

import json

import pytest

SMALL = [
    *("--device=cpu", "--tower=tiny", "--images=6", "--steps=2", "--rows=280", "--repeats=1"),
    *("--batches", "2", "--cases", "5,2", "--paper-steps=4"),
]


@pytest.fixture(scope="module")
def lines(printed_by) -> list[dict]:
    out, _ = printed_by("gpu", *SMALL)
    return [json.loads(line) for line in out.splitlines()]


def the(lines, **values):
    (line,) = [one for one in lines if all(one.get(k) == v for k, v in values.items())]
    return line


def test_images(lines):
    forward = the(lines, what="forward", precision="float32")["images_per_s"]
    decode = the(lines, what="decode")["images_per_s"]
    both = the(lines, what="end_to_end")
    share = both["images_per_s"] / min(forward, decode)
    assert both["share_of_the_smaller"] == pytest.approx(share, rel=1e-3)


def test_texts(lines):
    line = the(lines, part="texts")
    assert (line["classes"], line["prompts"]) == (5, 2)
    assert line["faster"] == pytest.approx(line["reference_ms"] / line["shared_ms"], rel=1e-3)
    assert line["difference"] < 1e-4


def test_runs(lines):
    line = the(lines, recipe="steady")
    assert (line["runs"], line["steps_each"]) == (12, 2)
    assert line["text_passes"] >= 12 * 2 and line["seconds"] > 0
    assert the(lines, recipe="paper")["measured_steps"] == 2
