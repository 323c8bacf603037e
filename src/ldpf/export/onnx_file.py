"""Write an ONNX file, compare it with PyTorch, and keep it only if they agree."""

from __future__ import annotations

import copy
import importlib.util
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ldpf.errors import LdpfError, ModelError, SettingsError
from ldpf.export.graph import FeatureHead, PixelGraph
from ldpf.export.preprocessing import describe_preprocessing
from ldpf.export.quantize import PRECISIONS, reduce_precision
from ldpf.utils.constraints import OneOf, check_value
from ldpf.utils.files import open_atomic
from ldpf.utils.json_files import write_json
from ldpf.utils.onnx_graph import write_graph
from ldpf.utils.seed import generator
from ldpf.utils.temporary import temporary_folder
from ldpf.version import __version__

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.models.base import Classifier

TOLERANCE = 1e-4
"""Largest difference of any output to PyTorch's that a float32 file may have."""

OUTPUTS = ("probabilities", "domain_weights")
_TRIED_BATCHES = (1, 2, 5)
_PROPERTY = "ldpf"
"""Name of the description in the file's own metadata."""


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: the ONNX file.
        description: the JSON file next to it.
        difference: largest difference of an output to PyTorch's on random inputs.
        mebibytes: size of the ONNX file.
    """

    path: Path
    description: Path
    difference: float
    mebibytes: float


def export_onnx(
    classifier: Classifier,
    backbone: Backbone,
    out: Path,
    *,
    part: str = "onnx",
    precision: str = "fp32",
    model_digest: str | None = None,
) -> Exported:
    """Write a trained model as one ONNX file with a JSON description next to it.

    The graph has the outputs `probabilities` [N, K] and `domain_weights` [N, S] and takes any
    number of images. It is compared with PyTorch on random inputs in batches of different size; a
    float32 file that differs by more than `TOLERANCE` is not kept.

    Args:
        classifier: what was trained.
        backbone: it was trained with.
        out: where the file goes, ending in `.onnx`.
        part: `onnx`, from `pixels` [N, 3, H, W] (RGB from 0 to 255, resized and cropped), or
            `features`, the head alone, from `features` [N, D] of the same backbone (of any length).
        precision: `fp32`, `fp16` (weights and most operations; inputs and outputs stay float32) or
            `int8` (matrix products; convolutions stay as they are).
        model_digest: of the model's tensors, for the description.

    Raises:
        SettingsError: an unknown part or precision, or a file name without `.onnx`.
        ModelError: a graph cannot hold this kind of classifier, or its fusion rule.
        LdpfError: the packages of the extra `export` are missing, or the file differs too much.
    """
    check_value("part", part, OneOf(("onnx", "features")))
    check_value("precision", precision, OneOf(PRECISIONS))
    if out.suffix != ".onnx":
        raise SettingsError(f"The file {str(out)!r} should end in '.onnx'.")
    require_onnx()
    draws = generator(0, "export")
    sizes = [3, backbone.image_size, backbone.image_size]
    if part == "features":
        graph, name, shape = FeatureHead(classifier), "features", [backbone.embed_dim]
    else:
        graph, name, shape = PixelGraph(classifier, backbone), "pixels", sizes
    graph = graph_on_cpu(graph)
    description = describe(classifier, backbone, name, shape, precision)
    description |= {"part": part, "model_sha256": model_digest}
    out.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(out) as folder:
        draft = folder / "fp32.onnx"
        try:
            write_graph(graph, _drawn(name, 2, shape, draws), name, OUTPUTS, draft)
        except OSError:  # a full disk says nothing of the graph
            raise
        except Exception as error:  # the exporter's own errors share no base
            raise ModelError(
                f"The {classifier.method!r} model cannot be exported: a part of it is not made of "
                f"tensor operations that a graph can hold ({str(error).strip().splitlines()[0]})."
            ) from error
        draft = reduce_precision(draft, precision)
        _describe_inside(draft, description)
        inputs = [_drawn(name, n, shape, draws) for n in _TRIED_BATCHES]
        difference = max(_difference(graph, draft, batch) for batch in inputs)
        if precision == "fp32" and not difference <= TOLERANCE:
            raise LdpfError(
                f"The exported graph differs from PyTorch by {difference:.2g}, more than "
                f"{TOLERANCE:g}, so it was not written. Please report the model and the versions "
                "of torch, onnx and onnxruntime."
            )
        with draft.open("rb") as content, open_atomic(out, "wb") as stream:
            shutil.copyfileobj(content, stream)
    description_file = out.with_suffix(".json")
    write_json(description_file, description)
    return Exported(out, description_file, difference, out.stat().st_size / 2**20)


def graph_on_cpu(graph: nn.Module) -> nn.Module:
    """The graph on the CPU, where it is traced; the backbone in it stays where it is."""
    if any(parameter.device.type != "cpu" for parameter in graph.parameters()):
        graph = copy.deepcopy(graph).to("cpu")
    return graph.eval().requires_grad_(False)


def require_onnx() -> None:
    """Raise LdpfError unless the packages of the extra `export` are there."""
    needed = ("onnx", "onnxscript", "onnxruntime")
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        raise LdpfError(
            f"Exporting needs {', '.join(missing)}; install with: pip install 'ldpf[export]'"
        )


def describe(
    classifier: Classifier, backbone: Backbone, name: str, shape: list[int], precision: str
) -> dict[str, Any]:
    """Everything a program needs besides the graph: classes, input and preprocessing."""
    return {
        "class_names": list(classifier.class_names),
        "n_domains": classifier.n_domains,
        "input": {"name": name, "shape": ["images", *shape], "type": "float32"},
        "outputs": list(OUTPUTS),
        "precision": precision,
        "preprocessing": describe_preprocessing(backbone) if name == "pixels" else None,
        "backbone": {"name": backbone.name, "fingerprint": backbone.fingerprint},
        "method": classifier.method,
        "written_by": f"ldpf {__version__}",
    }


def run_graph(path: Path, batch: torch.Tensor) -> list[np.ndarray]:
    """Probabilities [N, K] and domain weights [N, S] by onnxruntime on the CPU."""
    return Session(path).run(batch)


class Session:
    """An exported graph in onnxruntime."""

    def __init__(self, path: Path) -> None:
        """Load the file."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # a warning for each weight that an optimization drops
        self.session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )

    def run(self, batch: torch.Tensor) -> list[np.ndarray]:
        """Outputs of one batch, in the order of `OUTPUTS`."""
        (entry,) = self.session.get_inputs()
        values = self.session.run(list(OUTPUTS), {entry.name: batch.numpy()})
        return [np.asarray(value) for value in values]


