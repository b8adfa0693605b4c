r"""Clifford frames: a program as Pauli rotations alone, and a Clifford behind them that moves observables.

A rotation after a Clifford C is a rotation before it, ``exp(-i a P / 2) C = C exp(-i a C^dagger P C / 2)``,
and ``C^dagger P C`` is a Pauli string with a sign.  So every program is ``U = C R`` with Pauli rotations R,
and ``<O> = <R| C^dagger O C |R>``: what is left of all CNOTs, CZs and fixed rotations by multiples of pi/2 is
a table of strings.  The bits are those of Aaronson and Gottesman 2004, held in whole numbers of any length.
"""

from dataclasses import dataclass
from functools import cached_property
from math import pi
from typing import NamedTuple

from qbp import _checks
from qbp.circuits.gates import Program, Rotation
from qbp.circuits.observables import Observable, PauliSum, Projector, pauli_string

EXACT = 1e-12  # radians within which an angle is a multiple of pi/2
X_BITS, Z_BITS = str.maketrans("IXYZ", "0110"), str.maketrans("IXYZ", "0011")
Row = tuple[int, int, int]  # (x, z, p): i^p X^x Z^z, bit n - 1 - q is qubit q
Signed = tuple[int, str]  # a Pauli string with its sign, 1 or -1


@dataclass(frozen=True)
class Frame:
    """A Clifford C by what it makes of strings, ``P -> C^dagger P C``.

    Attributes:
        x: for each qubit q, ``C^dagger X_q C`` as (sign, string).
        z: the same of Z_q.
    """

    x: tuple[Signed, ...]
    z: tuple[Signed, ...]

    @property
    def n_qubits(self) -> int:
        """The number of qubits."""
        return len(self.x)

    @cached_property
    def _rows(self) -> list[Row]:
        return [_row(string, sign) for sign, string in (*self.x, *self.z)]

    def image(self, string: str) -> Signed:
        """Return ``C^dagger P C`` of a Pauli string, as (sign, string).

        Raises:
            ValueError: it is no Pauli string on these qubits.

        Example:
            >>> from qbp.circuits.gates import Entangler
            >>> _, frame = push_cliffords(Program([Entangler("cz", ((0, 1),))]), 2)
            >>> frame.image("XX"), frame.image("XY")
            ((1, 'YY'), (-1, 'YX'))
        """
        return _signed(_image(self._rows, _row(pauli_string(string, self.n_qubits))), self.n_qubits)

    def observable(self, H: PauliSum) -> PauliSum:
        """Return ``C^dagger H C``, whose terms are those of H in their order.

        Raises:
            TypeError, ValueError: H is no Pauli sum, or on another number of qubits.
        """
        if not isinstance(H, PauliSum):
            raise TypeError(f"H must be a PauliSum, got {type(H).__name__!r}")
        if H.n_qubits != self.n_qubits:
            raise ValueError(f"H must be on {self.n_qubits} qubits, got {H.n_qubits}")
        moved = (self.image(string) for string in H.terms)
        return PauliSum({p: sign * c for (sign, p), c in zip(moved, H.terms.values(), strict=True)})


class Pushed(NamedTuple):
    """A program as ``U = C R``.

    Attributes:
        rotations: R, first to last; no entangler, and no fixed rotation by a multiple of pi/2.
        frame: what C makes of observables.
    """

    rotations: Program
    frame: Frame


class LightCone(NamedTuple):
    """What an expectation can depend on.

    Attributes:
        qubits: those whose start matters, in order.
        rotations: places in the program of the rotations that matter, in order.
    """

    qubits: tuple[int, ...]
    rotations: tuple[int, ...]


def bits(pauli: str) -> tuple[int, int]:
    """Return a Pauli string as two numbers: the qubits with X or Y, and those with Z or Y; qubit 0 is the
    most significant bit.

    Example:
        >>> bits("XYZ")
        (6, 3)
    """
    return int(pauli.translate(X_BITS), 2), int(pauli.translate(Z_BITS), 2)


def quarter_turns(gate: Rotation) -> int | None:
    """Return how many turns by pi/2 a fixed rotation is, modulo 4, or None if it is no Clifford.

    Example:
        >>> quarter_turns(Rotation("X", None, 1.0, -pi / 2)), quarter_turns(Rotation("X", 0))
        (3, None)
    """
    number = round(gate.offset / (pi / 2))
    clifford = gate.parameter is None and abs(gate.offset - number * (pi / 2)) <= EXACT
    return number % 4 if clifford else None


