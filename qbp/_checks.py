"""Checks of arguments: one place, run at the public entry, before any work starts.

Checks of shape and type are free and always run.  Checks of *values* read the tensor (on a GPU they wait for
it), so they skip tensors that hold no values (meta, fake, inside ``torch.func``) and are switched off inside
:func:`trusted`, which a loop enters once it has checked its start.

Torch is imported where a tensor is looked at: what has none, such as the Pauli walks, does without.
"""

import contextlib
import contextvars
import math
import numbers
from collections.abc import Collection, Iterator
from dataclasses import field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_trusted: contextvars.ContextVar[bool] = contextvars.ContextVar("trusted", default=False)


@contextlib.contextmanager
def trusted() -> Iterator[None]:
    """Switch the value checks off: for loops that keep their own tensors finite."""
    token = _trusted.set(True)
    try:
        yield
    finally:
        _trusted.reset(token)


def option(default: Any, text: str) -> Any:
    """Declare a dataclass field with the one line that `--help` shows for it."""
    return field(default=default, metadata={"help": text})


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


def theta(value: "Tensor", n_params: int, name: str = "theta") -> None:
    """Raise unless `value` is a real tensor of shape (..., n_params) with finite entries."""
    from torch import Tensor

    if not isinstance(value, Tensor) or not value.is_floating_point():
        raise TypeError(f"{name} must be a real floating-point tensor, got {_kind(value)}")
    if value.ndim == 0 or value.shape[-1] != n_params:
        raise ValueError(f"{name} must have shape (..., {n_params}), got {tuple(value.shape)}")
    finite(name, value)


def integer(name: str, value: Any, low: int = 1, high: int | None = None) -> int:
    """Return `value` as an int if it is one in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < low or (high is not None and not value <= high):
        raise ValueError(f"{name} must be {_range(low, high)}, got {value}")
    return int(value)


def number(
    name: str, value: Any, low: float | None = None, high: float | None = None, *, strict: bool = False
) -> float:
    """Return `value` as a float if it is finite and in [low, high] (``strict``: low excluded)."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a real number, got {value!r}")
    below = low is not None and (value <= low if strict else value < low)
    if not math.isfinite(value) or below or (high is not None and not value <= high):
        raise ValueError(f"{name} must be a finite number{_comma(_range(low, high, strict))}, got {value}")
    return float(value)


def device(name: str, value: "str | torch.device") -> "torch.device":
    """Return `value` as a device this machine has; "auto" means CUDA where there is one."""
    import torch

    if value == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(value)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"{name} must be one this machine has, got {value!r} ({str(error).splitlines()[0]})"
        ) from None
    return found


def choice(name: str, value: Any, options: Collection[str]) -> str:
    """Return `value` if it is one of `options`."""
    if value not in options:
        raise ValueError(f"{name} must be one of {', '.join(options)}, got {value!r}")
    return value


def _kind(value: Any) -> str:
    from torch import Tensor

    return f"a tensor of {value.dtype}" if isinstance(value, Tensor) else repr(type(value).__name__)


def _range(low: float | None, high: float | None, strict: bool = False) -> str:
    above = None if low is None else f"{'above' if strict else 'at least'} {low}"
    return " and ".join(filter(None, [above, None if high is None else f"at most {high}"]))


def _comma(text: str) -> str:
    return f", {text}" if text else ""
