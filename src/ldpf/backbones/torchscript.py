"""The tensors of a TorchScript archive, read as data: nothing in it is executed or imported.

OpenAI published CLIP as such archives (`ViT-B-16.pt`). An archive is a zip: `data.pkl` is the tree
of modules, pickled, `data/0`, `data/1`, ... are the bytes of its tensors, and `code/` is the
program, in a language of its own. `torch.jit.load` compiles and could run that program, and a
pickle can call any function. Here the pickle is read by an unpickler that knows how to rebuild a
tensor and nothing else, and the program is only looked at as text.

The format is defined by PyTorch's serializer (torch/csrc/jit/serialization/docs/serialization.md).
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ldpf.backbones.pickled import runs_code, unreadable
from ldpf.errors import BackboneError

_MODULES = "__torch__."
"""How the classes of the archive's own modules begin."""

_TEXT_LIMIT = 32 * 2**20
"""Bytes of program text that are looked at."""


@dataclass(frozen=True)
class Archive:
    """What a TorchScript archive holds.

    Attributes:
        weights: its tensors by their place in the tree of modules, as in a state_dict.
        program: its program, as text.
    """

    weights: dict[str, Tensor]
    program: str


def is_archive(path: Path) -> bool:
    """Whether a file is a TorchScript archive; weights that `torch.save` wrote are none."""
    try:
        with zipfile.ZipFile(path) as file:
            return any(name.endswith("/constants.pkl") for name in file.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def read_archive(path: Path) -> Archive:
    """The tensors of an archive, on the CPU.

    Raises:
        BackboneError: it asks for anything but tensors, or is damaged.
    """
    try:
        with zipfile.ZipFile(path) as file:
            root = next(n for n in file.namelist() if n.endswith("/constants.pkl"))
            root = root.removesuffix("constants.pkl")
            reader = _TensorsOnly(path, file, root)
            tree = reader.load()
            program = _program(file, f"{root}code/")
    except BackboneError:
        raise
    except Exception as error:  # what damaged pickles and zips raise shares no base
        raise BackboneError(unreadable(path, error)) from error
    return Archive(_flat(tree), program)


class _Module:
    """Stands for every class of the archive: a place for attributes, without any behavior."""


class _TensorsOnly(pickle.Unpickler):
    """Rebuilds tensors and trees of modules; whatever else a pickle names is refused."""

    def __init__(self, path: Path, file: zipfile.ZipFile, root: str) -> None:
        super().__init__(io.BytesIO(_stored(file, f"{root}data.pkl")))
        self._path, self._file, self._root = path, file, root
        if f"{root}byteorder" in file.namelist() and file.read(f"{root}byteorder") != b"little":
            raise ValueError("its numbers are big-endian")

    def find_class(self, module: str, name: str, /) -> Any:
        """What a name in the pickle stands for."""
        full = f"{module}.{name}"
        if full.startswith(_MODULES):
            return _Module
        if full in _STORAGES:
            return _STORAGES[full]
        if full == "torch._utils._rebuild_tensor_v2":
            return self._tensor
        if full in _CALLS:
            return _CALLS[full]
        raise BackboneError(runs_code(self._path, full))

    def persistent_load(self, pid: Any, /) -> tuple[torch.dtype, str, int]:
        """A storage: type of its numbers, name and length."""
        kind, dtype, key, _, length = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype) or not isinstance(length, int):
            raise ValueError("it holds something that is no storage of a tensor")
        return dtype, str(key), length

    def _tensor(
        self,
        storage: tuple[torch.dtype, str, int],
        offset: int,
        size: tuple[int, ...],
        stride: tuple[int, ...],
        *_: Any,
    ) -> Tensor:
        """A copy of a tensor: numbers of a storage in a shape."""
        dtype, key, length = storage
        content = _stored(self._file, f"{self._root}data/{key}")
        if len(content) < length * dtype.itemsize or math.prod(size) > length:
            raise ValueError(f"the tensor of size {list(size)} is larger than what is stored of it")
        if math.prod(size) == 0:
            return torch.empty(size, dtype=dtype)
        flat = torch.frombuffer(bytearray(content), dtype=dtype)
        # as_strided refuses what would reach past the end.
        return flat.as_strided(size, stride, offset).clone(memory_format=torch.contiguous_format)


def _stored(file: zipfile.ZipFile, name: str) -> bytes:
    """An entry as it lies in the file: a compressed one could be of any size, and none is."""
    info = file.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} is compressed, which PyTorch never writes")
    return file.read(info)


def _program(file: zipfile.ZipFile, folder: str) -> str:
    """The archive's program as text, as far as it is of a reasonable length."""
    texts, left = [], _TEXT_LIMIT
    for info in file.infolist():
        if info.filename.startswith(folder) and info.filename.endswith(".py"):
            left -= info.file_size
            if left < 0:
                break
            texts.append(file.read(info).decode("utf-8", errors="replace"))
    return "\n".join(texts)


def _flat(tree: Any) -> dict[str, Tensor]:
    """The tensors of a tree of modules by their place in it."""
    weights: dict[str, Tensor] = {}
    waiting: list[tuple[str, Any]] = [("", tree)]
    seen: set[int] = set()
    while waiting:
        place, entry = waiting.pop()
        if isinstance(entry, Tensor):
            weights[place.removesuffix(".")] = entry
        elif isinstance(entry, _Module) and id(entry) not in seen:
            seen.add(id(entry))
            waiting += [(f"{place}{name}.", part) for name, part in vars(entry).items()]
    return dict(sorted(weights.items()))


def _same(value: Any, *_: Any) -> Any:
    return value


_CALLS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": OrderedDict,  # of hooks, which are empty
    "torch._utils._rebuild_parameter": _same,
    **{
        f"torch.jit._pickle.{name}": _same
        for name in (
            "build_intlist",
            "build_tensorlist",
            "build_doublelist",
            "build_boollist",
            "restore_type_tag",
        )
    },
}
"""Functions that a pickle of an archive may name, each harmless with any arguments."""

_STORAGES = {
    f"torch.{name}Storage": dtype
    for name, dtype in {
        "Double": torch.float64,
        "Float": torch.float32,
        "Half": torch.float16,
        "BFloat16": torch.bfloat16,
        "Long": torch.int64,
        "Int": torch.int32,
        "Short": torch.int16,
        "Char": torch.int8,
        "Byte": torch.uint8,
        "Bool": torch.bool,
    }.items()
}
