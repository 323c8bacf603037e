"""ONNX Runtime."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ldpf.features.engines.base import ENGINES, ImageEngine

if TYPE_CHECKING:
    import numpy as np

    from ldpf.features.engines.base import Encode


@ENGINES.register("onnxruntime")
@dataclass(frozen=True)
class OnnxRuntime(ImageEngine):
    """ONNX Runtime on the CPU."""

    package: ClassVar[str] = "onnxruntime"

    def load(self, graph: Path, threads: int) -> Encode:
        """See `ImageEngine.load`."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # a warning for each weight that an optimization drops
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(
            str(graph), options, providers=["CPUExecutionProvider"]
        )
        (entry,) = session.get_inputs()

        def encode(pixels: np.ndarray) -> np.ndarray:
            outputs: Any = session.run(None, {entry.name: pixels})
            return outputs[0]

        return encode
