"""From the options of a command to a dataset, a backbone, features and a model."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ldpf.errors import BackboneError
from ldpf.utils.text import count
from ldpf.workflows.source import DataSource

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.data import ImageDataset
    from ldpf.features.extract import Extraction
    from ldpf.models.prompt_classifier import PromptClassifier
    from ldpf.training.callbacks import Tracker

log = logging.getLogger("ldpf")


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


def open_tracker(folder: Path | None) -> Tracker | None:
    """What writes curves into `folder`, or None without one.

    Raises:
        SettingsError: tensorboard is not installed.
    """
    if folder is None:
        return None
    from ldpf.training.callbacks import Tracker

    return Tracker(folder)
