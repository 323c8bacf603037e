"""A trained model for programs without PyTorch: the work of `ldpf export`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ldpf.data import EmbeddedImages
from ldpf.data.images import read_image
from ldpf.errors import DataError, SettingsError
from ldpf.export import Exported, export_onnx
from ldpf.export.onnx_file import Session, description_inside
from ldpf.models.folder import TENSORS
from ldpf.utils.files import file_digest, is_special, named_errors
from ldpf.utils.json_files import read_json_or_none
from ldpf.utils.locks import locked_file
from ldpf.utils.paths import full_path
from ldpf.utils.schema import Record
from ldpf.utils.text import quoted
from ldpf.utils.ways import named, setting
from ldpf.utils.writable import check_apart
from ldpf.workflows.evaluation import check_classes
from ldpf.workflows.inputs import (
    AnyBackbone,
    Images,
    ListedImages,
    TrainedModel,
    list_images,
    load_trained,
)
from ldpf.workflows.outputs import check_outputs

if TYPE_CHECKING:
    from ldpf.features.feature_set import FeatureSet

_AT_ONCE = 16


@dataclass(frozen=True)
class Agreement:
    """An exported file beside its model on the same N labeled images.

    Attributes:
        n_test: N.
        accuracy_before: of the model.
        accuracy: of the file.
        change: from one to the other.
        agreement: share of images with the same answer.
    """

    n_test: int
    accuracy_before: float
    accuracy: float
    change: float
    agreement: float


@dataclass(frozen=True)
class Export:
    """An exported model.

    Attributes:
        written: file, description, size, and the largest difference to PyTorch.
        part: "onnx" or "features".
        precision: "fp32", "fp16" or "int8".
        measured: what the export does to answers; None where no images were given.
    """

    written: Exported
    part: str
    precision: str
    measured: Agreement | None = None

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        report = {
            "file": str(self.written.path),
            "description": str(self.written.description),
            "part": self.part,
            "precision": self.precision,
            "mebibytes": round(self.written.mebibytes, 3),
            "difference": self.written.difference,
        }
        return report if self.measured is None else {**report, "measured": asdict(self.measured)}


def export(
    model: str | Path,
    out: str | Path,
    *,
    part: str = "onnx",
    precision: str = "fp32",
    data: Images | None = None,
    unmeasured: bool = False,
    overwrite: bool = False,
    backbone: AnyBackbone | None = None,
) -> Export:
    """Write a trained model as an ONNX file, compared with PyTorch before it is kept.

    Args:
        model: a model folder.
        out: the file; ends in .onnx.
        part: "onnx" for the way from pixels to answers, "features" for what comes behind the image
            encoder.
        precision: "fp32", "fp16" or "int8".
        data: labeled images to measure the file's accuracy on, beside the model's.
        unmeasured: write fp16 or int8 without `data`.
        overwrite: replace a file that was exported from another model, or with other options.
        backbone: where the backbone lies now; None for where it was during training.

    Raises:
        SettingsError: fp16 or int8 without `data`, an option that cannot be, `out` lies in the
            folder of the images, or is there already, of another model.
        DataError: there are classes that the model does not have, or embeddings for a graph that
            takes pixels.
        ModelError: the folder holds no model, or one that a graph cannot hold.
    """
    if precision in ("fp16", "int8") and data is None and not unmeasured:
        raise SettingsError(
            f"precision={precision!r} can change answers: give labeled images with "
            f"{named('data')} to have the change of accuracy measured, or "
            f"{setting('unmeasured')} to do without."
        )
    check_outputs(data, files={"out": out})
    file = full_path(out, named("out"))
    if not file.name.endswith(".onnx"):  # one that was exported before lies in the model's folder
        check_apart(file, [full_path(model, "model")])
    with locked_file(file, beside=[file.with_suffix(".json")]), named_errors(file):
        trained = load_trained(model, backbone, "cpu")
        digest = trained.config.get("tensors_sha256") or file_digest(trained.folder / TENSORS)
        if not overwrite:
            _check_same_model(file, trained, digest, part, precision)
        images = None if data is None else _listed(data, trained, part)
        written = export_onnx(
            trained.classifier,
            trained.backbone,
            file,
            part=part,
            precision=precision,
            model_digest=digest,
        )
        measured = None if images is None else _compared(trained, written.path, images, part)
        return Export(written, part, precision, measured)


def _check_same_model(
    file: Path, trained: TrainedModel, digest: str | None, part: str, precision: str
) -> None:
    """Refuse to replace a file that this export would not write again."""
    if not file.exists() or is_special(file):
        return
    # The file beside it is written last: a process that was killed has not always come to that.
    before = read_json_or_none(file.with_suffix(".json"), Record()) or description_inside(file)
    before = before or {}
    now = {
        "model_sha256": digest,
        "class_names": list(trained.classifier.class_names),
        "precision": precision,
        "part": part,
    }
    differs = [name for name, value in now.items() if before.get(name) != value]
    if differs:
        what = {"model_sha256": "another model", "class_names": "other class names"}
        option = f"{differs[0]}={quoted(before.get(differs[0]))}"
        raise SettingsError(
            f"{str(file)!r} is there already, exported from or with "
            f"{what.get(differs[0], option)}; give another file with {named('out')}, or "
            f"replace it with {setting('overwrite')}."
        )


def _listed(data: Images, trained: TrainedModel, part: str) -> ListedImages:
    """What to measure on; refused before anything is written."""
    images = list_images(data)
    check_classes(images.dataset, trained.classifier.class_names, trained.folder)
    if part == "onnx" and isinstance(images.dataset, EmbeddedImages):
        raise DataError(
            f"{images.source.source!r} holds embeddings, but the graph takes pixels; give images, "
            "or export the part behind the image encoder "
            f"({setting('part', 'features', option='to')})."
        )
    return images


def _compared(trained: TrainedModel, path: Path, images: ListedImages, part: str) -> Agreement:
    """Accuracy of the file and of the model on the same images."""
    features = images.encode(trained.backbone).features
    labels = features.with_classes_of(trained.classifier.class_names).labels.numpy()
    before = trained.classifier.logits(features.features).argmax(dim=1).numpy()
    session = Session(path)
    now = np.concatenate(
        [
            session.run(_inputs(trained, images, features, rows, part))[0].argmax(axis=1)
            for start in range(0, len(features), _AT_ONCE)
            for rows in [slice(start, start + _AT_ONCE)]
        ]
    )
    accuracy_before, accuracy = float((before == labels).mean()), float((now == labels).mean())
    return Agreement(
        n_test=len(labels),
        accuracy_before=accuracy_before,
        accuracy=accuracy,
        change=accuracy - accuracy_before,
        agreement=float((now == before).mean()),
    )


def _inputs(
    trained: TrainedModel, images: ListedImages, features: FeatureSet, rows: slice, part: str
) -> Any:
    """A batch as the graph takes it: features, or pixels before normalization."""
    if part == "features":
        return features.features[rows]
    pictures = [read_image(images.dataset.root / path) for path in features.paths[rows]]
    return trained.backbone.preprocess(pictures, normalized=False)