def _drawn(name: str, n: int, shape: list[int], draws: torch.Generator) -> torch.Tensor:
    """Random inputs: pixels in their range, or features."""
    drawn = torch.randn(n, *shape, generator=draws)
    return drawn if name == "features" else 255 * torch.sigmoid(drawn)


@torch.no_grad()
def _difference(graph: torch.nn.Module, path: Path, batch: torch.Tensor) -> float:
    found = [torch.from_numpy(value) for value in run_graph(path, batch)]
    return max(
        float(F.l1_loss(ours, theirs, reduction="none").max())
        for ours, theirs in zip(graph(batch), found, strict=True)
    )


def description_inside(path: Path) -> dict[str, Any] | None:
    """The description that `export_onnx` wrote into a file's metadata; None for other files."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        properties = onnx.load(path, load_external_data=False).metadata_props
        described = json.loads(next(one.value for one in properties if one.key == _PROPERTY))
    except (OSError, ValueError, RecursionError, StopIteration, DecodeError):
        return None
    return described if isinstance(described, dict) else None


def _describe_inside(path: Path, description: dict[str, Any]) -> None:
    """Write the description into the file's own metadata."""
    import onnx

    model = onnx.load(path)
    onnx.helper.set_model_props(model, {_PROPERTY: json.dumps(description, ensure_ascii=False)})
    onnx.save(model, path)
