"""From the options of a command to a dataset, a backbone, features and a model."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ldpf.errors import BackboneError
from ldpf.utils.text import count

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.data import ImageDataset
    from ldpf.features.extract import Extraction
    from ldpf.features.feature_set import FeatureSet
    from ldpf.models.prompt_classifier import PromptClassifier

log = logging.getLogger("ldpf")


@dataclass(frozen=True)
class DataSource:
    """The data options of a command, as the person gave them."""

    source: str
    layout: str = "auto"
    class_names: Path | None = None
    skip_bad: bool = False
    cache_dir: Path | None = None
    benchmark: str = "auto"

    def load(self) -> ImageDataset:
        """List the images; raises DataError or SettingsError as `load_dataset` does."""
        from ldpf.data import load_dataset

        dataset = load_dataset(
            self.source,
            layout=self.layout,
            class_names=self.class_names,
            skip_bad=self.skip_bad,
            cache_dir=self.cache_dir,
            benchmark=self.benchmark,
        )
        log.info("images: %s (%s)", describe(dataset), dataset.root)
        return dataset


def encode(
    dataset: ImageDataset,
    backbone: Backbone,
    source: DataSource,
    *,
    verify: bool = False,
    batch_size: int = 64,
) -> Extraction:
    """Features of a dataset through the cache; see `encode_dataset` for the errors."""
    from ldpf.features.extract import encode_dataset

    extraction = encode_dataset(
        dataset,
        backbone,
        cache_dir=source.cache_dir,
        batch_size=batch_size,
        verify=verify,
        skip_bad=source.skip_bad,
        progress=log.isEnabledFor(logging.INFO),
    )
    if skipped := extraction.features.skipped:
        log.warning("left out %s that cannot be used", count(len(skipped), "image"))
    return extraction


def load_trained(
    model: Path, backbone: str | None, device: str
) -> tuple[PromptClassifier, Backbone, dict[str, Any]]:
    """A trained model with its backbone and its config.json.

    Raises:
        ModelError: see `ldpf.models.saving.load_model`.
        BackboneError: the backbone cannot be loaded; says how to name it.
    """
    from ldpf.models.saving import load_model, read_config

    config = read_config(model)
    name = config["backbone"]["name"]
    loaded = load_original(backbone, name, device, f"The model in {str(model)!r} was trained")
    classifier, loaded = load_model(model, loaded)
    return classifier, loaded, config


def load_original(given: str | None, name: str, device: str, whose: str) -> Backbone:
    """The backbone of work that was done before, from where the person says or where it was then.

    Args:
        given: what the person says; None for `name`.
        name: where it was then.
        device: to load it on.
        whose: start of a sentence that ends in "with it", for the error.

    Raises:
        BackboneError: it cannot be loaded; says how to name it.
    """
    from ldpf.backbones import load_backbone

    try:
        return load_backbone(given or name, device)
    except BackboneError as error:
        # A device that cannot be used is no matter of where the backbone lies.
        if given is not None or device not in ("auto", "cpu"):
            raise
        raise BackboneError(
            f"{error} {whose} with it; give its folder or name with --backbone."
        ) from error


def describe(dataset: ImageDataset | FeatureSet) -> str:
    """How many images, classes and domains there are, in words."""
    if dataset.domains is None:
        domains = "domains unknown"
    else:
        names = dataset.domain_names
        domains = f"{count(len(names), 'domain')} ({', '.join(names[:8])}"
        domains += ", ...)" if len(names) > 8 else ")"
    classes = count(len(dataset.class_names), "class", "classes")
    return f"{count(len(dataset), 'image')}, {classes}, {domains}"


def listed(option: str) -> list[str]:
    """The entries of a comma-separated option, without blanks and repetitions."""
    return list(dict.fromkeys(part.strip() for part in option.split(",") if part.strip()))
