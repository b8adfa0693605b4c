"""Gates, the programs they form, and their tables in numpy: what a circuit is, before any state.

Two kinds of gate are enough for every circuit of this book:

- a :class:`Rotation` by a Pauli string P, ``exp(-i a P / 2) = cos(a / 2) - i sin(a / 2) P``, since P squares
  to 1; its angle a is ``scale * theta[k] + offset``, or fixed, as in H, S and T up to a global phase;
- an :class:`Entangler`, a fixed pattern of CNOTs (it permutes the amplitudes) or CZs (it flips their signs).
"""

from collections.abc import Sequence
from functools import lru_cache, reduce
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from qbp import _checks


class Rotation(NamedTuple):
    """The gate ``exp(-i a P / 2)`` with the angle ``a = scale * theta[k] + offset``, in radians.

    Attributes:
        pauli: spells P, a letter of "IXYZ" a qubit.
        parameter: k; None for a fixed gate, whose angle is the offset.
        scale: dimensionless.
        offset: in radians.
    """

    pauli: str
    parameter: int | None
    scale: float = 1.0
    offset: float = 0.0


class Angle(NamedTuple):
    """The angle ``scale * theta[parameter] + offset``, in radians.

    It can be added to, subtracted from, multiplied with and divided by real numbers.

    Attributes:
        parameter: index k of the parameter.
        scale: dimensionless.
        offset: in radians.

    Raises:
        TypeError: in arithmetic with anything but a real number, such as a second angle.
        ValueError: the result is not finite, or the divisor is 0.

    Example:
        >>> 2 * Angle(0) + 0.5
        Angle(parameter=0, scale=2.0, offset=0.5)
    """

    parameter: int
    scale: float = 1.0
    offset: float = 0.0

    def __add__(self, other: float) -> "Angle":  # type: ignore[override]  # of a tuple, which it is besides
        return self._changed(1.0, _checks.number("what is added to an angle", other))

    def __radd__(self, other: float) -> "Angle":
        return self + other

    def __sub__(self, other: float) -> "Angle":
        return self._changed(1.0, -_checks.number("what is subtracted from an angle", other))

    def __rsub__(self, other: float) -> "Angle":
        return -self + other

    def __mul__(self, other: float) -> "Angle":  # type: ignore[override]
        return self._changed(_checks.number("the factor of an angle", other))

    def __rmul__(self, other: float) -> "Angle":  # type: ignore[override]
        return self * other

    def __truediv__(self, other: float) -> "Angle":
        if not (divisor := _checks.number("the divisor of an angle", other)):
            raise ValueError("the divisor of an angle must not be 0, got 0")
        return Angle(
            self.parameter,
            _checks.number("the scale of an angle", self.scale / divisor),
            _checks.number("the offset of an angle", self.offset / divisor),
        )

    def __neg__(self) -> "Angle":
        return self * -1

    def __pos__(self) -> "Angle":
        return self

    def _changed(self, factor: float, shift: float = 0.0) -> "Angle":
        return Angle(
            self.parameter,
            _checks.number("the scale of an angle", self.scale * factor),
            _checks.number("the offset of an angle", self.offset * factor + shift),
        )


Angle.__array_ufunc__ = None  # type: ignore[attr-defined]  # numpy's numbers leave arithmetic to the angle


class Entangler(NamedTuple):
    """Gates of one `kind` ("cz", or "cnot": control first) on `pairs` of qubits, applied in that order."""

    kind: str
    pairs: tuple[tuple[int, int], ...]


class Program(tuple[Rotation | Entangler, ...]):
    """Gates, first to last: a tuple that computes its hash once, since tables are kept by program."""

    def __hash__(self) -> int:
        if "hash" not in self.__dict__:
            self.__dict__["hash"] = super().__hash__()
        return self.__dict__["hash"]

    def __reduce__(self) -> tuple:
        return Program, (tuple(self),)  # without the hash: another process has another one


