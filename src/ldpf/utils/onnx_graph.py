"""A PyTorch module as an ONNX file."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

PACKAGES = ("onnx", "onnxscript")
"""What writing one needs beside torch."""


def write_graph(
    module: torch.nn.Module,
    example: torch.Tensor,
    input_name: str,
    output_names: Sequence[str],
    path: Path,
) -> None:
    """Write a module for any number of rows of its input.

    Args:
        module: on the CPU, in eval mode.
        example: an input of at least two rows.
        input_name: in the file.
        output_names: in the file.
        path: of the file; weights are in it.

    Raises:
        Exception: the exporter's own errors, which share no base.
    """
    import torch

    with _quiet():
        torch.onnx.export(
            module,
            (example,),
            str(path),
            input_names=[input_name],
            output_names=list(output_names),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("images")},),
            external_data=False,  # one file that can be sent
            verbose=False,
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter reports its progress and optional packages on every channel there is."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
