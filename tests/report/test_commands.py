from __future__ import annotations

import json

import pytest

from ldpf.experiments.search import parse_search
from ldpf.methods import make_method
from ldpf.methods.overrides import parse_settings
from ldpf.report.commands import benchmark_command, changed_settings, search_words
from ldpf.training.recipe import get_recipe
from ldpf.utils.registry import part_settings


def config(name, recipe="fast", **settings):
    method = make_method(name, get_recipe(recipe), settings=settings)
    return json.loads(json.dumps({"method_name": name, "method": part_settings(method)}))


def line(method, target, seed, **changes):
    return {
        "dataset": "photos",
        "backbone": "nano",
        "method": method,
        "target": target,
        "seed": seed,
        "recipe": "none" if method == "zero-shot" else "fast",
        "selection": "none" if method == "zero-shot" else "training-domain-validation",
        **changes,
    }


def test_methods_targets_and_seeds_are_named_once():
    lines = [line(m, t, s) for t in "ab" for s in range(2) for m in ("zero-shot", "coop")]
    assert benchmark_command(lines, [config("zero-shot"), config("coop")], "my data", "out") == [
        "ldpf", "benchmark", "--data", "my data", "--backbone", "nano",
        "--methods", "zero-shot,coop", "--targets", "a,b", "--seeds", "2",
        "--recipe", "fast", "--out", "out",
    ]  # fmt: skip


def test_another_selection_rule_and_a_search_are_repeated():
    lines = [line("coop", "a", 0, selection="leave-one-domain-out")]
    space = parse_search(["length=1,2"])
    words = benchmark_command(lines, [{**config("coop"), "search": space.described()}], None, "out")
    assert words[3] == "DATA (photos)"
    assert words[-6:] == [
        "--selection", "leave-one-domain-out", "--search", "length=1,2", "--out", "out"
    ]  # fmt: skip


@pytest.mark.parametrize("recipe", ["fast", "paper"])
def test_usual_settings_are_not_repeated(recipe):
    assert changed_settings(config("ldpf", recipe)) == {}


def test_changed_settings_are_those_that_were_set():
    given = {
        "fusion.tau": 0.5,
        "discovery.n_domains": 2,
        "recipe.learning_rate": 0.123,
        "discovery.clusterer": "spherical-kmeans",
        "discovery.clusterer.restarts": 3,
    }
    words = [f"{name}={value}" for name, value in changed_settings(config("ldpf", **given)).items()]
    assert parse_settings(words) == given


def test_a_tuple_can_be_read_back():
    words = [
        f"{n}={v}" for n, v in changed_settings(config("linear-probe", strengths=(0.1,))).items()
    ]
    assert parse_settings(words) == {"strengths": (0.1,)}


def test_nothing_is_said_of_a_method_that_is_not_known():
    assert changed_settings({**config("coop"), "method_name": "gone"}) == {}


def test_the_options_of_a_search_can_be_read_back():
    texts = ["tau=0.05,0.1", "recipe.learning_rate=log:0.0001..0.01"]
    space = parse_search(texts, 5)
    words = search_words(space.described())
    assert words == ["--search", texts[0], "--search", texts[1], "--trials", "5"]
    assert parse_search([words[1], words[3]], 5) == space
