"""Checks of arguments: one place, run at the public entry, before any work starts.

Checks of shape and type are free and always run.  Checks of *values* read the tensor (on a GPU they wait for
it), so they skip tensors that hold no values (meta, fake, inside ``torch.func``) and are off inside
:func:`trusted`, which a loop enters once it has checked its start.  Torch is imported where it is needed.
"""

import contextlib
import contextvars
import math
import numbers
import os
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import field, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

if TYPE_CHECKING:
    import torch
    from torch import Tensor

DTYPES = {  # kinds of tensors: in words, and the dtypes that they may have
    "real": ("a real floating-point tensor (float32 or float64)", ("float32", "float64")),
    "complex": ("a complex tensor (complex64 or complex128)", ("complex64", "complex128")),
    "numbers": ("a tensor of real numbers", ("float32", "float64", "int64", "int32")),
    "amplitude": ("a real or complex tensor", ("float32", "float64", "complex64", "complex128")),
    "index": ("a tensor of integers", ("int64", "int32", "int16", "int8", "uint8")),
    "mask": ("a boolean tensor", ("bool",)),
}
PLAIN = {int: "an integer", float: "a real number", str: "text"}  # fields of a configuration
_trusted: contextvars.ContextVar[bool] = contextvars.ContextVar("trusted", default=False)


@contextlib.contextmanager
def trusted() -> Iterator[None]:
    """Switch the value checks off: for loops that keep their own tensors finite."""
    token = _trusted.set(True)
    try:
        yield
    finally:
        _trusted.reset(token)


def is_trusted() -> bool:
    """Whether the value checks are switched off."""
    return _trusted.get()


def option(default: Any, text: str, *, later: bool = False) -> Any:
    """Declare a field with its `--help`; a `later` one is no part of stored keys while it has its default."""
    return field(default=default, metadata={"help": text, "later": later})


def plain(config: Any) -> None:
    """Make the numbers of a frozen dataclass those of Python, and of the kind its hints say: 4 is 4.0 there.

    What a configuration is stored under, and how it is written, then depends on its values alone.
    """
    for f in fields(config):
        value, kinds = getattr(config, f.name), get_args(f.type) or (f.type,)
        said = [words for kind, words in PLAIN.items() if kind in kinds]
        if not said or (value is None and len(kinds) > 1):
            continue
        if int in kinds and isinstance(value, numbers.Integral) and not isinstance(value, bool):
            object.__setattr__(config, f.name, int(value))
        elif float in kinds and isinstance(value, numbers.Real) and not isinstance(value, bool):
            object.__setattr__(config, f.name, number(f.name, value))
        elif str in kinds and isinstance(value, str):
            object.__setattr__(config, f.name, str(value))
        else:
            raise TypeError(f"{f.name} must be {' or '.join(said)}, got {kind_of(value)}")


def has_values(tensor: "Tensor") -> bool:
    """Whether the numbers of `tensor` can be read: not of meta or fake tensors, nor in ``torch.func``."""
    import torch

    wrapped = torch._C._functorch.is_functorch_wrapped_tensor(tensor)
    return type(tensor) in (torch.Tensor, torch.nn.Parameter) and not tensor.is_meta and not wrapped


def reverse_mode_only(*tensors: "Tensor") -> bool:
    """Whether no derivative is taken of these tensors but by autograd, backward; they also hold values."""
    import torch

    tangents = (torch.autograd.forward_ad.unpack_dual(tensor).tangent for tensor in tensors)
    func = torch._C._are_functorch_transforms_active()
    return not func and all(map(has_values, tensors)) and all(tangent is None for tangent in tangents)


def finite(name: str, tensor: "Tensor") -> None:
    """Raise ValueError if `tensor` holds NaN or an infinity."""
    if _trusted.get() or not has_values(tensor):
        return
    if math.isfinite(tensor.detach().sum()):  # one number to read; a sum that overflows is looked at below
        return
    bad = ~tensor.isfinite()
    if bad.any():
        raise ValueError(
            f"{name} must be finite, got {int(bad.sum())} of {bad.numel()} entries NaN or infinite"
        )


