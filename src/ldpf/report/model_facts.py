"""What a model folder says of itself, for the head and the foot of its report."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ldpf.models.summary import fusion_words, model_words, temperature, use_of_domains
from ldpf.report.commands import search_words
from ldpf.report.findings import Training
from ldpf.utils.text import some


def trainings(config: Mapping[str, Any]) -> tuple[Training, ...]:
    """The latent domains, as discovery measured them; none for a model with one prompt."""
    training = config.get("training", {})
    # What the log of the discovery says, and over it what was measured of the domains kept.
    measured = {
        **(training.get("domains") or {}),
        **(config.get("provenance", {}).get("latent_domains") or {}),
    }
    if not measured:
        return ()
    return (Training("in the model", (), measured, training.get("prompt_similarity") or []),)


def facts(config: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """(name, value) for the head of a report."""
    origin, training = config.get("provenance", {}), config.get("training", {})
    names, built_on = config["class_names"], config["backbone"]
    rows = [("Data", str(origin.get("dataset", "unknown")))]
    rows.append(("Classes", f"{len(names):,}: {some(names, 30)}"))
    known = origin.get("domain_names")
    use = use_of_domains(origin)
    rows.append(("Known domains", f"{some(known, 8)} ({use})" if known else "none"))
    short = built_on["fingerprint"][:16]
    rows.append(("Backbone, frozen", f"{built_on['name']} (fingerprint {short})"))
    rows.append(("Method", config["method"]))
    if config["n_domains"] > 1:
        rule = f"{config['n_domains']}, fused by {fusion_words(config)}"
        rows.append(("Latent domains", rule))
    if "recipe" in origin:
        rows.append(("Recipe", f"{origin['recipe']}, seed {origin.get('seed')}"))
    if chosen := model_words(origin):
        rows.append(("Settings", chosen))
    if "validation_accuracy" in training:
        beside = origin.get("zero_shot_validation_accuracy")
        zero = "" if beside is None else f"; zero-shot on the same images: {beside:.1%}"
        rows.append(("Accuracy on held-out images", f"{training['validation_accuracy']:.1%}{zero}"))
    return tuple(rows)


def trained_on(origin: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    """The row of how many images were learnt from, held out and left aside."""
    if not origin.get("n_images"):
        return ()
    held_out, learnt = origin.get("n_validation", 0), origin.get("n_train", 0)
    left = origin["n_images"] - held_out - learnt
    return (("the model", str(origin.get("dataset")), f"{learnt:,}", f"{held_out:,}", f"{left:,}"),)


def commands(
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
    if (
        "discovery" in settings
        and temperature(config) is not None
        and "tau" not in search["values"]
    ):
        words += ["--tau", f"{temperature(config):g}"]
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
