"""Arguments of public functions, checked by their hints and by the named axes of their tensors and arrays.

The rule for each of them: a result, or a TypeError or ValueError that names the argument, what it got and
what it takes.  A function says the axes in one line, :func:`takes`; :mod:`qbp._checks` has what looks at
values.
"""

import contextlib
import functools
import inspect
import numbers
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

import numpy as np

from qbp import _checks

if TYPE_CHECKING:
    from torch import Tensor

Function = TypeVar("Function", bound=Callable[..., Any])
Shape = tuple[int, ...]
SAID = {int: "an integer", float: "a real number", bool: "True or False", str: "text", NoneType: "None"}
MANY = {Sequence: "a sequence", Iterable: "an iterable", Collection: "a collection", list: "a list"}
LOOSE = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}


def takes(
    alike: str = "", moved: str = "", also: Callable[..., None] | None = None, **axes: str
) -> Callable[[Function], Function]:
    """Check the arguments of a function against its hints and these axes before it runs.

    Inside :func:`qbp._checks.trusted` nothing is checked.  Values of tensors are not read: no check waits for
    a GPU.

    Args:
        alike: names of tensors that must share dtype and device, where torch does not convert.
        moved: names of tensors that the function moves to the device of the others, unless they hold no data.
        also: called with the arguments that are given, by name: what else refuses them, as for a file's size.
        axes: {argument: axes of its tensor or array}, such as "... samples n".  A name stands for one length
            in all arguments, "samples+" for one of at least 1, "model.n_params" for an attribute of another
            argument; leading axes "..." broadcast, and those of "...+" have an entry or more.  The first word
            may be "array", for whatever numpy reads as real numbers, or a key of `_checks.DTYPES`; a tensor
            is "real" otherwise.

    Returns:
        A decorator.  What it decorates raises a TypeError or ValueError that names the argument, what it got
        and what it takes.
    """
    words = {name: text.split() for name, text in axes.items()}
    known = {"array", *_checks.DTYPES}
    kinds = {name: text[0] for name, text in words.items() if text[:1] and text[0] in known}
    words = {name: text[name in kinds :] for name, text in words.items()}

    def decorate(function: Function) -> Function:
        signature = inspect.signature(function)
        hints = {n: p.annotation for n, p in signature.parameters.items() if p.kind not in LOOSE}

        @functools.wraps(function)
        def checked(*args: Any, **kwargs: Any) -> Any:
            if not _checks.is_trusted():
                given = signature.bind(*args, **kwargs).arguments
                for name, value in given.items():
                    if name in hints:
                        _hinted(name, value, hints[name], kinds.get(name, "real"))
                shapes = {n: _shape(given[n], kinds.get(n, "real")) for n in words if n in given}
                _shaped({name: shape for name, shape in shapes.items() if shape is not None}, words, given)
                tensors = {n: v for n, v in given.items() if getattr(v, "ndim", 0) and hasattr(v, "layout")}
                alike_in({n: v for n, v in tensors.items() if n not in moved.split() or v.is_meta}, alike)
                if also is not None:
                    also(**given)
            return function(*args, **kwargs)

        return checked  # type: ignore[return-value]  # it has the signature of what it wraps

    return decorate


def callback(name: str, value: Any) -> None:
    """Raise TypeError unless `value` can be called, or is None."""
    if value is not None and not callable(value):
        raise TypeError(f"{name} must be a function or None, got {_checks.kind_of(value)}")


def _hinted(name: str, value: Any, hint: Any, kind: str) -> None:
    """Raise TypeError unless `value` fits a hint, as far as can be seen at once."""
    if kind == "array" or _name(hint) == "ndarray":
        if _array(value) is None:
            raise TypeError(f"{name} must be an array of real numbers, got {_checks.kind_of(value)}")
        return
    parts = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    options = [one for part in parts for one in (part.split(" | ") if isinstance(part, str) else [part])]
    if float in options and isinstance(value, int) and abs(value) > 10**308:
        raise ValueError(f"{name} must be a number up to 1e308, got one beyond")
    if int in options and float not in options and isinstance(value, int) and abs(value) > 2**64:
        raise ValueError(f"{name} must be an integer of 64 bits, got one beyond")
    if not any(_fits(value, option, kind) for option in options):
        said = " or ".join(_words(option, kind) for option in options)
        raise TypeError(f"{name} must be {said}, got {_checks.kind_of(value)}")


