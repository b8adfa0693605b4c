"""A second device without hardware: tensors that say they are elsewhere, and are computed on the CPU.

What a GPU refuses, it refuses: an operation on tensors of two devices (but for one number), and NumPy on a
tensor that was not brought back by `.cpu()`. What a GPU allows, it does, with values: autograd, in-place
writes, `.item()`, `.tolist()`. So a program that runs here has no hidden tensor of the CPU, and its numbers
can be compared with the CPU's.

    with accelerator():
        torch.zeros(3, device=DEVICE)

With `QBP_TEST_DEVICE=cuda` in the environment, as `python -m benchmarks.gpu` sets it, the device is real,
and nothing is emulated or counted.

Built on PyTorch's own hooks for a backend in Python (`torch.utils.backend_registration`).
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from qbp import _checks

DEVICE = os.environ.get("QBP_TEST_DEVICE", "emulated")
REAL = DEVICE != "emulated"
HERE = torch.device("cpu")
aten = torch.ops.aten
# Between devices: copies, and indices, which may be on the CPU.
MOVES = {aten.copy_.default, aten._to_copy.default, aten.index.Tensor}
MOVES |= {aten.index_put.default, aten.index_put_.default}
JOINS = {aten.stack.default, aten.cat.default}  # take not even one number of the CPU
torch.utils.backend_registration._setup_privateuseone_for_python_backend("emulated")
# What a program waits for until the device has caught up: its numbers are read, or decide a shape.
WAITS = {
    aten._local_scalar_dense.default, aten.is_nonzero.default, aten.equal.default, aten.nonzero.default,
    aten.masked_select.default, aten._unique2.default, aten.repeat_interleave.Tensor, aten.bincount.default,
}  # fmt: skip
_used = 0  # operations on tensors of the device
_waits: list[str] = []  # operations at which the host waited for the device


def operations() -> int:
    """Return how many operations ran on the device up to now."""
    return time.monotonic_ns() if REAL else _used


def waits() -> list[str]:
    """Return the operations at which the host has waited for the device up to now."""
    return [*_waits]


class Remote(torch.Tensor):
    """A tensor of the device; `held` has its numbers."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> "Remote":
        held = held.resolve_conj().resolve_neg()  # the wrapper has no such bits
        shape = {"strides": held.stride(), "storage_offset": held.storage_offset(), "dtype": held.dtype}
        self = torch.Tensor._make_wrapper_subclass(cls, held.shape, device=f"{DEVICE}:0", **shape)
        self.held = held
        return self

    def __repr__(self) -> str:  # not by operations: a message may be about one that failed
        return f"{self.held!r} on {DEVICE}"

    def __format__(self, spec: str) -> str:
        return format(self.held, spec)

    def tolist(self) -> list:
        _waits.append("tolist")
        return self.held.tolist()

    def numpy(self, **_: Any) -> Any:
        raise TypeError(f"can't convert {DEVICE}:0 device type tensor to numpy. Use Tensor.cpu() first")

    @classmethod
    def __torch_dispatch__(cls, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _apply(op, args, kwargs or {})


def _apply(op: Any, args: tuple, kwargs: dict) -> Any:
    """Run an operation on what tensors hold, and say where its results are."""
    global _used
    remote: list[torch.Tensor] = []
    local: list[torch.Tensor] = []
    plain = [_held(arg, remote, local) for arg in args]
    options = {name: _held(arg, remote, local) for name, arg in kwargs.items()} if kwargs else kwargs
    if remote:
        _used += 1
        if (
            op in WAITS
            or _by_mask(op, args)
            or (op is aten.copy_.default and not isinstance(args[0], Remote))
        ):
            _waits.append(str(op))
        if op not in MOVES:
            strays = [t for t in local if op in JOINS or t.ndim > 0]
            if strays:
                raise RuntimeError(
                    f"{op}: a tensor {tuple(strays[0].shape)} on the CPU beside one on {DEVICE}"
                )
    found = op(*plain, **options)
    asked = kwargs.get("device")
    if remote and asked is not None and asked.type != DEVICE:
        _waits.append(f"{op} to {asked}")
    if not (remote if asked is None else asked.type == DEVICE):
        return found
    if plain and found is plain[0]:
        return args[0]  # written in place
    if isinstance(found, torch.Tensor):
        return Remote(found)
    if isinstance(found, list | tuple):
        return type(found)(Remote(t) if isinstance(t, torch.Tensor) else t for t in found)
    return found


def _by_mask(op: Any, args: tuple) -> bool:
    """Whether an operation counts the True of a mask on the device."""
    masks = (
        (i for i in args[1] if isinstance(i, Remote))
        if op in (aten.index.Tensor, aten.index_put_.default)
        else ()
    )
    return any(mask.dtype in (torch.bool, torch.uint8) for mask in masks)


def _held(value: Any, remote: list, local: list) -> Any:
    """Return a value as the CPU takes it; list what tensors it has."""
    if isinstance(value, Remote):
        remote.append(value)
        return value.held
    if isinstance(value, torch.Tensor):
        local.append(value)
    elif isinstance(value, list | tuple):
        return type(value)(_held(v, remote, local) for v in value)
    elif isinstance(value, torch.device) and value.type == DEVICE:
        return HERE
    return value


class _Factories(TorchDispatchMode):
    """Sees what no tensor of the device is part of: `torch.zeros(3, device=DEVICE)`."""

    def __torch_dispatch__(self, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _apply(op, args, kwargs or {})


# `torch.tensor` makes its copy below the dispatch to Python.
_library = torch.library.Library("aten", "IMPL")
_library.impl(
    "empty_strided",
    lambda size, stride, dtype=None, **_: Remote(torch.empty_strided(size, stride, dtype=dtype)),
    "PrivateUse1",
)


def _copy_(to: torch.Tensor, source: torch.Tensor, non_blocking: bool = False) -> torch.Tensor:
    _held(to, [], []).copy_(_held(source, [], []))
    return to


_library.impl("copy_", _copy_, "PrivateUse1")


@contextmanager
def accelerator() -> Iterator[None]:
    """Let the device exist.

    Its tensors have a class of their own, as those of a GPU have not: their numbers can be read, too.
    """
    if REAL:
        yield
        return
    readable = _checks.readable
    _checks.readable = lambda name, value: None if isinstance(value, Remote) else readable(name, value)
    try:
        with _Factories():
            yield
    finally:
        _checks.readable = readable
