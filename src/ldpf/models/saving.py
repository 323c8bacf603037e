"""A trained model as a folder: `model.safetensors` and `config.json`, nothing pickled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from ldpf.backbones import Backbone, load_backbone
from ldpf.domains.fitted import FittedDomains
from ldpf.domains.ood import OutsideCheck
from ldpf.errors import ModelError
from ldpf.models.folder import CONFIG as _CONFIG
from ldpf.models.folder import require_model_folder
from ldpf.models.prompt_classifier import PromptClassifier
from ldpf.text.memory_budget import build_encoder, finish_training
from ldpf.utils.files import read_json, write_json
from ldpf.utils.trees import write_tensors
from ldpf.version import __version__

FORMAT_VERSION = 1
"""Version of the folder's layout; another one is refused."""

_TENSORS = "model.safetensors"


def save_model(
    classifier: PromptClassifier,
    backbone: Backbone,
    folder: Path,
    *,
    provenance: dict[str, Any] | None = None,
) -> Path:
    """Write a model folder: prompts, extractor and centroids, and how to use them.

    Args:
        classifier: one with learnt prompts.
        backbone: the one it was trained with.
        folder: created, with parents; a model already there is replaced.
        provenance: what it was trained on, kept as it is under `provenance`.

    Returns:
        `folder`.

    Raises:
        ModelError: the classifier has no learnt prompts, or the folder holds other files.
    """
    if not isinstance(classifier, PromptClassifier):
        raise ModelError(
            f"A {classifier.method!r} classifier cannot be kept in a model folder, which holds "
            "prompts that are the same for all images; train 'ldpf' or 'coop', or compare this "
            "one with 'ldpf benchmark'."
        )
    if classifier.contexts is None:
        raise ModelError(
            f"A {classifier.method!r} classifier has no learnt prompts to save; it can be made "
            "again from the class names at any time."
        )
    check_output_folder(folder)
    tensors = {"contexts": classifier.contexts.contiguous()}
    if classifier.latent is not None:
        tensors |= {f"latent.{k}": v.contiguous() for k, v in classifier.latent.tensors().items()}
    if classifier.outside is not None:
        tensors |= {f"outside.{k}": v for k, v in classifier.outside.tensors().items()}
    config = model_config(classifier, backbone, provenance)
    folder.mkdir(parents=True, exist_ok=True)
    # Without a config the folder is no model: a stop in between leaves nothing that loads wrongly.
    (folder / _CONFIG).unlink(missing_ok=True)
    write_tensors(folder / _TENSORS, tensors)
    write_json(folder / _CONFIG, config)
    return folder


