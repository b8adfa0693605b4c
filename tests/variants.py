"""Values that stand for a good argument: wrong ones, others of the same meaning, and whole batches of it."""

import dataclasses
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

import qbp


class Text(str):
    """Text that is no plain `str`."""


class Number(float):
    """A number that is no plain `float`."""


def wrong(good: Any) -> Iterator[tuple[str, Any]]:
    """What an argument is replaced by: other types, shapes, precisions and devices; values out of range."""
    yield from {
        "None": None,
        "an object": object(),
        "a class": Text,
        "a function": lambda *given: None,
        "true": True,
        "NaN": math.nan,
        "infinity": math.inf,
        "minus infinity": -math.inf,
        "minus one": -1,
        "zero": 0,
        "one half": 0.5,
        "a billion": 10**9,
        "beyond 64 bits": 2**64,
        "beyond a float": 10**400,
        "the least float": 5e-324,
        "the largest float": 1.7e308,
        "complex": 1j,
        "text": "no such name",
        "empty text": "",
        "letters": "ZZ",
        "bytes": b"ZZ",
        "empty list": [],
        "empty mapping": {},
        "mapping": {"a": 1},
        "set": {1},
        "list of None": [None],
        "list of NaN": [math.nan],
        "list of texts": ["no such name"],
        "nested lists": [[0.5], [0.5, 0.5]],
        "iterator": iter([0.5]),
        "numpy NaN": np.float64("nan"),
        "numpy date": np.datetime64("2026-01-01"),
        "array of objects": np.array([object()]),
        "array of texts": np.array(["one"]),
        "array without entries": np.zeros((0, 3)),
        "large array, one number": np.broadcast_to(0.5, (2, 10**12)),
        "tensor": torch.ones(3),
        "tensor without axes": torch.tensor(0.5),
        "tensor without entries": torch.ones(0, 4),
        "four axes": torch.ones(2, 1, 2, 3),
        "large tensor, one number": torch.ones(1).expand(2, 10**12),
        "mask": torch.ones(3) > 0,
        "whole numbers": torch.ones(4, dtype=torch.int64),
        "half": torch.ones(4, dtype=torch.float16),
        "complex tensor": torch.ones(4, dtype=torch.complex128),
        "sparse": torch.ones(4).to_sparse(),
        "meta": torch.ones(4, device="meta"),
        "a parameter": torch.nn.Parameter(torch.ones(4)),
        "another circuit": qbp.HardwareEfficient(3, 1),
        "another observable": qbp.Projector(3),
        "one observable": qbp.tfim(2),
    }.items()
    if isinstance(good, torch.Tensor):
        yield from _of_tensor(good)
    elif isinstance(good, np.ndarray):
        yield from {"its axes swapped": good.T, "a row less": good[1:], "its texts": good.astype(str)}.items()
    elif isinstance(good, int | float) and not isinstance(good, bool):
        yield from {"minus itself": -good, "its text": str(good), "itself in a list": [good]}.items()
    elif isinstance(good, list | tuple):
        yield from {"twice": [*good, *good], "all but one": good[1:], "in a list": [good]}.items()
    elif isinstance(good, str):
        yield from {"its bytes": good.encode(), "a letter more": good + "x", "its letters": [*good]}.items()


def _of_tensor(good: torch.Tensor) -> Iterator[tuple[str, Any]]:
    """What is nearly a good tensor."""
    yield from {
        "its numbers as half": good.to(torch.float16),
        "its numbers as bfloat16": good.to(torch.bfloat16),
        "its numbers as whole ones": good.real.to(torch.int64) if good.is_complex() else good.long(),
        "on no device": good.to("meta"),
        "a list": good.tolist(),
        "an array": good.numpy(),
        "an axis more": good[..., None],
        "an entry more": torch.cat([good, good[..., :1]], -1) if good.ndim else good,
        "no entry": good[..., :0] if good.ndim else good,
    }.items()
    if good.is_floating_point() or good.is_complex():
        one = good.clone()
        one.view(-1)[-1:] = math.nan
        many = torch.full_like(good, 0.9 * torch.finfo(good.dtype).max)
        yield from {"one NaN": one, "infinite": good * math.inf, "near the largest": many}.items()


def alike(good: Any) -> Iterator[tuple[str, Any]]:
    """Other values of the same meaning."""
    if isinstance(good, bool | np.bool_):
        return
    if isinstance(good, int):
        yield from {"int64": np.int64(good), "int16": np.int16(good)}.items() if abs(good) < 2**15 else ()
    elif isinstance(good, float):
        yield from {"float64": np.float64(good), "a kind of number": Number(good)}.items()
        yield from {"int": int(good)}.items() if good.is_integer() else ()
    elif isinstance(good, str):
        yield from {"numpy's text": np.str_(good), "a kind of text": Text(good)}.items()
    elif isinstance(good, list):
        yield "a tuple", tuple(good)
    elif isinstance(good, np.ndarray):
        still = good.copy()
        still.flags.writeable = False
        wide = np.repeat(good, 2, axis=-1)[..., ::2]
        yield from {
            "read-only": still,
            "every second entry": wide,
            "backwards twice": good[::-1].copy()[::-1],
        }.items()
    elif isinstance(good, torch.Tensor):
        yield "every second entry", torch.stack([good, good], -1)[..., 0]
        yield "behind others", torch.cat([good.flatten()[:1], good.flatten()])[1:].view(good.shape)
        if good.is_floating_point():
            yield "asks for a gradient", good.clone().requires_grad_()
            yield "a parameter", torch.nn.Parameter(good.clone())


def clear(error: BaseException, names: str) -> bool:
    """Whether an error is of the two kinds, and its first line names an argument; `names` is a pattern."""
    first = str(error).partition("\n")[0]
    return isinstance(error, TypeError | ValueError) and re.search(rf"\b({names})", first) is not None


def same(a: Any, b: Any, rtol: float = 1e-9) -> bool:
    """Whether two results are equal, to rounding, with all that they hold."""
    if isinstance(a, torch.Tensor):
        return (
            isinstance(b, torch.Tensor)
            and a.shape == b.shape
            and torch.allclose(a.detach().to(b.dtype), b.detach(), rtol=rtol, atol=rtol, equal_nan=True)
        )
    if isinstance(a, np.ndarray) and a.dtype.kind in "biufc":
        return np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=rtol, atol=rtol, equal_nan=True)
    if isinstance(a, bool | str | bytes | None):
        return a == b
    if isinstance(a, int | float | complex | np.number):
        return bool(np.isclose(a, b, rtol=rtol, atol=rtol, equal_nan=True))
    if isinstance(a, Mapping):
        return a.keys() == b.keys() and all(same(a[k], b[k], rtol) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y, rtol) for x, y in zip(a, b, strict=True))
    if isinstance(a, np.random.Generator):
        return isinstance(b, np.random.Generator) and repr(a.bit_generator.state) == repr(
            b.bit_generator.state
        )
    if dataclasses.is_dataclass(a) and type(a) is type(b) and not isinstance(a, type):
        fields = [f.name for f in dataclasses.fields(a) if f.name != "seconds"]
        return all(same(getattr(a, name), getattr(b, name), rtol) for name in fields)
    return type(a) is type(b)


def tensors(value: Any) -> list[torch.Tensor]:
    """Return the tensors that a result is, or holds as a tuple, a mapping or a dataclass."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = [getattr(value, f.name) for f in dataclasses.fields(value)]
    return [t for part in value for t in tensors(part)] if isinstance(value, list | tuple) else []
