"""What lines of results and settings of runs hold, for files that are read again."""

from __future__ import annotations

from ldpf.utils.constraints import Flag, Number, OrNone, Text, Whole
from ldpf.utils.schema import ListOf, Record, Rows

_SHARE = Number(at_least=0, at_most=1)
_COUNT = Whole(at_least=0)
_SECONDS = Number(at_least=0)
_TEXT = Text(empty=True)

TRIAL_LINE = Record({"score": _SHARE, "seconds": _SECONDS})
"""One training of a search."""

SITE_RECORD = Record(
    {
        "held_out": OrNone(_SHARE),
        "expected": OrNone(_SHARE),
        "range": OrNone(ListOf(_SHARE)),
        "estimate": _SHARE,
        "interval": ListOf(_SHARE),
        "estimators": Record(others=_SHARE),
        "outside": _SHARE,
    }
)
"""What a model said of a target without its labels."""

RESULT_LINE = Record(
    optional={
        "method": Text(),
        "target": _TEXT,
        "seed": Whole(),
        "accuracy": _SHARE,
        "domain_id": _COUNT,
        "oracle": Flag(),
        "n_test": _COUNT,
        "per_class_accuracy": ListOf(OrNone(_SHARE)),
        "ece": _SHARE,
        "calibrated_ece": _SHARE,
        "temperature": Number(above=0),
        "site": OrNone(SITE_RECORD),
        "confusion": Rows(_COUNT, square=True),
        "dataset": Text(),
        "protocol": Text(),
        "case": _TEXT,
        "sources": ListOf(_TEXT),
        "recipe": Text(),
        "selection": Text(),
        "train_fraction": Number(above=0, at_most=1),
        "settings": Record(),
        "chosen": Record(),
        "per_image": Flag(),
        "n_train": _COUNT,
        "n_validation": _COUNT,
        "seconds": _SECONDS,
        "search_seconds": _SECONDS,
        "text_passes": _COUNT,
        "peak_memory_mib": _SECONDS,
        "settings_hash": Text(),
        "run": Text(),
        "backbone": Text(),
        "fingerprint": Text(),
        "class_names": ListOf(Text()),
        "trials": ListOf(
            Record({"settings": Record(), "score": _SHARE}, {"seconds": _SECONDS}),
        ),
        "training": Record(),
        "versions": Record(others=Text()),
        "numerics": Text(),
        "shared_with": _COUNT,
        "lines_sha256": Text(),
    },
)
"""What a method or read-out reached on one target."""

RUN_CONFIG = Record(
    optional={
        "result_version": _COUNT,
        "dataset": Text(),
        "data_digest": Text(),
        "fingerprint": Text(),
        "method_name": Text(),
        "method": Record(),
        "protocol": Text(),
        "target": _TEXT,
        "seed": Whole(),
        "train_fraction": Number(above=0, at_most=1),
        "selection": Text(),
        "search": Record(),
        "command": Text(),
    }
)
"""The config.json of a run."""
