"""A torchvision of another build of torch, made importable."""

from __future__ import annotations

import functools
import re
import sys
from importlib.util import find_spec
from typing import Any

_declared: dict[str, Any] = {}
"""Libraries of operators by their names; torch forgets one with its object."""


@functools.cache
def mend_torchvision() -> None:
    """Let `import torchvision` succeed where only its compiled operators cannot be loaded.

    Nothing here uses torchvision, but timm needs it, and transformers imports it wherever it is
    installed. One that was built for another torch (from PyPI, beside a torch for the CPU) ends
    with `operator torchvision::nms does not exist` while it describes operators, and takes every
    model of transformers with it. The operators are declared then, and the import continues;
    calling one of them still fails. To be called before transformers is imported.
    """
    if find_spec("torchvision") is None:
        return
    while True:
        try:
            import torchvision  # noqa: F401  # pyright: ignore[reportMissingImports]
        except RuntimeError as error:
            missing = re.search(r"operator torchvision::(\w+) does not exist", str(error))
            if missing is None or missing[1] in _declared:
                return
            _declare(missing[1])
        except (ImportError, OSError):
            return
        else:
            return
        for module in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[module]


def _declare(operator: str) -> None:
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    library.define(f"{operator}(Tensor input) -> Tensor")
    _declared[operator] = library
