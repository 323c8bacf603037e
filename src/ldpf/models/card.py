"""The card of a model: what it learned from, what it knows, how good it is, and its limits."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelCardData, metadata_load

from ldpf.models.summary import ModelSummary
from ldpf.utils.text import some, visible

CLASSES_SHOWN = 50

BUNDLED_LICENSES = {"nano": "Apache-2.0"}
"""Licenses of the backbones that come with the package."""

_TEMPLATE = Path(__file__).with_name("card_template.md")
_MARKUP = re.compile(r"([\\`*\[\]|~$]|(?<!\w)_|_(?!\w))")
_FIRST = re.compile(r"^(\d{0,9})([#+.)-])(?=[\s#]|$)")
"""What makes a heading or a list of a line that it begins."""

_LINK = re.compile(r"(?i)(https?:|www)([/.])")
"""What becomes a link without being marked as one."""


def model_card(config: Mapping[str, Any], license_name: str | None = None) -> ModelCard:
    """README.md for a model folder: Markdown with the hub's metadata before it.

    Every number was measured in training; what is not known is left out. Names from the data are
    escaped: they can be no markup and break no table.

    Args:
        config: config.json of the model folder.
        license_name: of the backbone, where it is known.
    """
    model = ModelSummary.read(config)
    backbone = public_name(model.backbone)
    prompt_learning = ["prompt-learning"] if model.learned_prompts else []
    method = [model.method] if re.fullmatch(r"[\w-]+", model.method) else []
    return ModelCard.from_template(
        ModelCardData(
            library_name="ldpf",
            pipeline_tag="image-classification",
            base_model=backbone if "/" in backbone else None,
            tags=["domain-generalization", *prompt_learning, *method, "model_hub_mixin"],
        ),
        template_path=str(_TEMPLATE),
        title=markdown_text(_title(model)),
        library_version=markdown_text(str(config.get("library_version", ""))),
        made_of=_made_of(model),
        backbone=markdown_code(backbone),
        classes=some([markdown_text(name) for name in model.class_names], CLASSES_SHOWN) + ".",
        data=_data(model),
        class_counts=[
            (markdown_text(name), f"{count:,}")
            for name, count in model.class_counts.items()
            if len(model.class_counts) <= CLASSES_SHOWN
        ],
        numbers=[(name, markdown_text(value)) for name, value in _numbers(model)],
        sentences=[markdown_text(sentence) for sentence in _sentences(model)],
        learns=not model.fixed_prompts,
        latent=model.fusion is not None,
        license_sentence=_license(backbone, license_name),
    )


def markdown_text(name: str) -> str:
    """A name as text in Markdown, also in the cell of a table: never markup, on one line."""
    text = _MARKUP.sub(r"\\\1", html.escape(visible(name), quote=False))
    return _LINK.sub(r"\1\\\2", _FIRST.sub(r"\1\\\2", text))


def markdown_code(name: str) -> str:
    """A name as code in Markdown, in backticks."""
    text = visible(name).replace("`", "'")
    return f"`{text}`"


def public_name(backbone: str) -> str:
    """A backbone's name without the folders of the machine that it lies on."""
    return Path(backbone).name if Path(backbone).is_absolute() or backbone[:1] in ".~" else backbone


def license_in(folder: Path) -> str | None:
    """The license that a backbone folder's README.md names in its metadata; None if it does not."""
    try:
        metadata = metadata_load(folder / "README.md") or {}
    except Exception:  # whatever a README written elsewhere may hold
        return None
    name = metadata.get("license")
    return name if isinstance(name, str) and name else None


def _title(model: ModelSummary) -> str:
    parts = [f"{len(model.class_names)} classes"]
    if model.n_domains > 1:
        parts.append(f"{model.n_domains} latent domains")
    elif model.learned_prompts:
        parts.append("one prompt")
    return f"{', '.join(parts)} ({model.method})"


def _made_of(model: ModelSummary) -> str:
    if model.learned_prompts:
        return "learned prompts for"
    if model.fixed_prompts:
        return "class names in fixed sentences for"
    return "a classifier on the image features of"


def _data(model: ModelSummary) -> str:
    if not model.n_images:
        return "Nothing is recorded of the images it learned from."
    name = f"{markdown_text(model.dataset)}: " if model.dataset else ""
    known = ", ".join(map(markdown_text, model.domain_names))
    domains = (
        f"Known domains, {model.use_of_domains}: {known}."
        if known
        else "Their domains were unknown."
    )
    return (
        f"{name}{model.n_images:,} images, {model.n_train:,} to learn from and "
        f"{model.n_validation:,} held out. {domains}"
    )


def _numbers(model: ModelSummary) -> list[tuple[str, str]]:
    rows = []
    if model.validation_accuracy is not None:
        accuracy = f"{model.validation_accuracy:.1%}"
        rows.append((f"accuracy on {model.judged_on} images", accuracy))
    if model.zero_shot_accuracy is not None:
        zero_shot = f"{model.zero_shot_accuracy:.1%}"
        rows.append(("the backbone without training, on the same images", zero_shot))
    if model.fusion is not None:
        rows += [("latent domains", str(model.n_domains)), ("fusion", model.fusion)]
    if model.members is not None:
        rows.append(("combined", model.members))
    return rows


def _sentences(model: ModelSummary) -> list[str]:
    sentences = [model.chosen] if model.chosen else []
    return sentences + (model.diagnosis() if model.n_domains > 1 else [])


def _license(backbone: str, license_name: str | None) -> str:
    license_name = license_name or BUNDLED_LICENSES.get(backbone)
    if license_name is None:
        return (
            f"{markdown_code(backbone)} has a license of its own, which is not recorded here: look "
            "it up where it comes from before using or passing on this model."
        )
    return f"{markdown_code(backbone)}: {markdown_text(license_name)}."
