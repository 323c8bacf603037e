"""Proof that an 8-bit file gives the same answers on every processor.

The products of an int8 file multiply unsigned activations in [0, 255] with signed weights. A
processor with a dot-product instruction (VNNI on x86, SDOT/UDOT on ARM) adds them in 32 bits. One
without (AVX2 or AVX-512 alone) multiplies with `pmaddubsw`, which adds two neighboring products in
16 bits and clips the sum to [-32768, 32767]. With weights of 8 bits a pair reaches
2 * 255 * 127 = 64770, so the same file gives other answers there, without any warning. Weights of
7 bits reach 2 * 255 * 64 = 32640 and never clip.

`require_exact_products` proves this bound for the weights that a file really holds.
`saturating_product` is what a processor without a dot-product instruction computes, and
`exact_product` what all others do; they are the reference that the bound is tested against.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ldpf.errors import LdpfError

if TYPE_CHECKING:
    import onnx

LARGEST_ACTIVATION = 255
SMALLEST_SUM, LARGEST_SUM = -32768, 32767
"""Range of the 16-bit sum of two products."""


@dataclass(frozen=True)
class IntegerProduct:
    """A matrix product in 8 bits.

    Attributes:
        node: its name in the graph.
        activations: name of the tensor of unsigned activations, [..., K].
        weights: signed weights, int8 [..., K, N].
    """

    node: str
    activations: str
    weights: np.ndarray

    @property
    def largest_pair_sum(self) -> int:
        """Bound of the sum of any two products in a column, whatever the activations are.

        Any two rows are taken, not only neighbors: the bound holds for every order in which a
        processor pairs them.
        """
        sizes = np.sort(np.abs(self.weights.astype(np.int64)), axis=-2)
        return LARGEST_ACTIVATION * int(sizes[..., -2:, :].sum(axis=-2).max(initial=0))


def integer_products(model: onnx.ModelProto) -> list[IntegerProduct]:
    """All matrix products in 8 bits of an ONNX graph.

    Raises:
        LdpfError: an 8-bit operation of another kind, or weights that are not stored as int8; no
            bound is known for them.
    """
    from onnx import TensorProto, numpy_helper

    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    small = {
        name
        for name, tensor in stored.items()
        if tensor.data_type in (TensorProto.INT8, TensorProto.UINT8) and len(tensor.dims) > 1
    }
    products = []
    for node in model.graph.node:
        if node.op_type == "MatMulInteger":
            weights = stored.get(node.input[1])
            if weights is None or weights.data_type != TensorProto.INT8:
                raise LdpfError(
                    f"The weights of {node.name!r} are not stored as int8, so nothing bounds its "
                    "sums; export with precision 'fp16' or 'fp32'."
                )
            array = numpy_helper.to_array(weights)
            products.append(IntegerProduct(node.name, node.input[0], array))
        elif small & set(node.input):
            raise LdpfError(
                f"The graph has the 8-bit operation {node.op_type!r} ({node.name!r}), for which no "
                "bound is known; export with precision 'fp16' or 'fp32'."
            )
    return products


def require_exact_products(path: Path) -> None:
    """Raise LdpfError unless no 8-bit product of a file can exceed 16 bits.

    Args:
        path: of an ONNX file.
    """
    import onnx

    for product in integer_products(onnx.load(path)):
        if (bound := product.largest_pair_sum) > LARGEST_SUM:
            raise LdpfError(
                f"Two products of {product.node!r} can add up to {bound}, more than {LARGEST_SUM}, "
                "so processors without VNNI would give other answers; export with precision "
                "'fp16' or 'fp32'."
            )


def exact_product(activations: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """activations @ weights in 32 bits: uint8 [N, K], int8 [K, M] -> int32 [N, M]."""
    return activations.astype(np.int32) @ weights.astype(np.int32)


def saturating_product(activations: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """activations @ weights as `pmaddubsw` computes it: pairs of rows added in 16 bits.

    Args:
        activations: uint8 [N, K].
        weights: int8 [K, M].

    Returns:
        int32 [N, M].
    """
    total = np.zeros((len(activations), weights.shape[1]), np.int32)
    for row in range(0, len(weights), 2):
        pair = exact_product(activations[:, row : row + 2], weights[row : row + 2])
        total += pair.clip(SMALLEST_SUM, LARGEST_SUM)
    return total
