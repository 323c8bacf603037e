"""A stand-in for a GPU, for machines that have none: real values, another device.

Tensors "on" it keep their values in a CPU tensor behind them and say that their device is `cuda:0`
(or `mps:0`). Every operation is looked at: one that mixes devices fails as on a GPU, and one that
makes the processor wait for the GPU (`.item()`, `bool(tensor)`, `.cpu()`, a mask as index) is noted
and fails where `no_waiting()` says so. Values are those of the CPU, so whole trainings run, and end
with the same numbers.

PyTorch's own fake tensors hold no values, so that nothing behind a k-means step could be run with
them, and on a build of PyTorch without CUDA they cannot be moved to a fake `cuda` device.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_flatten, tree_map

from ldpf.backbones import Backbone, assemble

aten = torch.ops.aten

_FAR = torch.device("meta", 0)
"""The device for PyTorch's C++ side, which asks for no driver there. Code that really means `meta`
gives no number."""

_WAITS = {
    aten._local_scalar_dense: "the value of a tensor is read (.item(), float(), bool())",
    aten.is_nonzero: "the truth of a tensor is read",
    aten.equal: "whether two tensors are equal is read",
    aten.nonzero: "the size of the result depends on values (nonzero)",
    aten.masked_select: "the size of the result depends on values (masked_select)",
    aten._unique: "the size of the result depends on values (unique)",
    aten._unique2: "the size of the result depends on values (unique)",
    aten.unique_dim: "the size of the result depends on values (unique)",
    aten.bincount: "the size of the result depends on values (bincount)",
    aten.repeat_interleave: "the size of the result depends on values (repeat_interleave)",
}
"""Operations that wait for the GPU, and why."""

_INDEXING = {aten.index, aten.index_put, aten.index_put_, aten._unsafe_index}


class WaitsForDevice(AssertionError):
    """The processor waits for the GPU where it must not."""


class Distant(Tensor):
    """A tensor on the stand-in device; `near` holds its values on the CPU."""

    near: Tensor

    @staticmethod
    def __new__(cls, near: Tensor) -> Distant:
        """Take the place of `near`. The C++ side believes that the device is `meta`."""
        made = Tensor._make_wrapper_subclass(
            cls,
            near.size(),
            strides=near.stride(),
            storage_offset=near.storage_offset(),
            dtype=near.dtype,
            device=_FAR,
            requires_grad=False,
        )
        made.near = near.detach()
        return made

    def __repr__(self) -> str:
        return f"Distant({self.near!r})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Outside of the mode nothing can be done with it."""
        raise RuntimeError(f"{func} meets a tensor of the stand-in device outside of its mode")


