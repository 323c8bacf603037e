"""What a model folder holds: the work of `ldpf info`."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ldpf.errors import BackboneError
from ldpf.inspection.prompt_words import read_prompts
from ldpf.models.saving import read_config
from ldpf.models.summary import ModelSummary
from ldpf.workflows.inputs import AnyBackbone, load_trained

log = logging.getLogger("ldpf")


@dataclass(frozen=True)
class ModelDescription:
    """A model folder: its metadata, and its prompts as words.

    Attributes:
        model: the folder.
        config: its config.json.
        summary: the facts in it.
        prompts: see `read_prompts`; None where there are no prompts that are the same for all
            images, or the backbone is missing.
    """

    model: Path
    config: dict[str, Any]
    summary: ModelSummary
    prompts: dict[str, Any] | None

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "model": str(self.model),
            **{key: value for key, value in self.config.items() if key != "format_version"},
            "diagnosis": self.summary.diagnosis(),
            "prompts": self.prompts,
        }


def describe_model(
    model: str | Path, *, backbone: AnyBackbone | None = None, device: str = "cpu"
) -> ModelDescription:
    """Read a model folder; a backbone that is missing is a warning, and the prompts are left out.

    Args:
        model: the folder.
        backbone: where the backbone lies now; None for where it was during training.
        device: "auto", "cpu" or "cuda".

    Raises:
        ModelError: the folder holds no model, or a damaged one.
    """
    folder = Path(model)
    config = read_config(folder)
    prompts = None
    try:
        trained = load_trained(folder, backbone, device)
        if trained.classifier.contexts is not None:
            prompts = read_prompts(trained.backbone.text, trained.classifier.contexts)
    except BackboneError as error:  # everything else can be told without it
        log.warning("the prompts cannot be read as words: %s", error)
    return ModelDescription(folder, config, ModelSummary.read(config), prompts)
