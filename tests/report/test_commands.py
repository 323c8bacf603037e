from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from ldpf.models.summary import ModelSummary
from ldpf.report.commands import NOT_STORED, benchmark_commands, model_commands

AGAIN = "ldpf report out --data 'my data' --out report.html"
MODEL = ModelSummary.read(
    {
        "method": "ldpf",
        "class_names": ["cat", "dog"],
        "backbone": {"name": "nano", "fingerprint": "0"},
        "provenance": {"dataset": "photos", "recipe": "paper", "seed": 3},
    }
)


def line(method, target, seed, **changes):
    return {
        "dataset": "photos",
        "backbone": "nano",
        "method": method,
        "target": target,
        "seed": seed,
        "recipe": "none" if method == "zero-shot" else "fast",
        "selection": "none" if method == "zero-shot" else "leave-one-domain-out",
        **changes,
    }


LINES = [line(m, t, s) for t in "ab" for s in range(2) for m in ("zero-shot", "coop")]


def of_benchmark(configs, data="my data"):
    return benchmark_commands(LINES, configs, Path("out"), Path("out"), data)


def test_the_stored_commands_are_told_once_each():
    configs = [{"command": "ldpf benchmark x"}, {"command": "ldpf benchmark x --seeds 2"}]
    assert of_benchmark([*configs, *configs, {}]) == (
        "ldpf benchmark x",
        "ldpf benchmark x --seeds 2",
        AGAIN,
    )


def test_without_a_stored_command_one_is_put_together_and_said_so():
    note, command, again = of_benchmark([{}])
    assert note == NOT_STORED
    assert note.startswith("#")
    assert again == AGAIN
    assert shlex.split(command) == [
        "ldpf", "benchmark", "--data", "my data", "--backbone", "nano",
        "--methods", "zero-shot,coop", "--targets", "a,b", "--seeds", "2",
        "--recipe", "fast", "--selection", "leave-one-domain-out", "--out", "out",
    ]  # fmt: skip


def test_without_data_its_name_stands_for_it():
    assert "PATH-TO-photos" in shlex.split(of_benchmark([{}], None)[1])
    assert "--data" not in of_benchmark([{}], None)[-1]


@pytest.mark.parametrize(
    ("name", "word"), [("my photos (2)", "PATH-TO-my-photos-2"), (None, "PATH-TO-IMAGES")]
)
def test_what_stands_for_the_images_needs_no_quotes(name, word):
    model = replace(MODEL, dataset=name)
    assert f" --data {word} --" in model_commands(Path("out"), model, None)[1]


def test_the_demo_set_is_named_as_it_is_typed():
    assert " --data demo --" in model_commands(Path("out"), replace(MODEL, dataset="demo"), None)[1]


def test_a_model_stores_its_command():
    model = replace(MODEL, command="ldpf train photos --set tau=0.5")
    assert model_commands(Path("out"), model, "my data") == (model.command, AGAIN)


@pytest.mark.parametrize(("trained_on", "source"), [(None, "PATH-TO-photos"), ("x y", "x y")])
def test_a_model_without_a_command_tells_what_is_known(trained_on, source):
    note, command, again = model_commands(Path("out"), MODEL, "my data", trained_on)
    assert (note, again) == (NOT_STORED, AGAIN)
    assert shlex.split(command) == [
        "ldpf", "train", "--data", source, "--backbone", "nano", "--method", "ldpf",
        "--recipe", "paper", "--seed", "3", "--out", "out",
    ]  # fmt: skip