def checked(gate: Any, n_qubits: int, n_params: int) -> Rotation | Entangler:
    """Return a gate with the plain numbers of Python.

    Raises:
        TypeError, ValueError: it is no gate on `n_qubits` qubits by `n_params` parameters, or not finite.

    Example:
        >>> checked(Rotation("XI", np.int64(0), 2), n_qubits=2, n_params=1)
        Rotation(pauli='XI', parameter=0, scale=2.0, offset=0.0)
    """
    if isinstance(gate, Rotation):
        pauli, k = gate.pauli, gate.parameter
        if not isinstance(pauli, str) or not set(pauli) <= set("IXYZ") or len(pauli) != n_qubits:
            raise ValueError(f"gates must turn about {n_qubits} letters of I, X, Y, Z, got {pauli!r}")
        if k is not None and (k := _checks.integer("a parameter of gates", k, 0)) >= n_params:
            raise ValueError(
                f"gates must have parameters below {n_params}, one for each of parameter_names, got {k}"
            )
        scale, offset = (_checks.number(f"the {x} of gates", getattr(gate, x)) for x in ("scale", "offset"))
        return Rotation(str(pauli), k, scale, offset)
    if not isinstance(gate, Entangler):
        raise TypeError(f"gates must be Rotations and Entanglers, got {_checks.kind_of(gate)}")
    pairs = []
    for pair in _checks.sequence("the pairs of gates", gate.pairs, "pairs of qubits"):
        ends = _checks.sequence("the pairs of gates", pair, "two different qubits each")
        a, *rest = (_checks.integer("a qubit of gates", q, 0, n_qubits - 1) for q in ends)
        if len(rest) != 1 or a == rest[0]:
            raise ValueError(f"the pairs of gates must be two different qubits each, got {pair!r}")
        pairs.append((a, rest[0]))
    return Entangler(_checks.choice("the kind of gates", gate.kind, ("cz", "cnot")), tuple(pairs))


