"""A backbone's preprocessing in plain words and numbers, for programs without transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ldpf.backbones import Backbone


def describe_preprocessing(backbone: Backbone) -> dict[str, Any]:
    """Steps from an RGB image to the graph's input, in this order.

    Returns:
        `resize`: `{"shortest_edge": n}` (the longer side in proportion, rounded down) or
        `{"height": h, "width": w}`, or None; `interpolation`: PIL's number of the filter;
        `center_crop`: `[h, w]` or None; `scale`: factor for the values 0 to 255; `mean` and `std`:
        for each channel, or None.
    """
    processor = backbone.image_processor
    crop = processor.crop_size if processor.do_center_crop else None
    return {
        "resize": _plain(processor.size) if processor.do_resize else None,
        "interpolation": int(processor.resample),
        "center_crop": None if crop is None else [int(crop["height"]), int(crop["width"])],
        "scale": float(processor.rescale_factor) if processor.do_rescale else 1.0,
        "mean": list(processor.image_mean) if processor.do_normalize else None,
        "std": list(processor.image_std) if processor.do_normalize else None,
    }


def _plain(size: Any) -> dict[str, int]:
    names = ("shortest_edge", "height", "width")
    return {name: int(size[name]) for name in names if size.get(name) is not None}
