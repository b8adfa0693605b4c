"""Parameters of the chapters: what each takes, checked before a chapter computes anything.

A chapter checks its own in the cell after them; the message names a parameter as its first cell does.
"""

import math
from collections.abc import Callable, MutableMapping
from functools import partial
from typing import Any

from qbp.audit.verdicts import VERDICTS
from qbp.experiments.result import resolve_device

Rule = Callable[[str, Any], Any]  # (name, value) -> the value as the chapter takes it


def _whole(low: int, high: int, or_zero: bool, name: str, value: Any) -> int:
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    zero = ", or 0 for the profile's" if or_zero else ""
    takes = f"a whole number from {low} to {high}{zero}"
    counted = isinstance(number, int) and not isinstance(number, bool)
    if not counted or not (low <= number <= high or (or_zero and number == 0)):
        raise ValueError(f"{name} must be {takes}, got {value!r}")
    return number


def _real(low: float, high: float, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low < value <= high:
        raise ValueError(f"{name} must be a number above {low}, at most {high}, got {value!r}")
    return float(value)


def _one_of(choices: tuple[str, ...], name: str, value: Any) -> str:
    if str(value) not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
    return str(value)


def _list(choices: tuple[str, ...] | range, least: int, name: str, value: Any) -> str:
    words = [word.strip() for word in str(value).split(",")]
    known = list(map(str, choices))
    if not set(words) <= set(known) or len(set(words)) < max(least, len(words)):
        what = f"{known[0]} to {known[-1]}" if isinstance(choices, range) else ", ".join(choices)
        raise ValueError(
            f"{name} must name at least {least} of {what}, each once, separated by commas, got {value!r}"
        )
    return ",".join(words)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a text, got {value!r}")
    return value


def _device(name: str, value: Any) -> str:
    resolve_device(str(value))
    return value


def whole(low: int, high: int = 10**6, *, or_zero: bool = False) -> Rule:
    """Return the rule of a whole number; 4.0 is one."""
    return partial(_whole, low, high, or_zero)


def one_of(*choices: str) -> Rule:
    """Return the rule of a choice; the number 1 chooses "1"."""
    return partial(_one_of, choices)


EVERYWHERE: dict[str, Rule] = {
    "profile": one_of("quick", "paper"),
    "device": _device,
    "dtype": one_of("float64", "float32"),
    "seed": whole(0, 2**32 - 1),
    "seeds": whole(2, or_zero=True),
    "steps": whole(20),
    "n_qubits": whole(2, 12),
    "n_layers": whole(1, 1000),
    "mnist": _text,
}
CHAPTERS: dict[str, dict[str, Rule]] = {
    "ablations": {"metric": one_of("val_loss", "train_loss")},
    "algorithm-1": {"steps": whole(451)},
    "ambiguities": {"only": whole(0)},
    "barren-plateaus": {
        "samples": whole(4, or_zero=True), "circuits": whole(1), "n_max": whole(4, 14),
        "deep": whole(4, 1000), "shots_per_second": whole(1, 10**9),
    },
    "census": {"which": one_of("ansatz", "all")},
    "claims": {"reading": _text, "judged": one_of("all", *VERDICTS)},
    "convex-initialization": {
        "pairs": whole(2), "points": whole(2), "ridge": partial(_real, 0, math.inf),
    },
    "cost-locality": {
        "walks": whole(64, 2**27, or_zero=True), "samples": whole(4),
        "sizes": partial(_list, range(2, 1001), 4),
    },
    "diagnose": {"samples": whole(16), "walks": whole(2048, 2**22), "chain": whole(24, 200)},
    "expressibility": {"samples": whole(8), "boxed": whole(8), "runs": whole(4), "n_qubits": whole(2, 10)},
    "figure-1": {"start": whole(0, 490)},
    "first-circuit": {"rate": partial(_real, 0, math.pi)},
    "index": {"reading": one_of("both", "as-released", "as-written")},
    "known-answers": {"of": one_of("suite", "trainable")},
    "later-versions": {"layers": whole(1, 10)},
    "lie-algebra": {"samples": whole(4), "largest": whole(4, 10), "chain": whole(10, 200)},
    "noise-plateaus": {
        "samples": whole(2, or_zero=True), "runs": whole(2, or_zero=True), "n_qubits": whole(2, 6),
        "p": partial(_real, 0, 0.5), "deepest": whole(32, 64),
    },
    "own-circuit": {"starts": whole(2), "samples": whole(4)},
    "paper-map": {"kind": one_of("all", "equation", "line", "experiment", "figure", "reference")},
    "performance": {"families": partial(_list, tuple(f"W{k}" for k in range(1, 10)), 1)},
    "regression-circuit": {"layers": whole(1, 100)},
    "rerun-it": {"largest": whole(4, 14), "seeds": whole(2, 100), "workers": whole(1, 64)},
    "saddles-and-curvature": {"largest": whole(4, 9), "samples": whole(4), "runs": whole(2)},
    "start-ensembles": {
        "walks": whole(256, 2**22, or_zero=True), "samples": whole(4), "largest": whole(100),
        "layers": whole(1, 1000),
    },
    "start-of-stage-2": {
        "starts": whole(8, or_zero=True), "hessians": whole(2), "n": whole(2, 8),
        "depth": one_of("1", "n", "2n", "4n"),
    },
    "switching": {"cap": whole(60)},
    "thousand-qubits": {
        "walks": whole(256, 2**27, or_zero=True), "samples": whole(4), "largest": whole(100),
        "layers": whole(1, 1000),
    },
    "variational-circuits": {"samples": whole(8)},
    "two-steps-that-work": {"layers": whole(1, 3), "shots": whole(10, 1000)},
    "vqe": {"n": whole(2, 8)},
}  # fmt: skip


def check(chapter: str, namespace: MutableMapping[str, Any]) -> None:
    """Check the parameters of a chapter, and write back whole numbers that came as 4.0.

    Args:
        chapter: its name, as in ``book/curve.ipynb``.
        namespace: where they stand: a chapter gives its ``globals()``.

    Raises:
        ValueError: a parameter is not what the chapter takes; the message names it.

    Example:
        >>> check("curve", given := {"seeds": 5.0, "profile": "quick"})
        >>> given["seeds"]
        5
    """
    for name, rule in (EVERYWHERE | CHAPTERS.get(chapter, {})).items():
        if name in namespace:
            namespace[name] = rule(name, namespace[name])
