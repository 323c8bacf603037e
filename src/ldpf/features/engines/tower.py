"""The image tower as an ONNX file in the cache, written once for a backbone."""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import nn

from ldpf.errors import BackboneError
from ldpf.utils.locks import locked_file
from ldpf.utils.onnx_graph import PACKAGES, write_graph
from ldpf.utils.temporary import temporary_folder
from ldpf.utils.ways import setting

if TYPE_CHECKING:
    from ldpf.backbones import Backbone

log = logging.getLogger("ldpf")

VERSION = "tower-1"
"""Changes when the exported graph computes something else."""


class ImageTower(nn.Module):
    """Preprocessed pixels [N, 3, H, W] to image features [N, D] of length one."""

    def __init__(self, backbone: Backbone) -> None:
        """The image tower of a backbone on the CPU."""
        super().__init__()
        self.model = backbone.model

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Features of pixels."""
        output = self.model.get_image_features(pixel_values=pixels)
        return F.normalize(output.pooler_output.flatten(1).float(), dim=-1)


def missing_packages() -> list[str]:
    """Packages that writing the graph needs and that are not installed."""
    return [name for name in PACKAGES if importlib.util.find_spec(name) is None]


def tower_folder(cache_dir: Path, backbone: Backbone) -> Path:
    """Where what belongs to the backbone's engines is kept."""
    return cache_dir / "engines" / backbone.fingerprint[:16]


def exported_tower(backbone: Backbone, cache_dir: Path) -> Path:
    """The ONNX file of the image tower; written first where it is not there yet.

    Raises:
        BackboneError: the tower cannot be written as a graph.
    """
    folder = tower_folder(cache_dir, backbone)
    file = folder / f"{VERSION}.onnx"
    if file.exists():
        return file
    folder.mkdir(parents=True, exist_ok=True)
    with locked_file(file), temporary_folder(file) as beside:
        if file.exists():  # another process wrote it meanwhile
            return file
        log.info("image engine: exporting the image tower once, to %s", file)
        size = backbone.image_size
        draft = beside / file.name
        try:
            with torch.no_grad():
                module = ImageTower(backbone).eval()
                write_graph(module, torch.zeros(2, 3, size, size), "pixels", ["features"], draft)
        except Exception as error:  # the exporter's own errors share no base
            raise BackboneError(
                f"The image tower of backbone {backbone.name!r} cannot be exported for another "
                f"engine ({str(error).strip().splitlines()[0][:200]}); use "
                f"{setting('image_engine', 'torch')}."
            ) from error
        draft.replace(file)
    return file
