"""A config.json that was changed is refused with the field; no command ends in a traceback."""

from __future__ import annotations

import copy
import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ldpf.errors import LdpfError, ModelError
from ldpf.expectation import with_expectation
from ldpf.methods import GDA
from ldpf.models.card import model_card
from ldpf.models.config_schema import CONFIG_SCHEMA
from ldpf.models.folder import read_config
from ldpf.models.saving import load_model, save_model
from ldpf.models.summary import ModelSummary
from ldpf.utils.schema import first_problem
from ldpf.workflows.diagnosing import source_record
from ldpf.workflows.source import DataSource

COMPARED = {"name": "gda", "by_domain": {"0": 0.5}, "held_out": None, "seconds": 1.0}

VALUES = [
    "x",
    "",
    None,
    -1,
    10**400,
    float("nan"),
    [],
    {},
    True,
    7.5,
    [1, "a"],
    {"a": [1]},
    "\ud800",
]


@pytest.fixture(scope="module")
def folder(make_features, tiny_clip, tmp_path_factory) -> Path:
    """A model with a provenance as `ldpf train` keeps it."""
    data = make_features(10, seed=0)
    classifier = GDA().fit(data, data, tiny_clip, seed=0)
    provenance = {
        "dataset": "photos",
        "n_images": 30,
        "class_counts": {"cat": 30},
        "domain_names": ["art"],
        "seed": 0,
        "recipe": "none",
        "zero_shot_validation_accuracy": 0.5,
        "latent_domains": {"sizes": [10, 20], "class_nmi": 0.1},
        "trials": [{"settings": {"tau": 0.1}, "score": 0.5, "seconds": 1.0}],
        "chosen": {"tau": 0.1},
        "search": {"selection": "x", "judged_on": "held-out images"},
        "advice": {"own": COMPARED, "others": [COMPARED]},
        "data_source": {"source": "photos", "class_names": None},
    }
    classifier = with_expectation(GDA(), classifier, data, data, tiny_clip, seed=0)
    return save_model(
        classifier, tiny_clip, tmp_path_factory.mktemp("model") / "m", provenance=provenance
    )


def places(node: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON document."""
    if at:
        yield at
    if isinstance(node, dict):
        for key, value in node.items():
            yield from places(value, (*at, key))
    elif isinstance(node, list):
        for i, value in enumerate(node[:2]):
            yield from places(value, (*at, i))


def changed(document: Any, at: tuple[Any, ...], value: Any) -> Any:
    """A copy with another value at a place."""
    document = copy.deepcopy(document)
    node = document
    for key in at[:-1]:
        node = node[key]
    node[at[-1]] = value
    return document


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [
        (("class_names",), "cat", "class_names is 'cat', and should be a list with 1 entries"),
        (("class_names", 1), 7, r"class_names\[1\] is 7, and should be a text"),
        (("class_names", 1), "\ud800", r"class_names\[1\] is '\\ud800', and should be a text"),
        (("templates",), ["\udfff {}"], r"templates\[0\] is '\\udfff {}', and should be a text"),
        (("n_domains",), 0, "n_domains is 0, and should be a whole number from 1"),
        (("backbone", "name"), None, "backbone.name is None"),
        (("provenance", "zero_shot_validation_accuracy"), 7, "accuracy is 7, and should be"),
        (("provenance", "latent_domains", "sizes"), [1, -1], r"latent_domains.sizes\[1\] is -1"),
        (("expectation", "held_out", "n_right"), 1.5, "held_out.n_right is 1.5, and should be"),
        (
            ("expectation", "estimators", "learned", "atc"),
            {"threshold": {}},
            "threshold is {}, and",
        ),
        (("provenance", "advice", "own"), {"name": "x"}, "advice.own lacks by_domain, held_out"),
        (("provenance", "data_source"), {"layout": "auto"}, "data_source lacks source"),
        (("provenance", "data_source", "columns"), 7, "data_source.columns is 7, and should be"),
        (("training", "prompt_similarity"), [[], []], r"similarity\[0\] has 0 entries, and should"),
        (("training", "class_by_domain"), [[1, 2], [1]], r"domain\[1\] has 1 entries, and should"),
        (("provenance", "groups"), [], r"provenance.groups is \[\], and should be an object"),
        (("training",), None, "training is None, and should be an object"),
        (("provenance",), None, "provenance is None, and should be an object"),
        (("training",), [1], r"training is \[1\], and should be an object"),
        (("method",), ["x" * 10_000], r"method is \['x{20,60} \.\.\. x{10,40}'\], and should"),
    ],
)
def test_a_wrong_value_is_refused_with_its_field(at, value, words, folder, tmp_path):
    config = json.loads((folder / "config.json").read_text())
    copied = shutil.copytree(folder, tmp_path / "m")
    (copied / "config.json").write_text(json.dumps(changed(config, at, value)))
    with pytest.raises(ModelError, match=words):
        read_config(copied)


def test_all_that_is_recorded_of_a_data_source_is_checked():
    recorded = source_record(DataSource("photos"))
    for name in recorded:
        if name != "source":  # any text is a path
            assert first_problem(
                "", {"provenance": {"data_source": {**recorded, name: [None]}}}, CONFIG_SCHEMA
            ), name


@pytest.mark.parametrize("seed", range(4))
def test_no_change_of_a_value_ends_in_a_traceback(seed, folder, tiny_clip, tmp_path):
    config = json.loads((folder / "config.json").read_text())
    copied = shutil.copytree(folder, tmp_path / "m")
    cases = [(at, value) for at in places(config) for value in VALUES]
    tried = 0
    for at, value in random.Random(seed).sample(cases, 60):
        (copied / "config.json").write_text(json.dumps(changed(config, at, value)))
        for use in (
            lambda: load_model(copied, tiny_clip),
            lambda: str(model_card(read_config(copied), None)),
            lambda: ModelSummary.read(read_config(copied)),
        ):
            tried += 1
            try:
                use()
            except LdpfError as error:
                assert len(str(error)) < 1000, (at, value)
    assert tried == 180
