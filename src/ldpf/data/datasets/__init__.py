"""The field's named benchmarks: recognised, listed with official names, checked, prepared."""

from ldpf.data.datasets.base import Benchmark
from ldpf.data.datasets.listing import BenchmarkListing, list_benchmark
from ldpf.data.datasets.recognize import Found, recognise
from ldpf.data.datasets.registry import BENCHMARKS, get_benchmark

__all__ = [
    "BENCHMARKS",
    "Benchmark",
    "BenchmarkListing",
    "Found",
    "get_benchmark",
    "list_benchmark",
    "recognise",
]