def entangler_pairs(topology: Any, n_qubits: int, names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Return the pairs of an entangler, in the order they act.

    Args:
        topology: one of `names`, which are among "ladder", "ring", "brick" and "full"; or the pairs.
        n_qubits: number of qubits.
        names: those allowed.

    Raises:
        ValueError: `topology` is neither.

    Example:
        >>> entangler_pairs("ring", 3, ("ring",))
        ((0, 1), (1, 2), (2, 0))
    """
    n = n_qubits
    if not isinstance(topology, str):
        takes = f"topology must be one of {', '.join(names)} or a list of pairs of different qubits below {n}"
        listed = topology.tolist() if isinstance(topology, np.ndarray) else topology
        kinds = isinstance(listed, Sequence) and {*map(type, listed)} <= {list, tuple}
        if not kinds or not listed or not all(len(p) == 2 and p[0] != p[1] for p in listed):
            raise ValueError(f"{takes}, got {topology!r}")
        (a, b) = (
            [_checks.integer("a qubit of topology", p[end], 0, n - 1) for p in listed] for end in (0, 1)
        )
        return tuple(zip(a, b, strict=True))
    if _checks.choice("topology", topology, names) == "full":
        return tuple(combinations(range(n), 2))
    ladder = [(i, i + 1) for i in range(n - 1)]
    if topology == "brick":
        ladder = ladder[0::2] + ladder[1::2]
    if topology == "ring" and n > 2:
        ladder.append((n - 1, 0))
    return tuple(ladder)


Start = str | tuple[tuple[complex, complex], ...]  # a name, or the amplitudes of every qubit


class Untied(NamedTuple):
    """A program in which rotation k turns by angle k, and what each angle is.

    Attributes:
        program: the gates, rotations numbered in their order.
        parameter: of each rotation, int64; 0 where it is fixed.
        scale: of each rotation, float64; 0 where it is fixed.
        offset: of each rotation, radians, float64.
        as_given: whether every angle is an entry of theta as it stands: nothing to compute.
    """

    program: Program
    parameter: np.ndarray
    scale: np.ndarray
    offset: np.ndarray
    as_given: bool


@lru_cache(maxsize=256)
def untied(program: Program) -> Untied:
    """Return the program with an angle of its own for each rotation.

    Example:
        >>> untied(Program([Rotation("X", 0, 2.0), Rotation("Z", None, offset=0.5)])).scale.tolist()
        [2.0, 0.0]
    """
    rotations = [gate for gate in program if isinstance(gate, Rotation)]
    numbers = iter(range(len(rotations)))
    alone = [Rotation(g.pauli, next(numbers)) if isinstance(g, Rotation) else g for g in program]
    return Untied(
        Program(alone),
        np.array([0 if g.parameter is None else g.parameter for g in rotations], np.int64),
        np.array([0.0 if g.parameter is None else g.scale for g in rotations]),
        np.array([g.offset for g in rotations], float),
        all(g.parameter is not None and (g.scale, g.offset) == (1, 0) for g in rotations),
    )


@lru_cache(maxsize=1024)
def pauli_signs(pauli: str) -> np.ndarray:
    """Return the signs that `pauli` leaves on the flipped amplitudes, +-1 int8 of shape (2**n,).

    Example:
        >>> pauli_signs("ZZ").tolist()
        [1, -1, -1, 1]
    """
    factors = {"I": (1, 1), "X": (1, 1), "Y": (-1, 1), "Z": (1, -1)}  # Y|0> = i|1>, Y|1> = -i|0>
    return reduce(np.kron, [np.array(factors[p], dtype=np.int8) for p in pauli])


@lru_cache(maxsize=256)
def entangler_table(gate: Entangler, n_qubits: int) -> np.ndarray:
    """Return what the entangler does to the 2**n amplitudes.

    For "cz" the signs it gives them (int8); for "cnot" the index each new amplitude is read from (int64).

    Example:
        >>> entangler_table(Entangler("cnot", ((0, 1), (1, 2))), 3).tolist()
        [0, 1, 3, 2, 6, 7, 5, 4]
    """
    index = np.arange(2**n_qubits, dtype=np.int32 if n_qubits < 31 else np.int64)

    def bit(qubit: int) -> np.ndarray:
        return index >> (n_qubits - 1 - qubit) & 1

    if gate.kind == "cz":
        odd = np.zeros(2**n_qubits, dtype=bool)
        for a, b in gate.pairs:
            odd ^= (bit(a) & bit(b)).astype(bool)
        return np.where(odd, np.int8(-1), np.int8(1))
    source = index
    for a, b in gate.pairs:
        source = source[index ^ (bit(a) << (n_qubits - 1 - b))]  # later gates are read first
    return source.astype(np.int64)


def start_qubits(start: Start, n_qubits: int) -> np.ndarray:
    """Return the single-qubit amplitudes of a product start state, complex, shape (n_qubits, 2).

    Args:
        start: "zero", "plus", or amplitudes, array-like of shape (n_qubits, 2), each row normalized to 1e-6.
        n_qubits: number of qubits.

    Raises:
        ValueError: another name, another shape, or a row that is not normalized.

    Example:
        >>> start_qubits("zero", 1)
        array([[1.+0.j, 0.+0.j]])
    """
    if isinstance(start, str):
        _checks.choice("start", start, ("zero", "plus"))
        return np.tile(np.array([1, 0] if start == "zero" else [0.5**0.5] * 2, dtype=complex), (n_qubits, 1))
    takes = f'start must be "zero", "plus" or amplitudes of shape ({n_qubits}, 2)'
    if getattr(start, "requires_grad", False):
        raise ValueError(f"{takes} without a gradient, which it does not get, got one that asks for it")
    try:
        qubits = np.array(np.asarray(start), dtype=complex)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise TypeError(f"{takes}, got {start!r}") from None
    if qubits.shape != (n_qubits, 2):
        raise ValueError(f"{takes}, got shape {qubits.shape}")
    norms = np.linalg.norm(qubits, axis=1)
    if not np.allclose(norms, 1, rtol=0, atol=1e-6):
        raise ValueError(f"start must have normalized rows, got norms {norms.tolist()}")
    return qubits
