"""What config.json of a model folder holds, for checking; imports nothing heavy.

Fields of other names may hold anything: packages outside keep their own.
"""

from __future__ import annotations

from collections.abc import Mapping

from ldpf.models.expectation_schema import ADVICE_SCHEMA, EXPECTATION_SCHEMA
from ldpf.utils.constraints import SEED, Constraint, Either, Flag, Number, OrNone, Text, Whole
from ldpf.utils.schema import ListOf, Record, Rows

MAX_CLASSES = 1_000_000
MAX_DOMAINS = 100_000

_SHARE = Number(at_least=0, at_most=1)
_COUNT = Whole(at_least=0)
_TEXT = Text(empty=True)
_NUMBER = Number()
_NAMES = ListOf(Text())
_READ = Text(whole=True)  # by a text tower
_TAU = Number()  # the rule that has it knows its range
_DOMAINS = Whole(at_least=1, at_most=MAX_DOMAINS)

_BACKBONE = Record(
    {"name": Text(), "fingerprint": Text()},
    {
        "embed_dim": Whole(at_least=1),
        "image_size": Whole(at_least=1),
        "activation": OrNone(Text()),
    },
)

_MEASURED = Record(
    optional={"sizes": ListOf(_COUNT), "class_by_domain": Rows(_COUNT)},
    others=OrNone(_NUMBER),
)
"""What was measured of latent domains."""

_TRAINING = Record(
    optional={
        "text_passes": _COUNT,
        "steps": _COUNT,
        "best_step": _COUNT,
        "validation_accuracy": OrNone(_SHARE),
        "prompt_validation_accuracy": OrNone(_SHARE),
        "head_validation_accuracy": OrNone(_SHARE),
        "validation_accuracies": Record(others=OrNone(_SHARE)),
        "domains": OrNone(_MEASURED),
        "n_domains_table": ListOf(Record(others=OrNone(_NUMBER))),
        "class_by_domain": Rows(_COUNT),
        "prompt_similarity": Rows(Number(at_least=-2, at_most=2), square=True),
        "merged": ListOf(ListOf(_COUNT)),
        "members": _NAMES,
        "temperatures": ListOf(Number(above=0)),
        "shares": ListOf(_SHARE),
        "auto": Record(),
    }
)

_TRIAL = Record({"settings": Record(), "score": _SHARE}, {"seconds": Number(at_least=0)})

_DATA_SOURCE = Record(
    {"source": Text()},
    {
        "class_names": OrNone(Text()),
        "layout": Text(),
        "benchmark": Text(),
        "skip_bad": Flag(),
        "group_by": OrNone(Text()),
        "columns": OrNone(Either(Text(), Record(others=Text()))),
        "margin": Number(at_least=0),
    },
)

_PROVENANCE = Record(
    optional={
        "dataset": _TEXT,
        "n_images": _COUNT,
        "n_train": _COUNT,
        "n_validation": _COUNT,
        "class_counts": Record(others=_COUNT),
        "domain_names": OrNone(ListOf(_TEXT)),
        "needs_domains": Flag(),
        "seed": SEED,
        "recipe": Text(),
        "train_fraction": Number(above=0, at_most=1),
        "method_settings": Record(
            optional={
                "name": Text(),
                "discovery": OrNone(
                    Record(optional={"assignment": Record({"name": Text()}), "source": _TEXT})
                ),
                "recipe": OrNone(Record(optional={"name": Text()})),
                "fusion": OrNone(Record({"name": Text()})),
                "head": OrNone(Record({"name": Text()})),
            }
        ),
        "zero_shot_validation_accuracy": OrNone(_SHARE),
        "data_digest": OrNone(Text()),
        "command": OrNone(_TEXT),
        "settings_hash": Text(),
        "latent_domains": OrNone(_MEASURED),
        "advice": ADVICE_SCHEMA,
        "data_source": OrNone(_DATA_SOURCE),
        "groups": Record({"digest": Text(), "group_by": OrNone(Text())}),
        "search": Record(
            optional={
                "trials": OrNone(_COUNT),
                "values": Record(),
                "selection": Text(),
                "needs_domains": Flag(),
                "judged_on": _TEXT,
            }
        ),
        "chosen": Record(),
        "trials": ListOf(_TRIAL),
        "params": Record(),
        "benchmark": Record(optional={"protocol": Text(), "case": _TEXT, "data_digest": Text()}),
    }
)

_FIELDS: Mapping[str, Constraint] = {
    "library_version": Text(),
    "kind": Text(),
    "method": Text(),
    "class_names": ListOf(_READ, at_least=1),
    "n_classes": Whole(at_least=1, at_most=MAX_CLASSES),
    "backbone": _BACKBONE,
    "n_domains": _DOMAINS,
    "per_image": Flag(),
    "fusion": OrNone(Text()),
    "fusion_settings": Record(optional={"tau": _TAU}),
    "tau": OrNone(_TAU),
    "templates": ListOf(_READ),
    "encoded_class_names": ListOf(_READ),
    "temperatures": ListOf(Number(above=0, float32=True), at_least=1),
    "shares": ListOf(_SHARE, at_least=1),
    "training": _TRAINING,
    "provenance": _PROVENANCE,
    "expectation": EXPECTATION_SCHEMA,
    "tensors_sha256": Text(),
}

_MEMBER = Record(optional=_FIELDS)

CONFIG_SCHEMA = Record(optional={**_FIELDS, "members": ListOf(_MEMBER, at_least=1)})
"""The whole file, for `first_problem`."""