def model_config(
    classifier: PromptClassifier, backbone: Backbone, provenance: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What config.json of a model folder says; the arguments are those of `save_model`."""
    return {
        "format_version": FORMAT_VERSION,
        "library_version": __version__,
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
        "fusion": classifier.fusion,
        "tau": classifier.tau,
        "training": classifier.training,
        "provenance": provenance or {},
    }


def check_output_folder(folder: Path) -> None:
    """Refuse to write a model where other things lie.

    Raises:
        ModelError: `folder` is a file, or holds files but no model of this library.
    """
    if folder.is_file():
        raise ModelError(f"{str(folder)!r} is a file; give a folder for the model.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _CONFIG).exists():
        raise ModelError(
            f"The folder {str(folder)!r} is not empty and holds no model; give a new folder so "
            "that nothing of yours is overwritten."
        )


def read_config(folder: Path) -> dict[str, Any]:
    """The checked config.json of a model folder.

    Raises:
        ModelError: there is none, it is damaged, of an unknown version, or names another number of
            classes than the model has.
    """
    path = require_model_folder(folder)
    config = read_json(path, "the description of the model", "train again", error=ModelError)
    version = config.get("format_version") if isinstance(config, dict) else None
    if version != FORMAT_VERSION:
        raise ModelError(
            f"The model in {str(folder)!r} has format version {version!r}, but this library "
            f"({__version__}) reads version {FORMAT_VERSION}; use the version that wrote it "
            f"({config.get('library_version', 'unknown') if isinstance(config, dict) else '?'})."
        )
    needed = ("method", "class_names", "n_classes", "backbone", "n_domains", "fusion", "tau")
    missing = [key for key in needed if key not in config]
    if missing:
        raise ModelError(
            f"{str(path)!r} lacks {', '.join(missing)}; the file was changed or cut. Train again."
        )
    if len(config["class_names"]) != config["n_classes"]:
        raise ModelError(
            f"{str(path)!r} names {len(config['class_names'])} classes, but the model has "
            f"{config['n_classes']}; a class may be renamed, but none added or removed. Train "
            "again."
        )
    return config


def load_model(
    folder: Path, backbone: Backbone | str | Path | None = None, device: str = "auto"
) -> tuple[PromptClassifier, Backbone]:
    """Load a model folder together with its backbone. Nothing is unpickled.

    Args:
        folder: written by `save_model`.
        backbone: loaded object, or where to find it; None for the name the model was trained with.
        device: for the backbone, where it has to be loaded.

    Returns:
        The classifier, its text features encoded anew from the prompts, and the backbone.

    Raises:
        ModelError: something is missing, damaged, not finite, of the wrong shape, or the backbone
            is another one than the model was trained with.
    """
    folder = Path(folder)
    config = read_config(folder)
    tensors = _read_tensors(folder / _TENSORS)
    if not isinstance(backbone, Backbone):
        backbone = load_backbone(backbone or config["backbone"]["name"], device)
    trained_with = config["backbone"]
    if backbone.fingerprint != trained_with["fingerprint"]:
        raise ModelError(
            f"The model in {str(folder)!r} was trained with backbone {trained_with['name']!r} "
            f"(fingerprint {trained_with['fingerprint'][:12]}), but {backbone.name!r} has "
            f"fingerprint {backbone.fingerprint[:12]}: weights, preprocessing or tokenizer differ. "
            "Give the original with --backbone."
        )
    _check_shapes(folder, tensors, config, backbone)
    class_names, contexts = tuple(config["class_names"]), tensors["contexts"]
    encoder = build_encoder(backbone, class_names, prompts=len(contexts), length=contexts.shape[1])
    latent, outside = _group(tensors, "latent."), _group(tensors, "outside.")
    classifier = PromptClassifier(
        method=config["method"],
        class_names=class_names,
        text_features=finish_training(encoder, contexts, backbone),
        logit_scale=backbone.logit_scale,
        contexts=contexts,
        latent=FittedDomains.from_tensors(latent) if latent else None,
        fusion=config["fusion"],
        tau=config["tau"],
        training=config.get("training", {}),
        outside=OutsideCheck.from_tensors(outside) if outside else None,
    )
    return classifier, backbone


def _group(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _read_tensors(path: Path) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise ModelError(f"The model folder {str(path.parent)!r} has no {_TENSORS}; train again.")
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{str(path)!r} is damaged ({error}); copy or train it again.") from error


def _check_shapes(
    folder: Path, tensors: dict[str, torch.Tensor], config: dict[str, Any], backbone: Backbone
) -> None:
    n_domains, dim, width = config["n_domains"], backbone.embed_dim, backbone.text.width
    expected: dict[str, tuple[int | None, ...]] = {"contexts": (n_domains, None, width)}
    if n_domains > 1 or any(name.startswith("latent.") for name in tensors):
        expected |= {
            "latent.extractor.hidden.weight": (None, dim),
            "latent.extractor.hidden.bias": (None,),
            "latent.extractor.out.weight": (None, None),
            "latent.extractor.out.bias": (None,),
            "latent.extractor.input_mean": (dim,),
            "latent.extractor.input_scale": (),
            "latent.extractor.output_mean": (None,),
            "latent.extractor.erasure": (None, None),
            "latent.centroids": (n_domains, None),
        }
    if any(name.startswith("outside.") for name in tensors):  # older models have none
        expected |= {
            "outside.centroids": (None, dim),
            "outside.threshold": (),
            "outside.n_measured": (),
        }
    for name, shape in expected.items():
        if name not in tensors:
            raise ModelError(
                f"The model in {str(folder)!r} lacks the tensor {name!r}; train again."
            )
        found = tuple(tensors[name].shape)
        if len(found) != len(shape) or any(
            want is not None and want != got for want, got in zip(shape, found, strict=True)
        ):
            wanted = tuple("any" if size is None else size for size in shape)
            raise ModelError(
                f"The tensor {name!r} in {str(folder)!r} has shape {found}, expected {wanted}; the "
                "file does not belong to this config.json."
            )
        if not torch.isfinite(tensors[name]).all():
            raise ModelError(
                f"The tensor {name!r} in {str(folder)!r} holds NaN or infinite values; train again."
            )
    if "latent.extractor.hidden.weight" in tensors:
        hidden = tensors["latent.extractor.hidden.weight"].shape[0]
        z = tensors["latent.centroids"].shape[1]
        sizes = {
            "latent.extractor.hidden.bias": (hidden,),
            "latent.extractor.out.weight": (z, hidden),
            "latent.extractor.out.bias": (z,),
            "latent.extractor.output_mean": (z,),
            "latent.extractor.erasure": (z, z),
        }
        for name, shape in sizes.items():
            if tuple(tensors[name].shape) != shape:
                raise ModelError(
                    f"The tensor {name!r} in {str(folder)!r} has shape "
                    f"{tuple(tensors[name].shape)}, expected {shape}; the file is inconsistent."
                )