def tensor(name: str, value: Any, kind: str = "real") -> None:
    """Raise TypeError unless `value` is a dense tensor of one of the DTYPES of its kind."""
    from torch import Tensor, strided

    words, dtypes = DTYPES[kind]
    fits = isinstance(value, Tensor) and str(value.dtype).removeprefix("torch.") in dtypes
    if not fits or value.layout is not strided:
        raise TypeError(f"{name} must be {words}, got {kind_of(value)}")


def theta(value: "Tensor", n_params: int, name: str = "theta") -> None:
    """Raise unless `value` is a real tensor of shape (..., n_params) with finite entries."""
    tensor(name, value)
    if value.ndim == 0 or value.shape[-1] != n_params:
        raise ValueError(f"{name} must have shape (..., {n_params}), got {tuple(value.shape)}")
    finite(name, value)


def phases(value: "Tensor | float", theta: "Tensor", name: str = "theta") -> None:
    """Raise unless phases are finite and broadcast against `theta`, which `name` names."""
    from torch import Tensor

    if not isinstance(value, Tensor):
        number("phi", value)
        return
    tensor("phi", value)
    ends = theta.shape[max(0, theta.ndim - value.ndim) :]
    fits = value.ndim <= theta.ndim and all(n in (1, m) for n, m in zip(value.shape, ends, strict=True))
    if not fits:
        raise ValueError(f"phi must broadcast to {name} {tuple(theta.shape)}, got {tuple(value.shape)}")
    finite("phi", value)


def per_run(name: str, value: Any, theta: "Tensor") -> "Tensor":
    """Return what the function `name` gave for `theta`, (..., n_params), if it is one value per run."""
    from torch import Tensor

    shape = theta.shape[:-1]
    if not isinstance(value, Tensor) or value.shape != shape:
        found = tuple(value.shape) if isinstance(value, Tensor) else kind_of(value)
        takes = f"a tensor of shape {tuple(shape)}, one value per run of theta"
        raise ValueError(f"{name} must return {takes}, got {found}")
    return value


def readable(name: str, value: "Tensor") -> None:
    """Raise ValueError if the numbers of a tensor cannot be read."""
    if not has_values(value):
        raise ValueError(
            f"{name} must hold numbers that can be read, got {type(value).__name__} on {value.device}"
        )


def whole(name: str, sizes: Collection[int], length: int, of: str) -> None:
    """Raise ValueError unless the sizes of parts add up to a length."""
    if sum(sizes) != length or min(sizes, default=0) < 0:
        raise ValueError(f"{name} must add up to {length}, the length of {of}, got {list(sizes)}")


def integer(name: str, value: Any, low: int = 1, high: int | None = None) -> int:
    """Return `value` as an int if it is one in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an integer, got {kind_of(value)}")
    if value < low or (high is not None and not value <= high):
        raise ValueError(f"{name} must be {_range(low, high)}, got {value}")
    return int(value)


def sequence(name: str, value: Any, takes: str) -> tuple[Any, ...]:
    """Return `value` as a tuple if it is one or more of something in an order: no text, set or mapping."""
    ordered = isinstance(value, Iterable) and not isinstance(value, str | bytes | set | frozenset | Mapping)
    if not ordered or getattr(value, "ndim", 1) == 0 or not (found := tuple(value)):
        raise ValueError(f"{name} must be {takes}, in an order, got {value!r}")
    return found


def precision(name: str, value: "torch.dtype") -> "torch.dtype":
    """Return `value` if it is torch.float64 or torch.float32."""
    if repr(value) not in ("torch.float64", "torch.float32"):
        raise ValueError(f"{name} must be torch.float64 or torch.float32, got {value!r}")
    return value


def memory(name: str, n_bytes: int, got: str, device: "torch.device | None" = None) -> None:
    """Raise ValueError if `n_bytes` do not fit into the memory of the device, whatever else is there."""
    if n_bytes > (has := _memory(str(device or "cpu"))):
        takes, size = f"what fits into memory, {has / 2**30:.0f} GiB", n_bytes.bit_length() - 1
        raise ValueError(f"{name} must ask for {takes}, got {got}: 2^{size} bytes or more")


def room(name: str, n_qubits: int, rows: int, bits: int = 64, device: "torch.device | None" = None) -> None:
    """Raise ValueError if states do not fit, twice: psi, and lambda or what a gate moved; each 2 numbers."""
    memory(name, 2 * rows * 2**n_qubits * 2 * bits // 8, f"{rows} states of {n_qubits} qubits", device)


@lru_cache
def _memory(device: str) -> int:
    """Return the bytes of memory of a device: all there are, whoever uses them now."""
    if not device.startswith("cpu"):
        import torch

        cuda = device.startswith("cuda") and torch.cuda.is_available()  # of meta and others nothing is known
        return torch.cuda.mem_get_info(torch.device(device))[1] if cuda else 2**62
    limits = [2**40 if sys.platform == "win32" else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    with contextlib.suppress(OSError, ValueError):  # a container may have less than its machine
        limits.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(limits)


def number(
    name: str, value: Any, low: float | None = None, high: float | None = None, *, strict: bool = False
) -> float:
    """Return `value` as a float if it is finite and in [low, high] (``strict``: low excluded)."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a real number, got {kind_of(value)}")
    try:
        value = float(value)
    except OverflowError:
        raise ValueError(f"{name} must be a finite number, got one beyond 1e308") from None
    below = low is not None and (value <= low if strict else value < low)
    if not math.isfinite(value) or below or (high is not None and not value <= high):
        raise ValueError(f"{name} must be a finite number{_comma(_range(low, high, strict))}, got {value:g}")
    return value


