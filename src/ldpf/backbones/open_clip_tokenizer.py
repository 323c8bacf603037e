"""The tokenizer of an OpenCLIP checkpoint: CLIP's, or the one of another model by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, CLIPTokenizer

from ldpf.backbones.checkpoint_schema import COPY
from ldpf.backbones.hub import small_files
from ldpf.backbones.open_clip_fields import Fields
from ldpf.errors import BackboneError

_CLEANING = ("whitespace", "lower", "canonicalize")


@dataclass(frozen=True)
class Cleaning:
    """How OpenCLIP cleans a text before it is tokenized.

    Attributes:
        lower_case: everything is written in lower case.
        drop_punctuation: punctuation is removed.
    """

    lower_case: bool
    drop_punctuation: bool

    @classmethod
    def of(cls, fields: Fields) -> Cleaning:
        """As `tokenizer_kwargs` says.

        Raises:
            BackboneError: it asks for something else than cleaning.
        """
        settings = fields.text["tokenizer_kwargs"] or {}
        clean = settings.get("clean", "whitespace")
        others = {key: v for key, v in settings.items() if key != "clean" and v}
        if others or clean not in _CLEANING:
            raise fields.refuse("text_cfg.tokenizer_kwargs", settings)
        return cls(clean != "whitespace", clean == "canonicalize")


def read_tokenizer(folder: Path, fields: Fields) -> Any:
    """The tokenizer in the folder; where the config names one and there is none, that one.

    Raises:
        BackboneError: there is none, or it is not the model's.
    """
    Cleaning.of(fields)
    name = fields.text["hf_tokenizer_name"] or fields.text.get("hf_model_name")
    if not name:
        return _clip_tokenizer(folder)
    for place in (folder, folder / COPY):
        if any((place / file).is_file() for file in ("tokenizer.json", "vocab.json", "vocab.txt")):
            return AutoTokenizer.from_pretrained(place, local_files_only=True)
    return AutoTokenizer.from_pretrained(
        small_files(name, mark="tokenizer_config.json"), local_files_only=True
    )


def _clip_tokenizer(folder: Path) -> Any:
    here = {path.name for path in folder.iterdir()}
    if "tokenizer.json" not in here and not {"vocab.json", "merges.txt"} <= here:
        raise BackboneError(
            f"The OpenCLIP folder {str(folder)!r} has no tokenizer; copy tokenizer.json (or "
            "vocab.json and merges.txt) of 'openai/clip-vit-large-patch14' into it, the tokenizer "
            "that OpenCLIP's plain models are trained with."
        )
    tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    highest = max(tokenizer.get_vocab().values())
    if tokenizer.eos_token_id != highest:
        raise BackboneError(
            f"The tokenizer in {str(folder)!r} has the end token {tokenizer.eos_token!r} with id "
            f"{tokenizer.eos_token_id}, but OpenCLIP reads the sentence at the highest id "
            f"({highest}); it is not the tokenizer of this model."
        )
    return tokenizer


def special_tokens(tokenizer: Any, name: str) -> tuple[int | None, int]:
    """Ids of the token that a sentence starts with (None for none) and of the one it ends with.

    Read off an empty sentence, since [CLS] and [SEP], <s> and </s> or a language's token have
    these places in different tokenizers.

    Raises:
        BackboneError: sentences have another form.
    """
    whole = list(tokenizer("cat")["input_ids"])
    inside = list(tokenizer("cat", add_special_tokens=False)["input_ids"])
    before = (len(whole) - len(inside) - 1) if whole[-1:] != inside[-1:] else -1
    if before not in (0, 1) or whole[before:-1] != inside:
        raise BackboneError(
            f"The tokenizer of {name!r} makes {whole} of 'cat', and {inside} without special "
            "tokens; supported are sentences with at most one token before and one behind."
        )
    return (whole[0] if before else None), int(whole[-1])
