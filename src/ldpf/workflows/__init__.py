"""The work behind each command as a typed Python function that returns its result.

| command | function |
|---|---|
| `ldpf train` | `train` |
| `ldpf evaluate` | `evaluate` |
| `ldpf predict` | `predict` |
| `ldpf expect` | `expect` |
| `ldpf domains` | `discover` |
| `ldpf features` | `encode` |
| `ldpf data check` | `check_data` |
| `ldpf info` | `describe_model` |
| `ldpf classes` | `change_classes` |
| `ldpf backbone convert` | `convert_backbone` |
| `ldpf diagnose` | `diagnose` |
| `ldpf benchmark` | `benchmark` |
| `ldpf table` | `tabulate` |
| `ldpf study` | `study` |
| `ldpf report` | `report` |
| `ldpf export` | `export` |
| `ldpf app` | `serve` |
| `--estimate` | `estimate_benchmark`, `estimate_encoding`, ... for the commands that have it |
| `ldpf datasets list`, `info`, `check` | `list_datasets`, `describe_dataset`, `check_dataset` |
| `ldpf datasets fetch` | `fetch_dataset` |
| `ldpf datasets prepare` | `prepare_mini_domainnet`, `prepare_terra_incognita` |

Nothing is printed: messages go to the log "ldpf", and progress to stderr if that log shows INFO.
Files are nouns and functions verbs, so that no file hides a function of its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ldpf.utils.lazy import lazy_names

if TYPE_CHECKING:
    from ldpf.workflows.backbone_conversion import convert_backbone
    from ldpf.workflows.benchmarking import benchmark
    from ldpf.workflows.class_changes import change_classes
    from ldpf.workflows.data_checking import check_data
    from ldpf.workflows.datasets import (
        check_dataset,
        describe_dataset,
        fetch_dataset,
        list_datasets,
        prepare_mini_domainnet,
        prepare_terra_incognita,
    )
    from ldpf.workflows.diagnosing import diagnose
    from ldpf.workflows.discovery import discover
    from ldpf.workflows.encoding import encode
    from ldpf.workflows.estimated_prediction import estimate_prediction
    from ldpf.workflows.estimating import (
        estimate_benchmark,
        estimate_encoding,
        estimate_training,
    )
    from ldpf.workflows.evaluation import evaluate
    from ldpf.workflows.expecting import expect
    from ldpf.workflows.exporting import export
    from ldpf.workflows.inspecting import describe_model
    from ldpf.workflows.prediction import predict
    from ldpf.workflows.reporting import report
    from ldpf.workflows.serving import serve
    from ldpf.workflows.source import DataSource
    from ldpf.workflows.studying import study
    from ldpf.workflows.tabulating import table_text, tabulate
    from ldpf.workflows.training import train

_HOMES = {
    "DataSource": ".source",
    "benchmark": ".benchmarking",
    "change_classes": ".class_changes",
    "check_data": ".data_checking",
    "check_dataset": ".datasets",
    "convert_backbone": ".backbone_conversion",
    "describe_dataset": ".datasets",
    "fetch_dataset": ".datasets",
    "describe_model": ".inspecting",
    "diagnose": ".diagnosing",
    "discover": ".discovery",
    "encode": ".encoding",
    "estimate_benchmark": ".estimating",
    "estimate_encoding": ".estimating",
    "estimate_prediction": ".estimated_prediction",
    "estimate_training": ".estimating",
    "evaluate": ".evaluation",
    "expect": ".expecting",
    "export": ".exporting",
    "list_datasets": ".datasets",
    "predict": ".prediction",
    "prepare_mini_domainnet": ".datasets",
    "prepare_terra_incognita": ".datasets",
    "report": ".reporting",
    "serve": ".serving",
    "study": ".studying",
    "table_text": ".tabulating",
    "tabulate": ".tabulating",
    "train": ".training",
}

__all__ = [
    "DataSource",
    "benchmark",
    "change_classes",
    "check_data",
    "check_dataset",
    "convert_backbone",
    "describe_dataset",
    "describe_model",
    "diagnose",
    "discover",
    "encode",
    "estimate_benchmark",
    "estimate_encoding",
    "estimate_prediction",
    "estimate_training",
    "evaluate",
    "expect",
    "export",
    "fetch_dataset",
    "list_datasets",
    "predict",
    "prepare_mini_domainnet",
    "prepare_terra_incognita",
    "report",
    "serve",
    "study",
    "table_text",
    "tabulate",
    "train",
]

__getattr__ = lazy_names(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
