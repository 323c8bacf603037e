from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from ldpf.features.engines import ENGINES, ImageEngine
from ldpf.features.engines import tower as towers


@pytest.fixture
def stand_in_engine(tiny_clip, monkeypatch) -> Any:
    """An engine `quick` without packages: PyTorch's features, times `factor`, plus `shift`."""

    @dataclass(frozen=True)
    class Quick(ImageEngine):
        """A stand-in for another engine."""

        package: ClassVar[str] = "quick"
        factor: ClassVar[float] = 1.0
        shift: ClassVar[float] = 0.0
        loads: ClassVar[list[Path]] = []
        version: ClassVar[str] = "1.0"
        registered_name: ClassVar[str] = "quick"

        def load(self, graph, threads):
            self.loads.append(graph)
            if graph.read_bytes() != b"graph":
                raise ValueError("no graph")

            def encode(pixels):
                features = tiny_clip.encode_images(torch.from_numpy(pixels))
                features[:, 0] += self.shift
                return (features * self.factor).numpy()

            return encode

    def write(module, example, input_name, output_names, path):
        assert module(example).shape == (2, tiny_clip.embed_dim)
        path.write_bytes(b"graph")

    monkeypatch.setattr(towers, "write_graph", write)
    monkeypatch.setattr(towers, "PACKAGES", ())
    with monkeypatch.context() as patch:
        patch.setitem(ENGINES._entries, "quick", Quick)
        patch.setitem(ENGINES._facts, "quick", {})
        yield Quick
