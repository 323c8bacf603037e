"""The card of a model: what it learnt from, what it knows, how good it is, and where it stops."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ldpf.domains.diagnosis import discovery_words
from ldpf.models.summary import fusion_words, model_words, use_of_domains
from ldpf.utils.text import some

CLASSES_SHOWN = 50

BUNDLED_LICENCES = {"nano": "Apache-2.0"}
"""Licences of the backbones that come with the package."""

_LIMITS = (
    "It answers with one of its classes for every image, also for one that shows none of them.",
    "It was chosen by accuracy on held-out images of the same sources as those it learnt from. On "
    "images of another source accuracy is usually lower; measure it there before relying on it.",
    "Latent domains were found by similarity. They carry no names, and need not be what a person "
    "would call a domain.",
    "What the backbone learnt, with its gaps and prejudices, is in every answer.",
)


def model_card(config: Mapping[str, Any], licence: str | None = None) -> str:
    """The text of README.md for a model folder, in Markdown with the hub's metadata before it.

    Every number is one that was measured in training; what is not known is left out.

    Args:
        config: config.json of the model folder.
        licence: of the backbone, where it is known.
    """
    backbone = public_name(config["backbone"]["name"])
    return "\n".join(
        [
            *_metadata(config, backbone),
            f"# {_title(config)}",
            "",
            f"An image classifier made with `ldpf` {config.get('library_version', '')}: learnt "
            f"prompts for the frozen image-text model `{backbone}`, which is not in this "
            "repository and is loaded beside it.",
            "",
            *_usage(),
            "## Classes",
            "",
            *_classes(config),
            "",
            "## Data",
            "",
            *_data(config),
            "",
            "## Numbers",
            "",
            *_numbers(config),
            "",
            "## Limits",
            "",
            *(f"- {sentence}" for sentence in _LIMITS),
            "",
            "## Licence of the backbone",
            "",
            _licence(backbone, licence),
            "",
        ]
    )


def public_name(backbone: str) -> str:
    """A backbone's name without the folders of the machine that it lies on."""
    return Path(backbone).name if Path(backbone).is_absolute() or backbone[:1] in ".~" else backbone


def licence_in(folder: Path) -> str | None:
    """The licence that a backbone folder's README.md names in its metadata; None if it does not."""
    try:
        lines = (folder / "README.md").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    if not lines or lines[0].strip() != "---":
        return None
    for line in lines[1:]:
        if line.strip() == "---":
            return None
        key, _, value = line.partition(":")
        if key.strip() == "license" and value.strip():
            return value.strip().strip("\"'")
    return None


def _metadata(config: Mapping[str, Any], backbone: str) -> list[str]:
    tags = ["domain-generalization", "prompt-learning", str(config["method"]), "model_hub_mixin"]
    base = [f"base_model: {backbone}"] if "/" in backbone else []
    return [
        "---",
        "library_name: ldpf",
        "pipeline_tag: image-classification",
        *base,
        "tags:",
        *(f"- {tag}" for tag in tags),
        "---",
        "",
    ]


def _title(config: Mapping[str, Any]) -> str:
    domains = config["n_domains"]
    which = "one prompt" if domains == 1 else f"{domains} latent domains"
    return f"{config['n_classes']} classes, {which} ({config['method']})"


def _usage() -> list[str]:
    return [
        "```text",
        "from ldpf import LDPFClassifier",
        "",
        'model = LDPFClassifier.from_pretrained("OWNER/NAME")  # or the folder with these files',
        "model.predict(paths_or_images)",
        "```",
        "",
    ]


def _classes(config: Mapping[str, Any]) -> list[str]:
    names = config["class_names"]
    return [some(names, CLASSES_SHOWN) + "."]


def _data(config: Mapping[str, Any]) -> list[str]:
    origin = config.get("provenance") or {}
    if not origin.get("n_images"):
        return ["Nothing is recorded of the images it learnt from."]
    name = f"{origin['dataset']}: " if origin.get("dataset") else ""
    known = origin.get("domain_names")
    domains = (
        f"Known domains, {use_of_domains(origin)}: {', '.join(known)}."
        if known
        else "Their domains were unknown."
    )
    lines = [
        f"{name}{origin['n_images']:,} images, {origin.get('n_train', 0):,} to learn from and "
        f"{origin.get('n_validation', 0):,} held out. {domains}"
    ]
    counts = origin.get("class_counts") or {}
    if 0 < len(counts) <= CLASSES_SHOWN:
        lines += ["", "| class | images |", "|---|---:|"]
        lines += [f"| {name} | {count:,} |" for name, count in counts.items()]
    return lines


def _numbers(config: Mapping[str, Any]) -> list[str]:
    training, origin = config.get("training") or {}, config.get("provenance") or {}
    rows = []
    where = "held-out" if origin.get("n_validation", 1) else "training"
    if training.get("validation_accuracy") is not None:
        rows.append((f"accuracy on {where} images", f"{training['validation_accuracy']:.1%}"))
    if origin.get("zero_shot_validation_accuracy") is not None:
        zero_shot = f"{origin['zero_shot_validation_accuracy']:.1%}"
        rows.append(("the backbone without training, on the same images", zero_shot))
    rows.append(("latent domains", str(config["n_domains"])))
    if config["n_domains"] > 1:
        rows.append(("fusion", fusion_words(config)))
    measured = origin.get("latent_domains") or training.get("domains") or {}
    sentences = discovery_words(measured) if config["n_domains"] > 1 else []
    if chosen := model_words(origin):
        sentences = [chosen, *sentences]
    return [
        "| what | value |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in rows),
        *([""] if sentences else []),
        *(f"- {sentence}" for sentence in sentences),
    ]


def _licence(backbone: str, licence: str | None) -> str:
    licence = licence or BUNDLED_LICENCES.get(backbone)
    if licence is None:
        return (
            f"`{backbone}` has a licence of its own, which is not recorded here: look it up where "
            "it comes from before using or passing on this model."
        )
    return f"`{backbone}`: {licence}."
