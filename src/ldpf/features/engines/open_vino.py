"""OpenVINO."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ldpf.features.engines.base import ENGINES, ImageEngine

if TYPE_CHECKING:
    import numpy as np

    from ldpf.features.engines.base import Encode


@ENGINES.register("openvino")
@dataclass(frozen=True)
class OpenVino(ImageEngine):
    """OpenVINO on the CPU, in float32."""

    package: ClassVar[str] = "openvino"

    def load(self, graph: Path, threads: int) -> Encode:
        """See `ImageEngine.load`."""
        import openvino

        core = openvino.Core()
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            # Its own choice is bfloat16 where the processor has it, which moves features by more
            # than a different order of sums does.
            "INFERENCE_PRECISION_HINT": "f32",
        }
        model = core.compile_model(core.read_model(str(graph)), "CPU", settings)

        def encode(pixels: np.ndarray) -> np.ndarray:
            return model(pixels)[0].copy()  # the engine's own memory is written to again

        return encode