def push_cliffords(program: Program, n_qubits: int) -> Pushed:
    """Move the Clifford gates of a program behind its rotations.

    Clifford are CNOT, CZ and fixed rotations by a multiple of pi/2, to 1e-12.  The other rotations keep their
    order, parameters, and the size of scale and offset; where the string changes its sign, these do.

    Args:
        program: gates, first to last.
        n_qubits: number of qubits.

    Returns:
        Rotations R and the frame of C; ``U = C R`` up to a global phase.

    Raises:
        TypeError, ValueError: `n_qubits` is no number of qubits.

    Example:
        >>> from qbp.circuits.gates import Entangler
        >>> found = push_cliffords(Program([Rotation("ZI", None, 1.0, pi), Entangler("cnot", ((0, 1),)),
        ...                                 Rotation("IZ", 0), Rotation("XI", 0, 2.0)]), 2)
        >>> found.rotations  # doctest: +NORMALIZE_WHITESPACE
        (Rotation(pauli='ZZ', parameter=0, scale=1.0, offset=0.0),
         Rotation(pauli='XX', parameter=0, scale=-2.0, offset=-0.0))
        >>> found.frame.x
        ((-1, 'XX'), (1, 'IX'))
    """
    n = _checks.integer("n_qubits", n_qubits)
    units = [1 << (n - 1 - q) for q in range(n)]
    rows: list[Row] = [*((unit, 0, 0) for unit in units), *((0, unit, 0) for unit in units)]  # X_q, then Z_q
    rotations = []
    for gate in program:
        if not isinstance(gate, Rotation):
            for a, b in gate.pairs:
                if gate.kind == "cz":  # X_a -> X_a Z_b, X_b -> Z_a X_b
                    rows[a], rows[b] = _times(rows[a], rows[n + b]), _times(rows[n + a], rows[b])
                else:  # X_a -> X_a X_b, Z_b -> Z_a Z_b
                    rows[a], rows[n + b] = _times(rows[a], rows[b]), _times(rows[n + a], rows[n + b])
            continue
        moved = _image(rows, _row(gate.pauli))
        if (quarters := quarter_turns(gate)) is None:
            sign, string = _signed(moved, n)
            rotations.append(Rotation(string, gate.parameter, sign * gate.scale, sign * gate.offset))
        elif quarters:
            _turn(rows, gate.pauli, moved, quarters)
    images = tuple(_signed(row, n) for row in rows)
    return Pushed(Program(rotations), Frame(images[:n], images[n:]))


def light_cone(program: Program, observable: Observable) -> LightCone:
    """Return the qubits and rotations that the expectation of an observable can depend on.

    Backwards from the measurement, the X and the Z parts that its strings may have on each qubit are carried
    through the gates.  A rotation whose generator cannot anticommute with any of them drops out.  What is
    returned is enough, and seldom more than what is needed.

    Args:
        program: gates, first to last.
        observable: a Pauli sum or a projector; any other takes every qubit in.

    Raises:
        TypeError: `observable` is none.

    Example:
        >>> from qbp import HardwareEfficient
        >>> circuit = HardwareEfficient(5, 1, ["ry"])
        >>> light_cone(circuit.program, PauliSum({"ZIIII": 1.0})).qubits  # a CZ commutes with Z
        (0,)
    """
    if not isinstance(observable, Observable):
        raise TypeError(f"observable must be an Observable, got {type(observable).__name__!r}")
    n, x, z = observable.n_qubits, 0, 0
    strings = ["Z" * n] if isinstance(observable, Projector) else ["Y" * n]
    if isinstance(observable, PauliSum):
        strings = [string for string, c in observable.terms.items() if c]
    for string in strings:
        own_x, own_z, _ = _row(string)
        x, z = x | own_x, z | own_z
    found = []
    for place in range(len(program) - 1, -1, -1):
        if not isinstance(gate := program[place], Rotation):
            for a, b in reversed(gate.pairs):
                a, b = 1 << (n - 1 - a), 1 << (n - 1 - b)
                if gate.kind == "cz":
                    z |= (b if x & a else 0) | (a if x & b else 0)
                else:
                    x, z = x | (b if x & a else 0), z | (a if z & b else 0)
            continue
        own_x, own_z, _ = _row(gate.pauli)
        if x & own_z or z & own_x:
            found.append(place)
            x, z = x | own_x, z | own_z
    reached = x | z
    return LightCone(tuple(q for q in range(n) if reached >> (n - 1 - q) & 1), tuple(reversed(found)))


def _turn(rows: list[Row], pauli: str, moved: Row, quarters: int) -> None:
    """Put a fixed rotation by `quarters` of pi/2 behind the frame; `moved` is the image of its string.

    For O that anticommutes with P, ``exp(i a P / 2) O exp(-i a P / 2) = O (cos a - i sin a P)``.
    """
    n = len(pauli)
    for q, letter in enumerate(pauli):
        for place, other in ((q, "X"), (n + q, "Z")):
            if letter not in ("I", other):
                x, z, p = rows[place] if quarters == 2 else _times(rows[place], moved)
                rows[place] = x, z, (p + (0, 3, 2, 1)[quarters]) % 4


def _row(string: str, sign: int = 1) -> Row:
    """Return a string as bits: Y is i X Z."""
    power = string.count("Y") + (0 if sign > 0 else 2)
    return *bits(string), power % 4


def _signed(row: Row, n: int) -> Signed:
    """Return bits as a string with its sign."""
    x, z, p = row
    pairs = zip(f"{x:0{n}b}", f"{z:0{n}b}", strict=True)
    string = "".join(("IZ", "XY")[a == "1"][b == "1"] for a, b in pairs)
    return (1 if (p - (x & z).bit_count()) % 4 == 0 else -1), string


def _times(a: Row, b: Row) -> Row:
    """Multiply: Z^z X^x = (-1)^(x z) X^x Z^z."""
    return a[0] ^ b[0], a[1] ^ b[1], (a[2] + b[2] + 2 * (a[1] & b[0]).bit_count()) % 4


def _image(rows: list[Row], row: Row) -> Row:
    """Return the product of the images of the X and Z that make a string."""
    x, z, p = row
    n, found = len(rows) // 2, (0, 0, p)
    while left := x | z:
        top = left.bit_length() - 1  # of the first qubit that is left
        q, bit = n - 1 - top, 1 << top
        if x & bit:
            found = _times(found, rows[q])
        if z & bit:
            found = _times(found, rows[n + q])
        x, z = x & ~bit, z & ~bit
    return found
