"""`ldpf info`: what a model folder holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ldpf import workflows
from ldpf.cli.base import COMMANDS
from ldpf.cli.console import say, say_json
from ldpf.cli.options import Device, ModelOptions, OutputOptions
from ldpf.models.summary import fusion_words, model_words, use_of_domains
from ldpf.utils.text import count, some

if TYPE_CHECKING:
    from ldpf.workflows.inspecting import ModelDescription

NEAREST_NOTE = (
    "A learned token is a point between words; the nearest word rarely says what it does."
)


@COMMANDS.register("info", panel="With your images")
def info(*, model: ModelOptions, device: Device = "cpu", output: OutputOptions) -> None:
    """Show what a trained model knows and how it came about.

    Its classes, what it was trained on and how well that went, its latent
    domains, and the words that are nearest to its learned prompts.

    \b
    Example:
      ldpf info my-model
    """
    result = workflows.describe_model(model.model, backbone=model.backbone, device=device)
    if output.as_json:
        say_json(result.to_json())
    else:
        _print(result)


def _print(result: ModelDescription) -> None:
    config = result.config
    training, origin = config.get("training", {}), config.get("provenance", {})
    say(f"{config['method']} model in {result.model}", style="bold")
    names = config["class_names"]
    say(f"Classes ({len(names):,}): {some(names, limit=30)}")
    built_on = config["backbone"]
    say(f"Backbone: {built_on['name']}, fingerprint {built_on['fingerprint'][:16]}")
    if config["n_domains"] > 1:
        say(f"Latent domains: {config['n_domains']}, fused by {fusion_words(config)}")
    for line in (*_origin_lines(origin), *_training_lines(training, origin)):
        say(line)
    sizes = result.latent_measurements.get("sizes")
    if sizes and len(sizes) > 1:
        parts = ", ".join(f"{s}: {n:,} ({n / sum(sizes):.0%})" for s, n in enumerate(sizes))
        say(f"Training images by latent domain: {parts}")
    for sentence in result.diagnosis:
        say(f"- {sentence}")
    if result.prompts is not None:
        _print_prompts(result.prompts)
    say(f"Written by ldpf {config.get('library_version', 'unknown')}")


def _origin_lines(origin: dict[str, Any]) -> list[str]:
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

    say(f"Nearest word to each learned token, with its distance. {NEAREST_NOTE}")
    if prompts["shared"]:
        say(f"  shared:          {line(prompts['shared'])}")
    for s, entries in enumerate(prompts["own"]):
        label = f"latent domain {s}:" if len(prompts["own"]) > 1 else "prompt:"
        say(f"  {label:<16} {line(entries)}")
