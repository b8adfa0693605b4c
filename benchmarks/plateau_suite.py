"""Circuits with proven answers, built from the entries of plateau_suite.toml.

An entry is a family: :meth:`Entry.at` gives circuit, observable and ensemble of angles at a number of qubits.
"""

import ast
import math
import operator
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from qbp.circuits.ansatz import HardwareEfficient, PauliRotations
from qbp.circuits.builder import CircuitBuilder
from qbp.circuits.circuit import Circuit
from qbp.circuits.observables import Observable, PauliSum, Projector, heisenberg, tfim
from qbp.circuits.templates.chemistry import UCCSD
from qbp.circuits.templates.hamiltonian import QAOA, HamiltonianVariational
from qbp.circuits.templates.layered import StronglyEntangling, TwoLocal
from qbp.plateaus.algebra.examples import family
from qbp.plateaus.starts.ensemble import AngleEnsemble, GateNoise

FILE = Path(__file__).with_name("plateau_suite.toml")
VERDICTS = ("plateau", "no plateau")
CAUSES = ("expressiveness", "observable", "input state", "noise")
SETS = ("suite", "trainable")

# ---------------------------------------------------------------------------------------------- formulas


def tree(n: int) -> float:
    """Mean square of <Z> on the last of n = 2^k qubits behind a tree of blocks, each a 2-design.

    Of the 15 strings that a block makes of one, 3 stand on either qubit alone and 9 on both.
    """
    value = 1 / 3
    for _ in range(int(n).bit_length() - 1):
        value = (6 * value + 9 * value**2) / 15
    return value


def chain(n: int) -> float:
    """Mean square of <Z> on the last of n qubits behind a sequence of blocks, each a 2-design."""
    value = 1 / 3
    for _ in range(n - 1):
        value = (3 / 3 + 3 * value + 9 * value / 3) / 15
    return value


def mirrored(n: int) -> float:
    """Mean square of <Z_0 Z_1> in a random state of n qubits that is its own mirror image.

    With R the mirror, P = (1 + R)/2 and D = tr P, it is tr(P O P O)/(D (D + 1)); tr R = 2^ceil(n/2).
    """
    mirror = 2 ** ((n + 1) // 2)
    D = (2**n + mirror) / 2
    return (2**n + 2 * mirror) / 4 / (D * (D + 1))


NAMES: dict[str, Any] = {
    **{name: getattr(math, name) for name in ("sqrt", "exp", "log2", "ceil", "comb", "pi")},
    **{"list": list, "range": range, "tree": tree, "chain": chain, "mirrored": mirrored},
}
_OPERATIONS = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow,
}  # fmt: skip


def formula(text: str, n: int) -> Any:
    """Value of a formula of the file for n qubits.

    Raises:
        ValueError: it has something else than numbers, n, operators, and the functions of `NAMES`.

    Example:
        >>> formula("2*n + ceil(log2(n))", 8), formula("[k for k in range(n) if k % 2]", 4)
        (19, [1, 3])
    """
    return _value(ast.parse(text, mode="eval").body, NAMES | {"n": n})


