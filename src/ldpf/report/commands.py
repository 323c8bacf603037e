"""The commands that make results again, from what a run or a model folder stores."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ldpf.experiments.selection import DEFAULT_SELECTION
from ldpf.methods import METHODS, make_method
from ldpf.methods.overrides import full_name, with_settings
from ldpf.models.summary import temperature
from ldpf.training.recipe import RECIPES, get_recipe
from ldpf.utils.registry import part_settings


def benchmark_command(
    lines: Sequence[Mapping[str, Any]],
    configs: Sequence[Mapping[str, Any]],
    data: str | None,
    out: str,
) -> list[str]:
    """The words of an `ldpf benchmark` command.

    Args:
        lines: result lines of domains that were left out.
        configs: the config.json of a run of each method.
        data: what the person gave as --data; None for a placeholder.
        out: the folder of the results.
    """

    def all_of(key: str) -> list[Any]:
        return list(dict.fromkeys(line[key] for line in lines))

    words = ["ldpf", "benchmark", "--data", data or f"DATA ({lines[0]['dataset']})"]
    words += ["--backbone", lines[0]["backbone"], "--methods", ",".join(all_of("method"))]
    words += ["--targets", ",".join(all_of("target")), "--seeds", str(len(all_of("seed")))]
    recipes = [name for name in all_of("recipe") if name != "none"]
    words += ["--recipe", recipes[0]] if recipes else []
    rules = [r for r in all_of("selection") if r not in ("none", DEFAULT_SELECTION)]
    words += ["--selection", rules[0]] if rules else []
    settings: dict[str, str] = {}
    searches = {}
    for config in configs:
        settings.update(changed_settings(config))
        if config.get("search"):
            searches[json.dumps(config["search"])] = config["search"]
    for name, value in settings.items():
        words += ["--set", f"{name}={value}"]
    for search in searches.values():
        words += search_words(search)
    return [*words, "--out", out]


def model_commands(
    folder: Path, config: Mapping[str, Any], data: str | None, trained_on: str | None = None
) -> tuple[str, ...]:
    """The command that trains the model again, and the one that reports on it.

    Args:
        folder: of the model.
        config: its config.json.
        data: what the person gave as --data.
        trained_on: where the images of the training are; None where that is not known.
    """
    origin = config.get("provenance", {})
    settings = origin.get("method_settings", {})
    source = trained_on or f"DATA ({origin.get('dataset', 'unknown')})"
    words = ["ldpf", "train", "--data", source, "--backbone", config["backbone"]["name"]]
    words += ["--method", config["method"]]
    search = origin.get("search") or {"values": {}, "trials": None}
    if "discovery" in settings and "discovery.n_domains" not in search["values"]:
        words += ["--n-domains", str(settings["discovery"]["n_domains"])]
    tau = temperature(config)
    if "discovery" in settings and tau is not None and "tau" not in search["values"]:
        words += ["--tau", f"{tau:g}"]
    words += search_words(search)
    words += ["--selection", search["selection"]] if "selection" in search else []
    for option in ("recipe", "train_fraction", "seed"):
        if option in origin:
            words += ["--" + option.replace("_", "-"), str(origin[option])]
    again = ["ldpf", "report", str(folder), *(["--data", data] if data else [])]
    return (
        shlex.join([*words, "--out", str(folder)]),
        shlex.join([*again, "--out", "report.html"]),
    )


def changed_settings(config: Mapping[str, Any]) -> dict[str, str]:
    """What a run's method has other than usual, by dotted name, as `--set` takes it.

    A method that is not among this version's has no usual settings, and nothing is said of it.
    """
    name, found = config["method_name"], config["method"]
    recipe = (found.get("recipe") or {}).get("name")
    if name not in METHODS or (recipe is not None and recipe not in RECIPES):
        return {}
    method = make_method(name, get_recipe(recipe)) if recipe else make_method(name)
    parts, values = _split(found)
    usual_parts, _ = _split(part_settings(method))
    changed = {key: part for key, part in parts.items() if usual_parts.get(key) != part}
    # Another part has usual settings of its own.
    usual = _flat(json.loads(json.dumps(part_settings(with_settings(method, changed)))))
    settings = {full_name(method, key): value for key, value in values.items()}
    return changed | {
        key: _typed(value)
        for key, value in settings.items()
        if key in usual and usual[key] != value
    }


def _split(settings: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """Names of the parts that come from registries, and all other settings, by dotted name."""
    flat = _flat(settings)
    parts = {
        key.removesuffix(".name"): value
        for key, value in flat.items()
        if key.endswith(".name") and key != "recipe.name"
    }
    return parts, {key: v for key, v in flat.items() if key.removesuffix(".name") not in parts}


def search_words(search: Mapping[str, Any]) -> list[str]:
    """The options for a search as a run's config.json describes it."""
    words = []
    for name, values in search["values"].items():
        listed = values if isinstance(values, str) else ",".join(map(_typed, values))
        words += ["--search", f"{name}={listed}"]
    return words + (["--trials", str(search["trials"])] if search["trials"] else [])


def _typed(value: Any) -> str:
    return f"({', '.join(map(str, value))},)" if isinstance(value, list) else str(value)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat
