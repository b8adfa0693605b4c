r"""Dead parameters, with a proof each: the cost does not depend on them at any angles.

Cliffords are moved behind the rotations (:mod:`qbp.circuits.lowering.frames`), so that a circuit is a list of
Pauli strings R_1, R_2, ... on a product start, and three facts decide:

- *From the start.*  If R_k leaves the start state up to a sign, and commutes with all R_j before it that do
  not drop out by this rule, it turns a phase.
- *Symmetry.*  A product Q of letters that leave the start state, and that commutes with every R_k left, is a
  symmetry.  A string of H that anticommutes with Q has the expectation 0.
- *Light cone.*  What a string P of H can become on its way back to R_k is P times some of the R_j behind it
  that it has met.  If R_k commutes with P and with all of these, the string never meets R_k.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from qbp.circuits.circuit import Circuit
from qbp.circuits.gates import Rotation
from qbp.circuits.lowering.frames import Frame, light_cone, push_cliffords
from qbp.circuits.observables import Observable, PauliSum, Projector
from qbp.interchange.export import names_of
from qbp.plateaus.diagnosis.report import Dead
from qbp.plateaus.pauli.families import start_expectations

MOST = 6000  # rotations of which every pair is looked at; above, letters of light cones are
CONE, START, UNUSED, CANCELS = "light cone", "symmetry of the start", "turns no gate", "cancels"


class Bits(NamedTuple):
    """Strings as bits, uint8: X parts and Z parts, each (strings, n)."""

    x: np.ndarray
    z: np.ndarray


def dead_parameters(circuit: Circuit, H: Observable) -> tuple[Dead, ...]:
    """Return the parameters that are dead for one of the three reasons, and those that turn no gate.

    Args:
        circuit, H: any circuit; a sum of strings or a projector.  Of any other observable none is found but
            those that the start makes dead.

    Example:
        >>> from qbp import HardwareEfficient
        >>> circuit = HardwareEfficient(2, 1, rotations=["rz", "ry"])
        >>> [(d.index, d.reason) for d in dead_parameters(circuit, PauliSum({"ZI": 1.0}))]
        [(0, 'symmetry of the start'), (2, 'light cone'), (3, 'light cone')]
    """
    reasons = _rotations(circuit, H)
    names = names_of(circuit)
    by: dict[int, set[str]] = {k: set() for k in range(circuit.n_params)}
    for k, reason in reasons:
        by[k].add(reason)
    found = []
    for k, why in by.items():
        if "" not in why:
            reason = UNUSED if not why else START if START in why else CONE
            found.append(Dead(k, names[k], reason))
    return tuple(found)


def _rotations(circuit: Circuit, H: Observable) -> list[tuple[int, str]]:
    """Return the parameter of each rotation, and why it does nothing, "" where it may do something."""
    turned = [
        place
        for place, g in enumerate(circuit.program)
        if isinstance(g, Rotation) and g.parameter is not None and g.scale
    ]
    if len(turned) > MOST:
        reach = set(light_cone(circuit.program, H).rotations)
        return [(circuit.program[p].parameter, "" if p in reach else CONE) for p in turned]  # type: ignore[union-attr, misc]
    pushed = push_cliffords(circuit.program, circuit.n_qubits)
    rotations = [g for g in pushed.rotations if isinstance(g, Rotation) and (g.parameter is None or g.scale)]
    R = bits([g.pauli for g in rotations], circuit.n_qubits)
    table, start = anticommute(R, R), start_expectations(circuit.qubits)
    strings = _strings(H, pushed.frame)
    P = bits(strings or [], circuit.n_qubits)
    crossed = anticommute(R, P)
    met, every = (
        np.ones(len(rotations), bool),
        _met(table, np.ones(len(rotations), bool), np.any(crossed, axis=1)),
    )
    while True:  # what drops out may uncover a symmetry
        active = from_start(R, table, start, met)
        if strings is None:
            met = every = active
            break
        lost = broken(P, bits_at(R, active), start) if isinstance(H, PauliSum) else np.zeros(len(P.x), bool)
        after = _met(table, active, np.any(crossed[:, ~lost], axis=1))
        if (after == met).all():
            break
        met = after
    return [
        (g.parameter, "" if met[k] else START if every[k] else CONE)
        for k, g in enumerate(rotations)
        if g.parameter is not None
    ]


def _strings(H: Observable, frame: Frame) -> list[str] | None:
    """Return the strings of H, carried to before the Clifford; of a projector those of Z on each qubit."""
    if isinstance(H, PauliSum):
        return [p for p, c in frame.observable(H).terms.items() if c and set(p) != {"I"}]
    return [string for _, string in frame.z] if isinstance(H, Projector) else None


def bits(strings: Sequence[str], n: int) -> Bits:
    """Return strings as bits.

    Example:
        >>> bits(["XY"], 2).z.tolist()
        [[0, 1]]
    """
    letters = np.array([list(map("IXZY".index, p)) for p in strings], dtype=np.uint8).reshape(-1, n)
    return Bits(letters & 1, letters >> 1)


def bits_at(strings: Bits, where: np.ndarray) -> Bits:
    """Return some of the strings."""
    return Bits(strings.x[where], strings.z[where])


def anticommute(a: Bits, b: Bits) -> np.ndarray:
    """Return which strings anticommute, (strings of a, strings of b), bool."""
    return _odd(a.x, b.z) ^ _odd(a.z, b.x)


def _odd(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray((a.astype(np.float32) @ b.T.astype(np.float32)) % 2 == 1)


def from_start(R: Bits, table: np.ndarray, start: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return which rotations change the start state by more than a phase, (rotations,) bool.

    Args:
        R: the generators, first to last.
        table: which of them anticommute, (rotations, rotations).
        start: expectations of I, X, Z, Y in each qubit, (n, 4).
        among: rotations that are there, (rotations,).
    """
    letters = R.x + 2 * R.z
    sharp = abs(abs(start) - 1) < 1e-9
    moves = np.asarray(~np.take_along_axis(sharp, letters.T.astype(int), axis=1).all(axis=0))
    for k in range(len(moves)):
        moves[k] = among[k] and (moves[k] or bool((table[k, :k] & moves[:k]).any()))
    return moves


