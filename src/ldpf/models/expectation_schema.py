"""What config.json holds of what to expect of a model, for checking; imports nothing heavy."""

from __future__ import annotations

from ldpf.utils.constraints import Number, OrNone, Text, Whole
from ldpf.utils.schema import ListOf, Record

_SHARE = Number(at_least=0, at_most=1)
_IMAGES = Whole(at_least=1)

EXPECTATION_SCHEMA = OrNone(
    Record(
        {
            "temperature": Number(above=0, float32=True),
            "held_out": OrNone(Record({"n_right": Whole(at_least=0), "n": _IMAGES})),
            "left_out": ListOf(
                Record({"domain": Whole(at_least=0), "accuracy": _SHARE, "n": _IMAGES})
            ),
            "score": Text(),
            "calibrated_on": Whole(at_least=0, at_most=100_000),
            "estimators": Record(
                {
                    # What an estimator has learned: numbers, or nothing yet.
                    "learned": Record(others=Record(others=OrNone(Number()))),
                    "errors": ListOf(Number(at_least=-1, at_most=1)),
                }
            ),
            "seconds": Number(at_least=0),
        }
    )
)
"""Of `ldpf.expectation.Expectation.to_json`."""

_COMPARED = Record(
    {
        "name": Text(),
        "by_domain": Record(others=_SHARE),
        "held_out": OrNone(_SHARE),
        "seconds": Number(at_least=0),
    }
)

ADVICE_SCHEMA = OrNone(
    Record({"own": _COMPARED, "others": ListOf(_COMPARED)}, {"take": Text(), "sentence": Text()})
)
"""Of `ldpf.expectation.advice.Advice.to_json`."""
