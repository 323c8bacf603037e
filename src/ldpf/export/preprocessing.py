"""A backbone's preprocessing as plain values, for programs without transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ldpf.backbones import Backbone


def describe_preprocessing(backbone: Backbone) -> dict[str, Any]:
    """Steps from an RGB image to the graph's input, in this order.

    What is left to do with the values themselves is part of the graph: see `normalization`.

    Returns:
        `resize`: `{"shortest_edge": n}` (the longer side in proportion, rounded down) or
        `{"height": h, "width": w}`, or None; `interpolation`: PIL's number of the filter;
        `center_crop`: `[h, w]` or None; `values`: what a value of the input means.
    """
    processor = backbone.image_processor
    crop = processor.crop_size if processor.do_center_crop else None
    return {
        "resize": _plain(processor.size) if processor.do_resize else None,
        "interpolation": int(processor.resample),
        "center_crop": None if crop is None else [int(crop["height"]), int(crop["width"])],
        "values": "RGB, 0 to 255",
    }


def normalization(backbone: Backbone) -> tuple[list[float], list[float]]:
    """Factor and offset of each channel that turn values from 0 to 255 into those of the tower."""
    processor = backbone.image_processor
    scale = float(processor.rescale_factor) if processor.do_rescale else 1.0
    mean = list(processor.image_mean) if processor.do_normalize else [0.0, 0.0, 0.0]
    std = list(processor.image_std) if processor.do_normalize else [1.0, 1.0, 1.0]
    return [scale / s for s in std], [-m / s for m, s in zip(mean, std, strict=True)]


def _plain(size: Any) -> dict[str, int]:
    names = ("shortest_edge", "height", "width")
    return {name: int(size[name]) for name in names if size.get(name) is not None}
