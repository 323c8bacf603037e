"""What a family of image-text models is, and how the family of a checkpoint is found."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ldpf.errors import BackboneError
from ldpf.utils.json_files import read_json, read_json_or_none
from ldpf.utils.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ldpf.backbones.families.text_rules import TextRules
    from ldpf.backbones.text_tower import TextTower

log = logging.getLogger("ldpf")

CONFIG = "config.json"


@dataclass(frozen=True)
class Checkpoint:
    """The files of a backbone.

    Attributes:
        name: what the user asked for.
        folder: where the files are; of a model on the hub only the small ones at first.
        files: names of all files, also of those that are not downloaded yet.
    """

    name: str
    folder: Path
    files: frozenset[str]

    @classmethod
    def of(cls, folder: Path, name: str | None = None) -> Checkpoint:
        """The checkpoint in a folder."""
        files = frozenset(path.name for path in folder.iterdir())
        return cls(str(folder) if name is None else name, folder, files)

    @cached_property
    def config(self) -> dict[str, Any]:
        """The content of config.json; empty where there is none or it cannot be read."""
        content = read_json_or_none(self.folder / CONFIG)
        return content if isinstance(content, dict) else {}

    @property
    def model_type(self) -> Any:
        """transformers' name of the architecture; None where config.json has none."""
        return self.config.get("model_type")


class BackboneFamily:
    """Base of a family: how its checkpoints are recognized, downloaded, loaded and read.

    A family is a file that derives from this, or from `TransformersFamily` for a model that
    transformers has, and registers itself in `FAMILIES`.

    Attributes:
        text: how the text tower reads a sentence; None where that depends on the checkpoint, see
            `text_rules`.
        config_file: the file that every checkpoint has.
        needed_files: groups of file patterns; a complete checkpoint has one of each group.
        needs: the same in words, for messages.
        priority: of two families that recognize a checkpoint, the one with the higher priority
            loads it.
    """

    text: ClassVar[TextRules | None] = None
    config_file: ClassVar[str] = CONFIG
    needed_files: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("*.safetensors", "pytorch_model*.bin"),
        ("tokenizer.json", "vocab.json"),
        ("preprocessor_config.json", "processor_config.json"),
    )
    needs: ClassVar[str] = ""
    priority: ClassVar[int] = 0

    def recognizes(self, checkpoint: Checkpoint) -> bool:
        """Whether a checkpoint is of this family, from its small files and file names."""
        raise NotImplementedError

    def weight_files(self, files: Sequence[str], name: str) -> list[str]:
        """Which of a hub model's files hold the weights to download.

        Args:
            files: names of all files.
            name: of the model, for messages.

        Raises:
            BackboneError: there are no weights that can be read.
        """
        raise NotImplementedError

    def load(self, checkpoint: Checkpoint) -> tuple[Any, Any, Any]:
        """Model (float32, on the CPU), image processor and tokenizer, as transformers has them.

        Raises:
            BackboneError: what is there cannot be used. Damaged files may raise anything.
        """
        raise NotImplementedError

    def text_rules(self, name: str, model: Any) -> TextRules:
        """How the text tower of `model` reads a sentence.

        Raises:
            BackboneError: the tower cannot carry learnable prompts.
        """
        if self.text is None:
            raise NotImplementedError
        return self.text

    def text_tower(self, name: str, model: Any, tokenizer: Any) -> TextTower:
        """The text tower of a loaded model.

        Raises:
            BackboneError: it cannot carry prompts, or the tokenizer does not belong to it.
        """
        from ldpf.backbones.families.text_rules import text_tower

        return text_tower(name, model, tokenizer, self.text_rules(name, model))


FAMILIES: Registry[BackboneFamily] = Registry(
    "backbone family", "ldpf.backbones.families", variable="FAMILIES", group="ldpf.backbones"
)
"""Families by name, which for a model of transformers is the `model_type` of config.json."""


def find_family(checkpoint: Checkpoint) -> BackboneFamily:
    """The family that recognizes a checkpoint.

    Raises:
        BackboneError: none does.
    """
    families, matching = [], []
    for name in FAMILIES:
        try:
            family = FAMILIES.make(name)
            recognized = family.recognizes(checkpoint)
        except Exception as error:  # whatever a package outside does
            if FAMILIES.is_built_in(name):
                raise
            log.warning(
                "The backbone family %r is left out (%s: %s).", name, type(error).__name__, error
            )
            continue
        families.append(family)
        if recognized:
            matching.append(family)
    if matching:
        return max(matching, key=lambda family: family.priority)
    path = checkpoint.folder / CONFIG
    if CONFIG not in checkpoint.files:
        others = sorted({family.config_file for family in families} - {CONFIG})
        raise BackboneError(
            f"The folder {str(checkpoint.folder)!r} has no {CONFIG} (nor {' or '.join(others)}), "
            f"so it is no checkpoint; give the folder that holds {CONFIG} and model.safetensors."
        )
    fix = "download the checkpoint again"
    read_json(path, "the configuration of the backbone", fix, error=BackboneError)
    raise BackboneError(
        f"The backbone {checkpoint.name!r} is of type {checkpoint.model_type!r}; supported are "
        f"{', '.join(map(repr, FAMILIES))}."
    )
