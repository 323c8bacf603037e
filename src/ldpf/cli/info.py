"""`ldpf info`: what a model folder holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ldpf import workflows
from ldpf.cli.base import COMMANDS
from ldpf.cli.chosen import print_choice
from ldpf.cli.console import say, say_json
from ldpf.cli.options import Device, ModelOptions, OutputOptions
from ldpf.utils.text import count

if TYPE_CHECKING:
    from ldpf.workflows.inspecting import ModelDescription

NEAREST_NOTE = (
    "A learned token is a point between words; the nearest word rarely says what it does."
)


@COMMANDS.register("info", panel="With your images")
def info(*, model: ModelOptions, device: Device = "cpu", output: OutputOptions) -> None:
    """Show the classes, training and latent domains of a trained model.

    Prints its classes, its training data and accuracy, its latent domains, and
    the words nearest to its learned prompts.

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
    model, training = result.summary, result.config.get("training", {})
    say(f"{model.method} model in {result.model}", style="bold")
    for name, value in model.facts():
        say(f"{name}: {value}")
    if model.n_images:
        say(
            f"Images: {model.n_images:,}, of which {model.n_train:,} to learn from and "
            f"{model.n_validation:,} held out"
        )
    if "steps" in training:
        say(
            f"Training: {count(training['steps'], 'step')}, best at {training['best_step']:,}, "
            f"{count(training['text_passes'], 'text pass', 'text passes')}"
        )
    if (auto := training.get("auto")) is not None:
        print_choice(auto)
        say()
    sizes = model.measured.get("sizes") or []
    if len(sizes) > 1:
        parts = ", ".join(f"{s}: {n:,} ({n / sum(sizes):.0%})" for s, n in enumerate(sizes))
        say(f"Training images by latent domain: {parts}")
    for sentence in model.diagnosis():
        say(f"- {sentence}")
    if result.prompts is not None:
        _print_prompts(result.prompts)
    say(f"Written by ldpf {model.library_version}")


def _print_prompts(prompts: dict[str, Any]) -> None:
    def line(entries: Sequence[dict[str, Any]]) -> str:
        return "  ".join(f"{entry['word']} ({entry['distance']:.2f})" for entry in entries)

    say(f"Nearest word to each learned token, with its distance. {NEAREST_NOTE}")
    if prompts["shared"]:
        say(f"  shared:          {line(prompts['shared'])}")
    for s, entries in enumerate(prompts["own"]):
        label = f"latent domain {s}:" if len(prompts["own"]) > 1 else "prompt:"
        say(f"  {label:<16} {line(entries)}")