class _Operations(TorchDispatchMode):
    """Every operation below autograd, with devices compared."""

    def __init__(self, device: StandIn) -> None:
        super().__init__()
        self.device = device

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        tensors = [one for one in tree_flatten((args, kwargs))[0] if isinstance(one, Tensor)]
        distant = [one for one in tensors if isinstance(one, Distant)]
        if distant and any(one.is_meta for one in tensors if not isinstance(one, Distant)):
            raise AssertionError(f"{func} got a tensor without values")
        packet = func.overloadpacket
        target = kwargs.get("device")
        if packet is aten._to_copy or packet is aten._pin_memory:
            return self._moved(func, args, kwargs)
        if packet is aten.copy_:
            return self._copied(func, args, kwargs)
        if not distant and (target is None or target != _FAR):
            return func(*args, **kwargs)
        if packet is self.device.missing:
            raise NotImplementedError(f"{func} is not implemented for this device")
        if distant:
            self._compare(func, packet, args, tensors)
        if packet in _WAITS:
            self.device.waited(f"{func}: {_WAITS[packet]}")
        if target is not None and target == _FAR:
            kwargs["device"] = torch.device("cpu")
        result = func(*tree_map(_near, args), **tree_map(_near, kwargs))
        if packet is aten.addmm:
            result = result * self.device.factor
        wrapped = tree_map(self._far, result)
        if not distant:
            return wrapped
        return return_and_correct_aliasing(func, args, kwargs, wrapped)

    def _far(self, value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        self.device.require(value.dtype)
        return Distant(value)

    def _moved(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Tensor:
        source, target = args[0], kwargs.get("device")
        far = isinstance(source, Distant)
        stays = far if target is None else target == _FAR
        if far and not stays:
            self.device.waited(f"{func}: a tensor is copied to the CPU")
        kwargs["device"] = torch.device("cpu")
        result = func(_near(source), *args[1:], **kwargs)
        return self._far(result) if stays else result

    def _copied(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Tensor:
        target, source = args[0], args[1]
        if isinstance(source, Distant) and not isinstance(target, Distant):
            self.device.waited(f"{func}: a tensor is copied to the CPU")
        func(_near(target), _near(source), *args[2:], **kwargs)
        return target

    def _compare(self, func: Any, packet: Any, args: Any, tensors: list[Tensor]) -> None:
        """Fail as PyTorch does where tensors of the CPU and of the GPU meet in one operation."""
        if packet in _INDEXING:
            indices = [one for one in args[1] if one is not None]
            if any(one.dtype in (torch.bool, torch.uint8) for one in indices):
                self.device.waited(f"{func}: the size of the result depends on values (a mask)")
            if isinstance(args[0], Distant) and not all(isinstance(i, Distant) for i in indices):
                # PyTorch moves it, and waits until that is done.
                self.device.waited(f"{func}: an index on the CPU")
            tensors = [one for one in tensors if not any(one is index for index in indices)]
        near = [one for one in tensors if not isinstance(one, Distant) and one.dim()]
        if near and len(near) < len(tensors):
            raise RuntimeError(
                f"Expected all tensors to be on the same device, but {func} got some on "
                f"{self.device.name} and one of shape {list(near[0].shape)} on cpu."
            )


class _Names(TorchFunctionMode):
    """What Python sees: the name of the device in, the name of the device out."""

    def __init__(self, device: StandIn) -> None:
        super().__init__()
        self.device = device

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.device:
            return func(*args, **kwargs)
        if args and isinstance(args[0], Distant):
            if func == Tensor.device.__get__:
                return self.device.name
            if func == Tensor.is_cpu.__get__:
                return False
            if func == Tensor.data_ptr:
                return args[0].near.data_ptr()
        if func in (Tensor.__getitem__, Tensor.__setitem__):
            # Numbers in a list become a tensor on the CPU first, as they do for a GPU.
            args = (args[0], _with_tensors(args[1]), *args[2:])
        args = tuple(map(self._instead, args))
        kwargs = {name: self._instead(value) for name, value in kwargs.items()}
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") == _FAR:
            # Their C++ side moves the values to the device unseen.
            return func(*args, **{**kwargs, "device": None}).to(_FAR)
        return func(*args, **kwargs)

    def _instead(self, value: Any) -> Any:
        kind = self.device.name.type
        if isinstance(value, torch.device) and value.type == kind:
            return _FAR
        if isinstance(value, str) and value in (kind, f"{kind}:0"):
            return _FAR
        return value


def _with_tensors(index: Any) -> Any:
    """An index with its lists of numbers as tensors."""
    if isinstance(index, list):
        return torch.tensor(index)
    return tuple(map(_with_tensors, index)) if isinstance(index, tuple) else index


def _near(value: Any) -> Any:
    return value.near if isinstance(value, Distant) else value


class StandIn:
    """A device that stands in for a GPU while `active()`.

    Attributes:
        name: `cuda:0` or `mps:0`.
        waits: what made the processor wait so far, one sentence each.
        factor: what every matrix product with a bias comes out multiplied with; 1 is right.
        missing: an operation that the device does not have.
    """

    def __init__(self, kind: str) -> None:
        """A device of this kind."""
        self.name = torch.device(kind, 0)
        self.waits: list[str] = []
        self.factor = 1.0
        self.missing: Any = None
        self._forbidden = False

    @contextlib.contextmanager
    def active(self) -> Iterator[StandIn]:
        """Tensors can be moved to it, by its name."""
        with _Names(self), _Operations(self):
            yield self

    @contextlib.contextmanager
    def no_waiting(self) -> Iterator[None]:
        """Fail where the processor waits for the device."""
        before, self._forbidden = self._forbidden, True
        try:
            yield
        finally:
            self._forbidden = before

    def waited(self, why: str) -> None:
        """Note it, or fail."""
        if self._forbidden:
            raise WaitsForDevice(why)
        self.waits.append(why)

    def require(self, dtype: torch.dtype) -> None:
        """Refuse numbers that the device does not have."""
        if self.name.type == "mps" and dtype == torch.float64:
            raise TypeError("Cannot convert a MPS Tensor to float64: MPS does not have it")

    def holds(self, tensor: Tensor) -> bool:
        """Whether a tensor is on it."""
        return isinstance(tensor, Distant)


@pytest.fixture(params=["cuda", "mps"])
def stand_in(request: pytest.FixtureRequest) -> Iterator[StandIn]:
    """A device without hardware, active."""
    with StandIn(request.param).active() as device:
        yield device


@pytest.fixture
def waits_for_device() -> type[Exception]:
    """What is raised where the processor waits for the device and must not."""
    return WaitsForDevice


@pytest.fixture
def distant_clip(stand_in: StandIn, tiny_clip_parts: dict[str, Any]) -> Backbone:
    """`tiny_clip` on the device."""
    model = copy.deepcopy(tiny_clip_parts["model"]).to(stand_in.name)
    return assemble("tiny-clip", **{**tiny_clip_parts, "model": model})