def broken(P: Bits, R: Bits, start: np.ndarray) -> np.ndarray:
    """Return which strings a symmetry of start and rotations makes zero, (strings,) bool."""
    n = P.x.shape[1]
    sharp = abs(abs(start[:, 1:]) - 1) < 1e-9
    own = [q for q in range(n) if sharp[q].any()]
    if not own:
        return np.zeros(len(P.x), dtype=bool)
    letter = np.array([1 + int(np.argmax(sharp[q])) for q in own])
    single = np.zeros((2, len(own), n), dtype=np.uint8)
    single[0, range(len(own)), own], single[1, range(len(own)), own] = letter & 1, letter >> 1
    kernel = nullspace(anticommute(R, Bits(*single)))
    if not len(kernel):
        return np.zeros(len(P.x), dtype=bool)
    with_letters = anticommute(P, Bits(*single))
    return np.asarray(_odd(with_letters.astype(np.uint8), kernel).any(axis=1))


def nullspace(rows: np.ndarray) -> np.ndarray:
    """Return a basis of the vectors v with ``rows v = 0`` modulo 2, (dimension, columns) uint8.

    Example:
        >>> nullspace(np.array([[1, 1, 0]], dtype=bool)).tolist()
        [[1, 1, 0], [0, 0, 1]]
    """
    width = rows.shape[1]
    pivots: dict[int, int] = {}  # its leading column: a row as a number, bit c is column c, reduced
    for number in {int("".join("01"[b] for b in row[::-1]), 2) for row in rows.astype(int)}:
        for column, other in pivots.items():
            if number >> column & 1:
                number ^= other
        if number:
            lead = (number & -number).bit_length() - 1
            pivots = {c: other ^ number if other >> lead & 1 else other for c, other in pivots.items()}
            pivots[lead] = number
    found = np.zeros((width - len(pivots), width), dtype=np.uint8)
    for row, free in enumerate(c for c in range(width) if c not in pivots):
        found[row, free] = 1
        for column, number in pivots.items():
            found[row, column] = number >> free & 1
    return found


def _met(table: np.ndarray, active: np.ndarray, first: Any) -> np.ndarray:
    """Return which rotations strings can meet on their way back, of those that are active.

    Args:
        table: which rotations anticommute, (rotations, rotations).
        active: those that count, (rotations,).
        first: those that anticommute with a string of the observable, (rotations,).
    """
    met = first & active
    for k in range(len(met) - 1, -1, -1):
        if active[k] and not met[k]:
            met[k] = bool((table[k, k + 1 :] & met[k + 1 :]).any())
    return met


def also(dead: Iterable[Dead], zero: np.ndarray, circuit: Circuit) -> tuple[Dead, ...]:
    """Add parameters whose variance was found to be zero, (n_params,) bool, with the reason "cancels"."""
    found = {d.index: d for d in dead}
    names = names_of(circuit)
    for k in np.flatnonzero(zero).tolist():
        found.setdefault(k, Dead(k, names[k], CANCELS))
    return tuple(found[k] for k in sorted(found))
