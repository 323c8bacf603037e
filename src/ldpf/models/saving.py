"""A trained model as a folder: `model.safetensors` and `config.json`, nothing pickled."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from ldpf.backbones import Backbone, load_backbone
from ldpf.errors import ModelError
from ldpf.models.base import CLASSIFIERS, Classifier
from ldpf.models.folder import (
    CONFIG,
    DIGEST,
    FORMAT_VERSION,
    TENSORS,
    check_output_folder,
    read_config,
)
from ldpf.models.kept import EXPECTATION, read_expectation
from ldpf.models.parts import with_prefix
from ldpf.models.tensor_checks import check_tensors
from ldpf.utils.files import file_digest, write_together
from ldpf.utils.json_files import json_text
from ldpf.utils.ways import named
from ldpf.version import __version__

log = logging.getLogger("ldpf")

__all__ = [
    "check_output_folder",
    "check_replaceable",
    "load_model",
    "model_config",
    "read_config",
    "save_model",
    "write_model",
]


def save_model(
    classifier: Classifier,
    backbone: Backbone,
    folder: Path,
    *,
    provenance: dict[str, Any] | None = None,
) -> Path:
    """Write a model folder: the learned values and the settings.

    Args:
        classifier: of any kind in `CLASSIFIERS`.
        backbone: the one it was trained with.
        folder: created with its parents; an existing model is replaced.
        provenance: a description of the training, stored unchanged under `provenance`.

    Returns:
        `folder`.

    Raises:
        ModelError: the classifier's kind is not registered, or the folder holds other files.
        OSError: the files cannot be written; an existing model is kept.
    """
    check_output_folder(folder)
    return write_model(classifier, backbone, folder, provenance=provenance)


def write_model(
    classifier: Classifier,
    backbone: Backbone,
    folder: Path,
    *,
    provenance: dict[str, Any] | None = None,
) -> Path:
    """`save_model` for a folder that was checked before, such as one that training works in."""
    config = model_config(classifier, backbone, provenance)
    kept = {} if (part := classifier.expectation) is None else part.tensors()
    tensors = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in (classifier.tensors() | with_prefix(EXPECTATION, kept)).items()
    }
    content = save(tensors)
    digest = hashlib.sha256(content).hexdigest()
    description = json_text({**config, DIGEST: digest}).encode()
    folder.mkdir(parents=True, exist_ok=True)
    # Serialized and on disk before either takes its name: a failure keeps the model that is there.
    write_together({folder / TENSORS: content, folder / CONFIG: description})
    return folder


def model_config(
    classifier: Classifier, backbone: Backbone, provenance: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What config.json of a model folder says; the arguments are those of `save_model`.

    Raises:
        ModelError: the classifier's kind is not registered.
    """
    kind = getattr(classifier, "registered_name", None)
    if kind not in CLASSIFIERS:
        raise ModelError(
            f"A {type(classifier).__name__} is of no registered kind of classifier, so a model "
            f"folder cannot hold it; return one of the kinds {', '.join(CLASSIFIERS)}, or decorate "
            "its class with @CLASSIFIERS.register(name)."
        )
    return {
        "format_version": FORMAT_VERSION,
        "library_version": __version__,
        "kind": kind,
        "method": classifier.method,
        "class_names": list(classifier.class_names),
        "n_classes": len(classifier.class_names),
        "backbone": {
            "name": backbone.name,
            "fingerprint": backbone.fingerprint,
            "embed_dim": backbone.embed_dim,
            "activation": backbone.activation,
            "image_size": backbone.image_size,
        },
        "n_domains": classifier.n_domains,
        "per_image": classifier.per_image,
        "fusion": None,
        **classifier.config(),
        "training": classifier.training,
        **({} if (part := classifier.expectation) is None else {EXPECTATION: part.to_json()}),
        "provenance": provenance or {},
    }


def check_replaceable(folder: Path, config: dict[str, Any]) -> None:
    """Refuse to replace a model of other settings.

    Args:
        folder: where a model may be.
        config: what `model_config` says of the new one.

    Raises:
        ModelError: there is another model; names what differs.
    """
    if not (folder / CONFIG).exists():
        return
    before = read_config(folder)
    now = json.loads(json_text(config))
    differs = [key for key in (*_SETTINGS, "provenance") if before.get(key) != now.get(key)]
    if "provenance" in differs:
        old, new = before.get("provenance", {}), now["provenance"]
        inner = [key for key in {**old, **new} if old.get(key) != new.get(key)]
        differs = [*differs[:-1], *inner]
    if differs:
        raise ModelError(
            f"The folder {str(folder)!r} holds another model (its {differs[0]} differs); give "
            "another folder, or replace the model with overwrite=True."
        )


_SETTINGS = ("kind", "method", "class_names", "backbone", "n_domains", "fusion", "fusion_settings")
"""What makes another model in config.json, besides what it was trained on."""


def load_model(
    folder: Path, backbone: Backbone | str | Path | None = None, device: str = "auto"
) -> tuple[Classifier, Backbone]:
    """Load a model folder together with its backbone. Nothing is unpickled.

    Args:
        folder: written by `save_model`.
        backbone: loaded object, or where to find it; None for the name the model was trained with.
        device: for the backbone, if it has to be loaded.

    Returns:
        The classifier, with the text features of learned prompts encoded again, and the backbone.

    Raises:
        ModelError: something is missing, damaged, not finite, of the wrong shape, or the backbone
            differs from the one that the model was trained with.
    """
    folder = Path(folder)
    config = read_config(folder)
    tensors = _read_tensors(folder / TENSORS)
    if not isinstance(backbone, Backbone):
        backbone = load_backbone(backbone or config["backbone"]["name"], device)
    trained_with = config["backbone"]
    if backbone.fingerprint != trained_with["fingerprint"]:
        raise ModelError(
            f"The model in {str(folder)!r} was trained with backbone {trained_with['name']!r} "
            f"(fingerprint {trained_with['fingerprint'][:12]}), but {backbone.name!r} has "
            f"fingerprint {backbone.fingerprint[:12]}: weights, preprocessing or tokenizer differ. "
            f"Give the original with {named('backbone')}."
        )
    kind = cast("type[Classifier]", CLASSIFIERS.get(config["kind"]))
    shapes = kind.shapes(config, tensors, backbone)
    check_tensors(folder, tensors, shapes, kind.minus_infinite(config))
    _check_digest(folder, config)
    classifier = kind.from_saved(config, tensors, backbone)
    return classifier.with_expectation(read_expectation(folder, config, tensors)), backbone


def _check_digest(folder: Path, config: dict[str, Any]) -> None:
    """Refuse tensors that are not those that config.json was written with."""
    if (expected := config.get(DIGEST)) is None:
        log.warning(
            "The model in %s is of format 1, which keeps no digest of its values: if they were "
            "changed, nothing shows it. Train it again for one that does.",
            folder,
        )
    elif (found := file_digest(folder / TENSORS)) != expected:
        raise ModelError(
            f"{str(folder / TENSORS)!r} has the SHA-256 {str(found)[:12]}, but its {CONFIG} was "
            f"written for {expected[:12]}: the values were changed, or the two files belong to "
            "different models. Copy or train the model again."
        )


def _read_tensors(path: Path) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise ModelError(f"The model folder {str(path.parent)!r} has no {TENSORS}; train again.")
    if not os.access(path, os.R_OK):  # safetensors says that there is no such file
        raise ModelError(f"{str(path)!r} may not be read (Permission denied); allow it (chmod).")
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{str(path)!r} is damaged ({error}); copy or train it again.") from error
