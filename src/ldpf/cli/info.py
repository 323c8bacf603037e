"""`ldpf info`: what a model folder holds."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ldpf.cli.base import COMMANDS
from ldpf.cli.console import say, say_json
from ldpf.cli.options import Device, ModelOptions, OutputOptions
from ldpf.errors import BackboneError
from ldpf.utils.text import count, some
from ldpf.workflows.inputs import load_trained

if TYPE_CHECKING:
    import torch

    from ldpf.backbones import TextTower

log = logging.getLogger("ldpf")

NEAREST_NOTE = "A learnt token is a point between words; the nearest word rarely says what it does."


@COMMANDS.register("info", panel="With your images")
def info(
    *,
    model: ModelOptions,
    device: Device = "cpu",
    output: OutputOptions,
) -> None:
    """Show what a trained model knows and how it came about.

    Its classes, what it was trained on and how well that went, its latent
    domains, and the words that are nearest to its learnt prompts.

    \b
    Example:
      ldpf info my-model
    """
    from ldpf.domains.diagnosis import discovery_words, similarity_words
    from ldpf.models.saving import read_config

    config = read_config(model.model)
    training = config.get("training", {})
    diagnosis = [
        *discovery_words(latent_measurements(config)),
        *similarity_words(training.get("prompt_similarity") or []),
    ]
    prompts, missing = None, None
    try:
        classifier, frozen, _ = load_trained(model.model, model.backbone, device)
        assert classifier.contexts is not None
        prompts = read_prompts(frozen.text, classifier.contexts)
    except BackboneError as error:  # everything else can be told without it
        missing = str(error)
    if output.as_json:
        say_json(
            {
                "model": str(model.model),
                **{key: value for key, value in config.items() if key != "format_version"},
                "diagnosis": diagnosis,
                "prompts": prompts,
            }
        )
    else:
        _print(model.model, config, diagnosis, prompts)
    if missing is not None:
        log.warning("the prompts cannot be read as words: %s", missing)


def latent_measurements(config: dict[str, Any]) -> dict[str, Any]:
    """What `train` measured of the latent domains kept in the model; else of the last round's."""
    return (
        config.get("provenance", {}).get("latent_domains")
        or config.get("training", {}).get("domains")
        or {}
    )


def read_prompts(tower: TextTower, contexts: torch.Tensor) -> dict[str, Any]:
    """Learnt tokens [S, M, W] as their nearest words; what all prompts share comes once.

    Returns:
        `shared`: entries of the tokens that are the same in every prompt; `own`: for each prompt,
        those of its other tokens. An entry is {"word", "distance"}.
    """
    from ldpf.text.contexts import nearest_words

    same = (contexts == contexts[:1]).all(dim=2).all(dim=0)  # [M]
    n_shared = 0 if len(contexts) == 1 else int(same.int().cumprod(dim=0).sum())

    def words(tokens: torch.Tensor) -> list[dict[str, Any]]:
        if not len(tokens):
            return []
        nearest = nearest_words(tower, tokens, count=1)
        return [{"word": w, "distance": round(d, 4)} for [(w, d)] in nearest]

    return {
        "shared": words(contexts[0, :n_shared]),
        "own": [words(context[n_shared:]) for context in contexts],
    }


def _print(
    model: Path, config: dict[str, Any], diagnosis: Sequence[str], prompts: dict[str, Any] | None
) -> None:
    training, origin = config.get("training", {}), config.get("provenance", {})
    say(f"{config['method']} model in {model}", style="bold")
    names = config["class_names"]
    say(f"Classes ({len(names):,}): {some(names, limit=30)}")
    built_on = config["backbone"]
    say(f"Backbone: {built_on['name']}, fingerprint {built_on['fingerprint'][:16]}")
    if config["n_domains"] > 1:
        say(
            f"Latent domains: {config['n_domains']}, fused by {config['fusion']} "
            f"(tau {config['tau']:g})"
        )
    for line in (*_origin_lines(origin), *_training_lines(training, origin)):
        say(line)
    sizes = latent_measurements(config).get("sizes")
    if sizes and len(sizes) > 1:
        parts = ", ".join(f"{s}: {n:,} ({n / sum(sizes):.0%})" for s, n in enumerate(sizes))
        say(f"Training images by latent domain: {parts}")
    for sentence in diagnosis:
        say(f"- {sentence}")
    if prompts is not None:
        _print_prompts(prompts)
    say(f"Written by ldpf {config.get('library_version', 'unknown')}")


def _origin_lines(origin: dict[str, Any]) -> list[str]:
    from ldpf.models.summary import use_of_domains

    if not origin.get("n_images"):
        return []
    known = origin.get("domain_names")
    use = use_of_domains(origin)
    domains = f"known domains {', '.join(known)} ({use})" if known else "domains unknown"
    return [
        f"Trained on {origin.get('dataset')}: {count(origin['n_images'], 'image')}, "
        f"{origin.get('n_train', 0):,} to learn from and {origin.get('n_validation', 0):,} held "
        f"out; {domains}; seed {origin.get('seed')}, recipe {origin.get('recipe')}"
    ]


def _training_lines(training: dict[str, Any], origin: dict[str, Any]) -> list[str]:
    from ldpf.models.summary import model_words

    lines = []
    if "validation_accuracy" in training:
        baseline = origin.get("zero_shot_validation_accuracy")
        beside = "" if baseline is None else f" (zero-shot: {baseline:.1%})"
        lines.append(f"Validation accuracy: {training['validation_accuracy']:.1%}{beside}")
    if "steps" in training:
        lines.append(
            f"Training: {count(training['steps'], 'step')}, best at {training['best_step']:,}, "
            f"{count(training['text_passes'], 'text pass', 'text passes')}"
        )
    if chosen := model_words(origin):
        lines.append(chosen)
    return lines


def _print_prompts(prompts: dict[str, Any]) -> None:
    def line(entries: Sequence[dict[str, Any]]) -> str:
        return "  ".join(f"{entry['word']} ({entry['distance']:.2f})" for entry in entries)

    say(f"Nearest word to each learnt token, with its distance. {NEAREST_NOTE}")
    if prompts["shared"]:
        say(f"  shared:          {line(prompts['shared'])}")
    for s, entries in enumerate(prompts["own"]):
        label = f"latent domain {s}:" if len(prompts["own"]) > 1 else "prompt:"
        say(f"  {label:<16} {line(entries)}")
