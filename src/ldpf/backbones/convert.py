"""Checkpoints that exist as `.bin` or `.pt` only, made into folders that `load_backbone` reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from ldpf.backbones.checkpoint_schema import COPY
from ldpf.backbones.hub import small_files
from ldpf.backbones.load import load_backbone
from ldpf.backbones.open_clip_fields import CONFIG
from ldpf.backbones.openai_config import NOT_WEIGHTS, config_of
from ldpf.backbones.pickled import read_weights
from ldpf.backbones.torchscript import is_archive, read_archive
from ldpf.errors import BackboneError
from ldpf.utils.files import write_together
from ldpf.utils.json_files import json_text
from ldpf.utils.own_folders import new_folder
from ldpf.utils.paths import full_path
from ldpf.utils.text import some
from ldpf.utils.ways import positional, setting
from ldpf.utils.writable import check_file, check_folder

ENDING = ".safetensors"
OPEN_CLIP_NAME = f"open_clip_model{ENDING}"
TRANSFORMERS_NAME = f"model{ENDING}"

_CONFIGURATION = (CONFIG, "config.json", "preprocessor_config.json", "processor_config.json")
_TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
)


_LANGUAGE_MODEL = tuple(f"{COPY}/{name}" for name in ("config.json", *_TOKENIZER))
"""What a checkpoint may keep of the language model that is its text tower."""


@dataclass(frozen=True)
class Conversion:
    """Weights written as safetensors.

    Attributes:
        weights: the file.
        tensors: how many tensors it holds.
        other_files: names of the files written or copied next to it.
        problem: what the folder still lacks to be loaded, in a sentence; None if it loads, or if
            only a file was asked for.
    """

    weights: Path
    tensors: int
    other_files: tuple[str, ...]
    problem: str | None

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "weights": str(self.weights),
            "tensors": self.tensors,
            "other_files": list(self.other_files),
            "problem": self.problem,
        }


def convert(
    file: str | Path, out: str | Path, *, tokenizer: str | None = None, overwrite: bool = False
) -> Conversion:
    """Write the weights of a pickled checkpoint as safetensors; nothing of it is executed.

    Args:
        file: weights that `torch.save` wrote (`.bin`, `.pt`), or one of OpenAI's archives.
        out: a file ending in `.safetensors`; or a folder, into which configuration and tokenizer
            files next to `file` are copied, too. For an OpenAI archive without a configuration,
            that is written.
        tokenizer: folder or hub id to copy the tokenizer from, if `out` is a folder.
        overwrite: replace weights of this name that are there already.

    Returns:
        What was written; a folder is loaded once to see whether anything is missing.

    Raises:
        BackboneError: `file` asks for anything but tensors, is damaged, or is of no known model;
            `out` exists; the tokenizer cannot be found.
    """
    source, target = full_path(file, "file to convert"), full_path(out, "output")
    if target.suffix == ENDING:
        check_file(target, positional("out"))
    else:
        check_folder(target, positional("out"))
    _check_source(source)
    if is_archive(source):
        archive = read_archive(source)
        weights, program = archive.weights, archive.program
    else:
        weights, program = read_weights(source), None
    weights = {name: tensor for name, tensor in weights.items() if name not in NOT_WEIGHTS}
    if not weights:
        raise BackboneError(f"{str(source)!r} holds no weights; give the file of a whole model.")
    only_file = target.suffix == ENDING
    if not only_file:
        target = target / _name(source, weights)
    _check_free(target, overwrite)
    files = {} if only_file else _beside(source, target.parent, weights, program, tokenizer)
    new_folder(target.parent, option=positional("out"))
    for path in files:
        new_folder(path.parent, option=positional("out"))
    # Apart, since safetensors refuses names that share memory.
    apart = {name: tensor.detach().contiguous().clone() for name, tensor in weights.items()}
    write_together(files | {target: save(apart, metadata={"format": "pt"})})
    names = tuple(path.relative_to(target.parent).as_posix() for path in files)
    problem = None if only_file else _problem(target.parent)
    return Conversion(target, len(weights), names, problem)


def _check_source(source: Path) -> None:
    if not source.is_file():
        what = "a folder" if source.is_dir() else "not there"
        raise BackboneError(
            f"The file to convert, {str(source)!r}, is {what}; give a checkpoint ending in .bin, "
            ".pt or .pth."
        )
    if source.suffix == ENDING:
        raise BackboneError(f"{str(source)!r} is a safetensors file already.")


def _check_free(target: Path, overwrite: bool) -> None:
    if target.exists() and not overwrite:
        raise BackboneError(
            f"There is a file {str(target)!r} already; give another place, or "
            f"{setting('overwrite')}."
        )


def _name(source: Path, weights: dict[str, Tensor]) -> str:
    """What the format that the names of the tensors belong to calls its file."""
    if "logit_scale" in weights and any(name.startswith("visual.") for name in weights):
        return OPEN_CLIP_NAME
    if any(name.startswith(("text_model.", "vision_model.")) for name in weights):
        return TRANSFORMERS_NAME
    raise BackboneError(
        f"The names of the tensors in {str(source)!r} ({some(list(weights), 3)}) are neither "
        "OpenCLIP's nor those of a CLIP of transformers, so it is no backbone that can be used "
        "here; to convert it all the same give a file name ending in .safetensors."
    )


def _beside(
    source: Path,
    folder: Path,
    weights: dict[str, Tensor],
    program: str | None,
    tokenizer: str | None,
) -> dict[Path, bytes]:
    """Contents of what goes next to the weights: nothing that is there already."""
    from_where = {}
    if folder != source.parent:
        from_where = _present(source.parent, (*_CONFIGURATION, *_TOKENIZER, *_LANGUAGE_MODEL))
    if tokenizer is not None:
        found = _present(small_files(tokenizer, mark="tokenizer.json"), _TOKENIZER)
        if not found:
            raise BackboneError(
                f"There is no tokenizer (tokenizer.json, or vocab.json and merges.txt) in "
                f"{tokenizer!r}; 'openai/clip-vit-base-patch16' has the one of OpenAI's models."
            )
        from_where |= found
    contents = {name: path.read_bytes() for name, path in from_where.items()}
    if program is not None and CONFIG not in contents and not (folder / CONFIG).exists():
        contents[CONFIG] = json_text(config_of(weights, program)).encode()
    return {
        folder / name: content
        for name, content in sorted(contents.items())
        if not (folder / name).exists()
    }


def _present(folder: Path, names: tuple[str, ...]) -> dict[str, Path]:
    """Those of the named files that a folder has."""
    return {name: path for name in names if (path := folder / name).is_file()}


def _problem(folder: Path) -> str | None:
    """Why a folder cannot be loaded as a backbone; None if it can."""
    try:
        load_backbone(folder, device="cpu")
    except BackboneError as error:
        return str(error)
    return None
