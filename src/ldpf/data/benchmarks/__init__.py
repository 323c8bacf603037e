"""The field's named benchmarks: recognised, listed with official names, checked, prepared."""

from ldpf.data.benchmarks.listing import BenchmarkListing, list_benchmark
from ldpf.data.benchmarks.recognise import Found, recognise
from ldpf.data.benchmarks.registry import BENCHMARKS, get_benchmark
from ldpf.data.benchmarks.spec import Benchmark

__all__ = [
    "BENCHMARKS",
    "Benchmark",
    "BenchmarkListing",
    "Found",
    "get_benchmark",
    "list_benchmark",
    "recognise",
]
