"""ONNX files with smaller numbers."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

from ldpf.export.saturation import require_exact_products

PRECISIONS = ("fp32", "fp16", "int8")


def reduce_precision(path: Path, precision: str) -> Path:
    """A float32 graph as one of `PRECISIONS`, in a file next to it; for `fp32` the file itself.

    Raises:
        LdpfError: a product of the int8 file could exceed 16 bits; see `saturation`.
    """
    if precision == "fp32":
        return path
    out = path.with_name(f"{precision}.onnx")
    if precision == "fp16":
        _to_half(path, out)
    else:
        _to_int8(path, out)
        require_exact_products(out)
    return out


def _to_half(path: Path, out: Path) -> None:
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    # Shapes are inferred by onnx itself: the converter needs them to place its casts.
    model = onnx.shape_inference.infer_shapes(onnx.load(path))
    onnx.save(convert_float_to_float16(model, keep_io_types=True), out)


def _to_int8(path: Path, out: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _without_advice():
        # Matrix products only, which is nearly all of a transformer: int8 convolutions cost a
        # MobileNetV2 20 points of accuracy (PACS).
        quantize_dynamic(
            path,
            out,
            op_types_to_quantize=["MatMul", "Gemm"],
            per_channel=True,
            # Weights in [-64, 64]: with 8 bits, sums overflow on processors without VNNI.
            reduce_range=True,
            weight_type=QuantType.QInt8,
        )


@contextlib.contextmanager
def _without_advice() -> Iterator[None]:
    """The quantizer gives advice through the root logger, and so gives that one a handler."""
    handlers = list(logging.root.handlers)
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        logging.root.handlers[:] = handlers
