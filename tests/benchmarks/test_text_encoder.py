"""The text encoder benchmark runs as a script and prints what it promises."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
SMALL = ["--width=64", "--layers=2", "--heads=4", "--vocabulary=300", "--repeats=1", "--threads=1"]


@pytest.fixture(scope="module")
def line(printed_by) -> dict:
    """A case small enough for a test, its reference run in pieces."""
    arguments = ["--json", "--case=30,2", "--budget-mib=15"]
    out, _ = printed_by("text_encoder", *SMALL, *arguments)
    (text,) = out.splitlines()
    return json.loads(text)


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch):
    """The script as a module."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import text_encoder

    return text_encoder


def test_prints_the_promised_keys(line):
    assert (line["classes"], line["prompts"]) == (30, 2)
    positive = ("reference_s", "truncated_s", "shared_s", "reference_mib", "matmul_share")
    assert all(line[key] > 0 for key in positive)
    assert {"shared_mib", "max_relative_error"} <= line.keys()


def test_shared_prefix_agrees_with_the_reference_run_in_pieces(line):
    assert line["pieces"] > 1
    assert line["reference_mib_scaled"]
    assert line["max_relative_error"] < 1e-5


def test_counts_the_tokens_each_path_computes(line):
    assert line["reference_tokens"] == 30 * 2 * 77
    assert line["shared_tokens"] < line["truncated_tokens"] < line["reference_tokens"]


def test_shared_prefix_needs_less_memory(line):
    assert line["shared_mib"] < line["reference_mib"]


def test_chunked_training_reports_the_peak_of_the_process(benchmark):
    sizes = benchmark.Sizes(width=64, heads=4, layers=2, vocabulary=300, seed=0, device="cpu")
    line = benchmark.measure_chunked(sizes, (200, 2), budget_mib=4.0)
    assert 1 < line["class_chunk"] < 100
    assert 0 < line["chunked_mib"] <= line["unchunked_mib"]
    assert line["max_relative_error"] < 1e-5


@pytest.mark.parametrize("text", ["65", "65x3", "0,3", "65,3,1", "a,b"])
def test_a_case_that_is_none_is_refused(text, benchmark):
    with pytest.raises(argparse.ArgumentTypeError) as error:
        benchmark.parse_case(text)
    assert str(error.value) == f"{text!r} is not K,S with two positive numbers"


def test_counts_the_operations_of_matrix_products_and_attention(benchmark):
    weight = torch.randn(8, 8)
    x = torch.randn(2, 5, 8, requires_grad=True)

    def step():
        h = (x @ weight).view(2, 5, 2, 4).transpose(1, 2)
        torch.nn.functional.scaled_dot_product_attention(h, h, h).sum().backward()

    linear = 2 * 2 * 5 * 8 * 8  # multiply and add, rows times in times out
    attention = 2 * 2 * 2 * 5 * 5 * (4 + 4)  # multiply and add, batch, heads, scores and values
    # Backward: one product for the linear map, whose weight is frozen, and two for each of
    # attention's.
    assert benchmark.matmul_flops(step) == 2 * linear + 3 * attention


def test_peak_memory_is_that_of_the_call(benchmark):
    def allocate():
        torch.ones(48, 2**18)  # 48 MiB

    benchmark.peak_mib(allocate, "cpu")
    assert 40 < benchmark.peak_mib(allocate, "cpu") < 60