def device(name: str, value: "str | torch.device") -> "torch.device":
    """Return `value` as a device this machine has; "auto" means CUDA where there is one."""
    import torch

    if isinstance(value, str) and value == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not isinstance(value, str | torch.device):
        raise TypeError(f"{name} must be a name such as 'cpu' or a torch.device, got {kind_of(value)}")
    try:
        found = torch.device(value)
        torch.empty(0, device=found)
    except Exception:  # of many classes, and an essay: what counts is that it is not there
        others = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        here = [f"{others.type}:{i}" for i in range(torch.accelerator.device_count())] if others else []
        has = ", ".join(["auto", "cpu", *here])
        raise ValueError(f"{name} must be one this machine has, got {value!r}; it has {has}") from None
    return found


def share(name: str, value: Any) -> float:
    """Return `value` as a float if it is above 0 and below 1."""
    if not 0 < (found := number(name, value)) < 1:
        raise ValueError(f"{name} must be above 0 and below 1, got {found:g}")
    return found


def choice(name: str, value: Any, options: Collection[str]) -> str:
    """Return `value` if it is one of `options`; where it is close to one, the error asks for that."""
    if not isinstance(value, str) or value not in options:
        raise ValueError(
            f"{name} must be one of {', '.join(options)}, got {kind_of(value)}{did_you_mean(value, options)}"
        )
    return value


def did_you_mean(value: Any, options: Iterable[str]) -> str:
    """Return a question for the option that `value` is close to, or nothing: the end of an error.

    Example:
        >>> did_you_mean("curve-noinit", ["curve", "curve-no-init"])
        "; did you mean 'curve-no-init'?"
    """
    from difflib import get_close_matches

    near = get_close_matches(value, list(options), n=1, cutoff=0.6) if isinstance(value, str) else []
    return f"; did you mean {near[0]!r}?" if near else ""


def kind_of(value: Any) -> str:
    """Return what a wrong value is, in a few words."""
    from torch import Tensor

    if isinstance(value, Tensor):
        dense = str(value.layout) == "torch.strided"
        return f"a tensor of {value.dtype}" + ("" if dense else f" in the layout {value.layout}")
    shown = repr(value)
    return (
        shown
        if isinstance(value, int | float | str | None) and len(shown) < 60
        else repr(type(value).__name__)
    )


def _range(low: float | None, high: float | None, strict: bool = False) -> str:
    above = None if low is None else f"{'above' if strict else 'at least'} {low}"
    return " and ".join(filter(None, [above, None if high is None else f"at most {high}"]))


def _comma(text: str) -> str:
    return f", {text}" if text else ""
