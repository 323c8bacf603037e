"""Image towers of timm, as OpenCLIP checkpoints use them (BiomedCLIP, MobileCLIP 2, PE-Core).

It builds what `TimmModel` of https://github.com/mlfoundations/open_clip (timm_model.py) builds: the
named model without its classifier, or with it as the projection, and a projection behind it.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Any

from torch import Tensor, nn

from ldpf.backbones.open_clip_fields import Fields
from ldpf.errors import BackboneError
from ldpf.utils.text import first_line
from ldpf.utils.torchvision_import import mend_torchvision

_PROJECTIONS = ("linear", "mlp", "none", "", None)
_ATTENTION_POOLS = ("abs_attn", "rot_attn")
_NAME = re.compile(r"[\w.-]+")


class TimmImage(nn.Module):
    """A model of timm and what OpenCLIP puts behind it."""

    def __init__(self, trunk: nn.Module, head: nn.Module) -> None:
        """Put them together, under OpenCLIP's names."""
        super().__init__()
        self.trunk = trunk
        self.head = head

    def forward(self, pixels: Tensor) -> Tensor:
        """[N, 3, H, W] to [N, D]."""
        return self.head(self.trunk(pixels))


def build(fields: Fields) -> TimmImage:
    """The image tower that `vision_cfg` describes, with random weights.

    Raises:
        BackboneError: timm is not installed, does not know the model, or the pooling or projection
            is not one of OpenCLIP's.
    """
    image, dim = fields.image, fields.embed_dim
    name, pooling, projection = image["timm_model_name"], image["timm_pool"], image["timm_proj"]
    if projection not in _PROJECTIONS:
        raise fields.refuse("vision_cfg.timm_proj", projection)
    side = fields.side("vision_cfg.image_size", image["image_size"])
    timm = import_timm(fields.name)
    # A name with a scheme ('hf-hub:...') would download weights.
    if not _NAME.fullmatch(str(name)) or not timm.is_model(str(name)):
        raise BackboneError(
            f"The OpenCLIP model {fields.name!r} has the image tower {name!r}, which timm "
            f"{timm.__version__} does not know; run pip install -U timm, or check the name."
        )
    own_pool = pooling in _ATTENTION_POOLS
    try:
        if projection in ("linear", "mlp") or own_pool:
            trunk = timm.create_model(name, pretrained=False)
            reset = {"global_pool": "" if own_pool else pooling} if pooling else {}
            trunk.reset_classifier(0, **reset)
            width = trunk.num_features
        else:  # the model's own classifier is the projection, or there is none
            classes = 0 if projection == "none" else dim
            trunk = timm.create_model(
                name, num_classes=classes, global_pool=pooling, pretrained=False
            )
            width = dim
        _resize(trunk, side)
        head = _head(timm, trunk, width, dim, image)
    except (TypeError, AssertionError, ValueError, RuntimeError) as error:
        raise BackboneError(
            f"The OpenCLIP model {fields.name!r} asks timm for {name!r} with timm_pool={pooling!r} "
            f"and timm_proj={projection!r}, which it cannot build ({first_line(error)})."
        ) from error
    return TimmImage(trunk, head)


def _head(timm: Any, trunk: Any, width: int, dim: int, image: dict[str, Any]) -> nn.Sequential:
    pooling, projection = image["timm_pool"], image["timm_proj"]
    bias = bool(image["timm_proj_bias"])
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    if pooling == "abs_attn":
        size = trunk.default_cfg.get("pool_size")
        layers["pool"] = timm.layers.AttentionPool2d(width, feat_size=size, out_features=dim)
        width = dim
    elif pooling == "rot_attn":
        layers["pool"] = timm.layers.RotAttentionPool2d(width, out_features=dim)
        width = dim
    if projection == "linear":
        layers["proj"] = nn.Linear(width, dim, bias=bias)
    elif projection == "mlp":
        layers["mlp"] = timm.layers.Mlp(width, 2 * dim, dim, bias=(True, bias))
    return nn.Sequential(layers)


def _resize(trunk: Any, side: int) -> None:
    """Give the model the input size of the checkpoint, where it is made for one size."""
    own = trunk.default_cfg.get("input_size", (3, side, side))[-1]
    if own != side and hasattr(trunk, "set_input_size"):
        trunk.set_input_size((side, side))


def import_timm(name: str) -> Any:
    """The package timm.

    Args:
        name: of the backbone that needs it.

    Raises:
        BackboneError: it cannot be imported.
    """
    mend_torchvision()
    try:
        import timm  # pyright: ignore[reportMissingImports]
        import timm.layers  # pyright: ignore[reportMissingImports]
    except (ImportError, RuntimeError) as error:
        raise BackboneError(
            f"The image tower of {name!r} is one of timm's, and timm cannot be imported here "
            f"({first_line(error)}); run pip install 'ldpf[timm]'."
        ) from error
    return timm
