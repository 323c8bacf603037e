"""Engines: where the runs of a benchmark are done, one file each."""

from ldpf.experiments.engines.base import DEFAULT_ENGINE, ENGINES, Engine

__all__ = ["DEFAULT_ENGINE", "ENGINES", "Engine"]
