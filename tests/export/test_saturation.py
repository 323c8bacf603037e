"""An int8 file gives the same answers on every processor.

`pmaddubsw`, which processors without VNNI use, is simulated, so these tests fail on every machine
if the file's products could exceed 16 bits.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ldpf.errors import LdpfError
from ldpf.export import export_onnx
from ldpf.export.quantize import reduce_precision
from ldpf.export.saturation import (
    IntegerProduct,
    exact_product,
    integer_products,
    require_exact_products,
    saturating_product,
)

from .test_graph import classifier

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

K, M = 64, 6
WORST = 1.0 - 2.0 * (torch.arange(M) % 2)  # columns of all +1 and of all -1


def session(source) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def with_eight_bits(path: Path) -> Path:
    """The same graph quantized as onnxruntime does it when it is not told otherwise."""
    from onnxruntime.quantization import quantize_dynamic

    out = path.with_name("eight.onnx")
    quantize_dynamic(path, out, per_channel=True)
    return out


def worst_activations(weights: np.ndarray) -> np.ndarray:
    """Two rows for each column of `weights` [K, M]: its largest and its smallest product."""
    rows = np.concatenate([weights.T > 0, weights.T < 0])
    return (255 * rows).astype(np.uint8)


@pytest.fixture(scope="module")
def linear(tmp_path_factory) -> Path:
    """A float32 graph x @ W whose columns are as large as weights of one scale can be."""
    path = tmp_path_factory.mktemp("linear") / "fp32.onnx"
    weights = onnx.numpy_helper.from_array(WORST.expand(K, M).numpy().copy(), "w")
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"], name="product")],
        "linear",
        [value("x", onnx.TensorProto.FLOAT, ["n", K])],
        [value("y", onnx.TensorProto.FLOAT, ["n", M])],
        [weights],
    )
    opset = [onnx.helper.make_opsetid("", 18)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    return path


@pytest.fixture(scope="module")
def exported(tiny_clip, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("export") / "int8.onnx"
    return export_onnx(classifier(), tiny_clip, out, precision="int8").path


def test_the_worst_input_gets_the_answer_of_float(linear):
    x = np.ones((3, K), np.float32)  # every activation becomes 255
    (answer,) = session(str(reduce_precision(linear, "int8"))).run(None, {"x": x})
    np.testing.assert_allclose(answer, x @ WORST.expand(K, M).numpy(), rtol=1e-3)


def test_the_worst_input_does_not_saturate_where_sums_have_16_bits(linear):
    [product] = integer_products(onnx.load(reduce_precision(linear, "int8")))
    worst = worst_activations(product.weights)
    exact = exact_product(worst, product.weights)
    np.testing.assert_array_equal(saturating_product(worst, product.weights), exact)
    assert abs(exact).max() == K * 255 * 64  # the input really is the worst one


def test_weights_of_8_bits_would_saturate_and_are_refused(linear):
    path = with_eight_bits(linear)
    [product] = integer_products(onnx.load(path))
    worst = worst_activations(product.weights)
    exact, clipped = (f(worst, product.weights) for f in (exact_product, saturating_product))
    assert abs(exact - clipped).max() > 0.4 * abs(exact).max()
    with pytest.raises(LdpfError, match=r"'product_quant' can add up to 64770"):
        require_exact_products(path)


def test_every_product_of_an_exported_model_is_exact_for_its_worst_input(exported):
    products = integer_products(onnx.load(exported))
    assert len(products) > 10
    for product in products:
        worst = worst_activations(product.weights)
        np.testing.assert_array_equal(
            saturating_product(worst, product.weights), exact_product(worst, product.weights)
        )
        assert product.largest_pair_sum <= 32767


def test_every_product_is_exact_for_the_activations_of_images(exported, tiny_clip):
    model = onnx.load(exported)
    products = integer_products(model)
    for name in {product.activations for product in products}:
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, 2, None))
    size = tiny_clip.image_size
    pixels = np.random.default_rng(0).uniform(0, 255, (3, 3, size, size)).astype(np.float32)
    running = session(model.SerializeToString())
    for product in products:
        (seen,) = running.run([product.activations], {"pixels": pixels})
        rows = seen.reshape(-1, seen.shape[-1])
        assert rows.dtype == np.uint8 and rows.max() == 255
        np.testing.assert_array_equal(
            saturating_product(rows, product.weights), exact_product(rows, product.weights)
        )


def test_the_bound_is_that_of_the_two_largest_weights_of_a_column():
    weights = np.array([[1, 5], [-60, 2], [3, 4], [-70, 0]], np.int8)
    assert IntegerProduct("p", "x", weights).largest_pair_sum == 255 * 130
    assert IntegerProduct("p", "x", weights[:1]).largest_pair_sum == 255 * 5


@pytest.mark.parametrize(
    ("node", "named"),
    [
        (("MatMulInteger", ["x", "y"]), "'n'"),
        (("MatMulInteger", ["x", "unsigned"]), "'n'"),
        (("ConvInteger", ["x", "w"]), "'ConvInteger'"),
    ],
)
def test_operations_without_a_bound_are_refused(node, named):
    kind, inputs = node
    values = np.ones((2, 2), np.int8)
    stored = [
        onnx.numpy_helper.from_array(values, "w"),
        onnx.numpy_helper.from_array(values.astype(np.uint8), "unsigned"),
    ]
    nodes = [onnx.helper.make_node(kind, inputs, ["z"], name="n")]
    graph = onnx.helper.make_graph(nodes, "g", [], [], stored)
    with pytest.raises(LdpfError, match=named):
        integer_products(onnx.helper.make_model(graph))