def _fits(value: Any, hint: Any, kind: str) -> bool:
    origin = get_origin(hint) or hint
    if origin in (Any, Literal, inspect.Parameter.empty) or isinstance(hint, TypeVar):
        return True
    if _name(hint) == "Tensor":
        with contextlib.suppress(TypeError):
            _checks.tensor("", value, kind)
            return True
        return False
    if hint in (int, float):
        whole = numbers.Integral if hint is int else numbers.Real
        return isinstance(value, whole) and not isinstance(value, bool)
    if hint is bool:
        return isinstance(value, bool | np.bool_)
    if hint is None:
        return value is None
    if origin is Callable:
        return callable(value)
    if origin in MANY:
        inner = (*get_args(hint), Any)[0]
        ordered = hasattr(value, "__getitem__") and not isinstance(value, Mapping)
        several = isinstance(value, Iterable) and not isinstance(value, str)
        several = several and getattr(value, "ndim", 1) == 1 and (ordered or origin in (Iterable, Collection))
        kept = hasattr(value, "__len__")  # an iterator is not used up here
        return several and (not kept or all(_fits(v, inner, "real") for v in value))
    if isinstance(origin, type):
        return isinstance(value, origin)
    names = {base.__name__.replace("NoneType", "None") for base in type(value).__mro__}
    return _name(origin) in names  # of a class that cannot be imported here


def _shape(value: Any, kind: str) -> Shape | None:
    """Return the shape of a tensor or an array, None of anything else, a number of numpy among it."""
    if kind != "array" and isinstance(value, numbers.Number):
        return None
    shape = getattr(_array(value) if kind == "array" else value, "shape", None)
    return None if shape is None else tuple(shape)


def _array(value: Any) -> np.ndarray | None:
    """Return real numbers as an array, None where they are none."""
    with contextlib.suppress(TypeError, ValueError, RuntimeError):
        array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
        return array if array.dtype.kind in "biuf" else None
    return None


def _shaped(shapes: Mapping[str, Shape], axes: Mapping[str, Sequence[str]], given: Mapping[str, Any]) -> None:
    """Raise ValueError unless shapes fit their axes, and each other."""
    lengths: dict[str, tuple[int, str]] = {}
    before: Shape = ()
    for name, shape in shapes.items():
        free = axes[name][:1] in (["..."], ["...+"])
        last = [str(_length(axis, given)) for axis in axes[name][free:]]
        words = [*["..."] * free, *(axis.rstrip("+") for axis in last)]
        said = f"{name} must have shape ({', '.join(words)}{',' * (len(words) == 1)})"
        cut = len(shape) - len(last)
        if cut < 0 or (cut and not free):
            raise ValueError(f"{said}, got {shape}")
        if axes[name][:1] == ["...+"] and 0 in shape[:cut]:
            raise ValueError(f"{said} with a row or more, got {shape}")
        for axis, length in zip(last, shape[cut:], strict=True):
            if (misfit := _misfit(axis, length, name, lengths)) is not None:
                raise ValueError(f"{said}{misfit}, got {shape}")
        joined = broadcast(before, shape[:cut])
        if joined is None:
            others = " and ".join(n for n in shapes if n != name)
            raise ValueError(f"{said} with leading axes that broadcast with those of {others}, got {shape}")
        before = joined


def _length(axis: str, given: Mapping[str, Any]) -> str | int:
    """Return the length of an axis that is an attribute of another argument, any other as it stands."""
    owner, _, attribute = axis.partition(".")
    return getattr(given[owner], attribute) if attribute else axis


def _misfit(axis: str, length: int, name: str, lengths: dict[str, tuple[int, str]]) -> str | None:
    """Return what is wrong with the length of an axis, None if nothing is; a new axis is added to lengths."""
    if axis.isdigit():
        return None if length == int(axis) else ""
    bare = axis.rstrip("+")
    known, owner = lengths.setdefault(bare, (length, name))
    if length != known:
        return f" with {bare} = {known}, that of {owner}"
    return f" with {bare} at least 1" if axis != bare and not length else None


def broadcast(a: Shape, b: Shape) -> Shape | None:
    """Return the shape that two broadcast to, None if they do not."""
    with contextlib.suppress(ValueError):
        return np.broadcast_shapes(a, b)
    return None


def alike_in(tensors: "Mapping[str, Tensor]", alike: str) -> None:
    """Raise TypeError unless all tensors are on one device, and those that are alike have one dtype."""
    names = list(tensors)
    for name in names:
        first = next((n for n in names if n in alike.split()), name) if name in alike.split() else name
        like, where = tensors[first].dtype, tensors[names[0]].device
        if tensors[name].dtype != like:
            raise TypeError(f"{name} must have the dtype of {first}, {like}, got {tensors[name].dtype}")
        if tensors[name].device != where:
            raise TypeError(
                f"{name} must be on the device of {names[0]}, {where}, got one on {tensors[name].device}"
            )


def _name(hint: Any) -> str:
    return hint.rpartition(".")[2] if isinstance(hint, str) else getattr(hint, "__name__", str(hint))


def _words(hint: Any, kind: str = "real") -> str:
    """Return a hint in words."""
    origin, name = get_origin(hint) or hint, _name(hint)
    if name == "Tensor":
        return _checks.DTYPES[kind][0]
    if origin in MANY:
        return " of ".join([MANY[origin], *(_words(inner) for inner in get_args(hint)[:1])])
    if origin is Callable:
        return "a function"
    return SAID.get(hint) or (name if name == "None" else f"a {_name(origin)}")