def _value(node: ast.expr, names: dict[str, Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATIONS[type(op)](_value(left, names), _value(right, names))
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_value(inner, names)
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return not _value(inner, names)
        case ast.Call(func=func, args=args, keywords=[]):
            return _value(func, names)(*(_value(a, names) for a in args))
        case ast.List(elts=listed):
            return [_value(e, names) for e in listed]
        case ast.Tuple(elts=listed):
            return tuple(_value(e, names) for e in listed)
        case ast.IfExp(test=test, body=body, orelse=other):
            return _value(body if _value(test, names) else other, names)
        case ast.Compare(left=left, ops=[ast.NotIn()], comparators=[right]):
            return _value(left, names) not in _value(right, names)
        case ast.ListComp(elt=elt, generators=[ast.comprehension(target=ast.Name(id=k), iter=it, ifs=ifs)]):
            inner = (names | {k: value} for value in _value(it, names))
            return [_value(elt, some) for some in inner if all(_value(test, some) for test in ifs)]
    raise ValueError(f"a formula must be made of n, numbers and {', '.join(NAMES)}, got {ast.unparse(node)}")


# ---------------------------------------------------------------------------------------------- circuits


def _on(n: int, letters: str, first: int) -> str:
    return "I" * first + letters + "I" * (n - first - len(letters))


def _rotations(
    n: int,
    start: str,
    *,
    letters: str = "",
    terms: tuple[str, ...] = (),
    layers: int = 1,
    shared: bool = False,
) -> Circuit:
    """Layers of rotations by `letters` or `terms`, each along the whole chain."""
    layer = [_on(n, term, q) for term in (terms or tuple(letters)) for q in range(n - len(term) + 1)]
    tied = [0] * (len(layer) * layers) if shared else None
    return PauliRotations(n, layer * layers, tied, start)


def _hardware_efficient(n: int, start: str, *, rotations: Any, **options: Any) -> Circuit:
    seed = 0 if rotations == "random" else None
    return HardwareEfficient(n, options.pop("layers"), rotations=rotations, seed=seed, start=start, **options)


def _two_local(n: int, start: str, **options: Any) -> Circuit:
    return TwoLocal(n, start=start, **options)


def _strongly_entangling(n: int, start: str, *, layers: int) -> Circuit:
    return StronglyEntangling(n, layers, start=start)


def _algebra(n: int, start: str, *, layers: int, **options: str) -> Circuit:
    return family(options["family"], n, layers).circuit


def _variational(n: int, start: str, *, hamiltonian: str, layers: int) -> Circuit:
    return HamiltonianVariational(OBSERVABLES[hamiltonian](n), layers)


def _qaoa(n: int, start: str, *, graph: str, layers: int) -> Circuit:
    path = [(q, q + 1) for q in range(n - 1)]
    return QAOA([*path, (n - 1, 0)] if graph == "ring" else path, layers)


def _singles(n: int, start: str, *, layers: int) -> Circuit:
    """Rotations between neighbouring orbitals, half of them occupied."""
    layer = tuple(((p,), (p + 1,)) for p in range(n - 1))
    return UCCSD(n, n // 2, layer * layers)


def _scrambled(n: int, start: str, *, depth: int) -> Circuit:
    """One layer of RY on a fixed deep circuit, whose angles are drawn once for each n."""
    angles = iter(np.random.default_rng(n).uniform(0, 2 * np.pi, 2 * n * depth))
    builder = CircuitBuilder(n)
    for _ in range(depth):
        for q in range(n):
            builder.ry(float(next(angles)), q).rz(float(next(angles)), q)
        for q in range(n - 1):
            builder.cz(q, q + 1)
    for q in range(n):
        builder.ry(builder.parameter(), q)
    return builder.build()


def _block(builder: CircuitBuilder, a: int, b: int, depth: int) -> None:
    """Add a block of its own angles on two qubits, near a 2-design where it is deep."""
    for _ in range(depth):
        for q in (a, b):
            builder.ry(builder.parameter(), q).rz(builder.parameter(), q)
        builder.cz(a, b)
    for q in (a, b):
        builder.rz(builder.parameter(), q).ry(builder.parameter(), q)


def _pairs(n: int, start: str, *, depth: int) -> Circuit:
    builder = CircuitBuilder(n)
    for q in range(0, n, 2):
        _block(builder, q, q + 1, depth)
    return builder.build()


def _chain(n: int, start: str, *, depth: int) -> Circuit:
    builder = CircuitBuilder(n)
    for q in range(n - 1):
        _block(builder, q, q + 1, depth)
    return builder.build()


def _tree(n: int, start: str, *, depth: int) -> Circuit:
    """Blocks on pairs, then on every second qubit that is left, up to the last qubit."""
    builder, kept = CircuitBuilder(n), list(range(n))
    while len(kept) > 1:
        for a, b in zip(kept[::2], kept[1::2], strict=True):
            _block(builder, a, b, depth)
        kept = kept[1::2]
    return builder.build()


def _convolution(n: int, start: str, *, depth: int) -> Circuit:
    """Bricks of blocks, then CNOTs onto every second qubit, which stays; and so on, up to one qubit."""
    builder, kept = CircuitBuilder(n), list(range(n))
    while len(kept) > 1:
        for first in (0, 1):
            for a, b in zip(kept[first::2], kept[first + 1 :: 2], strict=False):
                _block(builder, a, b, depth)
        for a, b in zip(kept[::2], kept[1::2], strict=True):
            builder.cx(a, b)
        kept = kept[1::2]
    return builder.rz(builder.parameter(), kept[0]).ry(builder.parameter(), kept[0]).build()


BUILDERS: dict[str, Callable[..., Circuit]] = {
    "rotations": _rotations,
    "hardware-efficient": _hardware_efficient,
    "two-local": _two_local,
    "strongly-entangling": _strongly_entangling,
    "algebra": _algebra,
    "variational": _variational,
    "qaoa": _qaoa,
    "singles": _singles,
    "scrambled": _scrambled,
    "pairs": _pairs,
    "chain": _chain,
    "tree": _tree,
    "convolution": _convolution,
}


def _sum_of_z(n: int, each: float = 1.0, constant: float = 0.0) -> PauliSum:
    terms = {_on(n, "Z", q): each for q in range(n)}
    return PauliSum({"I" * n: constant} | terms if constant else terms)


def _tilted(n: int) -> PauliSum:
    return PauliSum(dict(tfim(n).terms) | {_on(n, "Z", q): -1.0 for q in range(n)})


OBSERVABLES: dict[str, Callable[[int], Observable]] = {
    "projector": Projector,
    "string": lambda n: PauliSum({"Z" * n: 1.0}),
    "Z first": lambda n: PauliSum({_on(n, "Z", 0): 1.0}),
    "Z last": lambda n: PauliSum({_on(n, "Z", n - 1): 1.0}),
    "ZZ": lambda n: PauliSum({_on(n, "ZZ", 0): 1.0}),
    "ZZ middle": lambda n: PauliSum({_on(n, "ZZ", n // 2 - 1): 1.0}),
    "X half": lambda n: PauliSum({"X" * (n // 2) + "I" * (n - n // 2): 1.0}),
    "sum of Z": _sum_of_z,
    "local": lambda n: _sum_of_z(n, -0.5 / n, 0.5),
    "tfim": tfim,
    "tfim ring": lambda n: tfim(n, periodic=True),
    "tilted Ising": _tilted,
    "heisenberg": heisenberg,
}

# ------------------------------------------------------------------------------------------------ entries


class Case(NamedTuple):
    """One circuit of a family; the ensemble is None where angles are uniform and there is no noise."""

    circuit: Circuit
    H: Observable
    ensemble: AngleEnsemble | None


@dataclass(frozen=True)
class Entry:
    """A family with a proven answer; the file says what its fields mean."""

    name: str
    set: str
    build: str
    observable: str
    sizes: tuple[int, ...]
    verdict: str
    causes: tuple[str, ...]
    sources: tuple[str, ...]
    why: str
    options: dict[str, Any] = field(default_factory=dict)
    start: str = "zero"
    ensemble: dict[str, str] = field(default_factory=dict)
    noise: dict[str, float] = field(default_factory=dict)
    rate: float | None = None
    at_least: float | None = None
    variance: str | None = None
    deep: bool = False
    dead: str | None = None

    def at(self, n: int) -> Case:
        """Circuit, observable and ensemble on n qubits."""
        circuit = BUILDERS[self.build](n, self.start, **self._options(n))
        return Case(circuit, self._observable(n), self._ensemble(n))

    def cost_variance(self, n: int) -> float | None:
        """Variance of the cost by the formula, None where there is none."""
        return None if self.variance is None else float(formula(self.variance, n))

    def dead_at(self, n: int) -> frozenset[int] | None:
        """Parameters whose derivative is zero everywhere, None where that is not asked."""
        return None if self.dead is None else frozenset(formula(self.dead, n))

    def _options(self, n: int) -> dict[str, Any]:
        plain = ("graph", "hamiltonian", "family", "topology", "entangler", "letters", "rotations")
        return {
            name: formula(value, n) if isinstance(value, str) and name not in plain else value
            for name, value in self.options.items()
        }

    def _observable(self, n: int) -> Observable:
        if self.observable != "own":
            return OBSERVABLES[self.observable](n)
        if self.build == "algebra":
            return family(self.options["family"], n, 1).H
        circuit = BUILDERS[self.build](n, self.start, **self._options(n))
        assert isinstance(circuit, QAOA)
        return circuit.hamiltonian

    def _ensemble(self, n: int) -> AngleEnsemble | None:
        if not self.ensemble and not self.noise:
            return None
        kind = self.ensemble.get("kind", "full")
        width = float(formula(self.ensemble.get("width", "0"), n))
        return AngleEnsemble(kind, width, noise=GateNoise(**self.noise))


@cache
def entries() -> tuple[Entry, ...]:
    """All families of the file, in its order.

    Raises:
        TypeError: an entry has an unknown field or lacks one.
    """
    listed = tomllib.loads(FILE.read_text("utf-8"))["circuit"]
    plain = [{k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()} for entry in listed]
    return tuple(Entry(**entry) for entry in plain)
