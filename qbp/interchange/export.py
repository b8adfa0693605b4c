"""Gates that every tool has, of any circuit here: what a file or another tool is given."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from math import pi
from typing import Any, NamedTuple

import numpy as np

from qbp import _checks
from qbp.circuits.circuit import Circuit, check
from qbp.circuits.gates import Entangler, Rotation
from qbp.interchange.linear import Linear

_NAMED = {  # a fixed rotation that has a name, up to a global phase
    ("X", 4): "x", ("Y", 4): "y", ("Z", 4): "z", ("Z", 2): "s", ("Z", -2): "sdg", ("Z", 1): "t",
    ("Z", -1): "tdg",
}  # fmt: skip
_TO_Z = {"X": ("h",), "Y": ("sdg", "h"), "Z": ()}  # gates that make a Pauli matrix Z
_FROM_Z = {"X": ("h",), "Y": ("h", "s"), "Z": ()}


class Gate(NamedTuple):
    """A gate of one or two qubits: rx, ry, rz with an angle; h, x, y, z, s, sdg, t, tdg, cx, cz without."""

    name: str
    angle: Linear | None
    qubits: tuple[int, ...]


def names_of(circuit: Circuit) -> tuple[str, ...]:
    """Return the names of a circuit's parameters; theta_0, theta_1, ... where it has none."""
    return getattr(circuit, "parameter_names", None) or tuple(f"theta_{k}" for k in range(circuit.n_params))


def values_of(circuit: Circuit, theta: Any) -> np.ndarray:
    """Return the angles of one run as float64, shape (n_params,).

    Raises:
        TypeError, ValueError: `theta` is none.
    """
    takes = f"theta must be {circuit.n_params} real numbers"
    try:
        values = np.asarray(theta.detach().cpu() if hasattr(theta, "detach") else theta, dtype=float)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise TypeError(f"{takes}, got {_checks.kind_of(theta)}") from None
    if values.shape != (circuit.n_params,) or not np.isfinite(values).all():
        raise ValueError(f"{takes}, all finite, got shape {values.shape}")
    return values


def values_by_name(circuit: Circuit, theta: Any, symbol: Callable[[str], Any]) -> dict[str, Any]:
    """Return what each angle is called by its name: a value of theta, or a symbol where theta is None."""
    names = names_of(circuit)
    values = map(symbol, names) if theta is None else values_of(circuit, theta).tolist()
    return dict(zip(names, values, strict=True))


def common_gates(circuit: Circuit) -> Iterator[Gate]:
    """Give a circuit's gates, first to last, its start state included.

    A rotation by a longer Pauli string is written out: a change of basis, a ladder of CNOTs, RZ, and both
    undone.  The product is the circuit's up to a global phase.

    Args:
        circuit: any circuit; angles are linear in :func:`names_of` it.

    Raises:
        TypeError: it is no circuit.
    """
    check(circuit)
    yield from _start(circuit)
    names, held = names_of(circuit), None  # a rotation held back: half of a Hadamard, perhaps
    for gate in _written_out(circuit, names):
        if held and gate == Gate("ry", Linear(pi / 2), held.qubits):
            yield Gate("h", None, held.qubits)
            held = None
            continue
        if held:
            yield _named(held)
        held = gate if gate.name == "rz" and gate.angle == Linear(pi) else None
        if not held:
            yield _named(gate)
    if held:
        yield _named(held)


def _start(circuit: Circuit) -> Iterator[Gate]:
    """Give the gates that make the start state of |0...0>."""
    for qubit, (zero, one) in enumerate(circuit.qubits):
        if circuit.start == "plus":
            yield Gate("h", None, (qubit,))
        elif abs(one) > 0:
            yield Gate("ry", Linear(float(2 * np.arctan2(abs(one), abs(zero)))), (qubit,))
            yield Gate("rz", Linear(float(np.angle(one) - np.angle(zero))), (qubit,))


def _written_out(circuit: Circuit, names: tuple[str, ...]) -> Iterator[Gate]:
    for gate in circuit.program:
        if isinstance(gate, Entangler):
            for pair in gate.pairs:
                yield Gate("cz" if gate.kind == "cz" else "cx", None, tuple(pair))
            continue
        on = [qubit for qubit, letter in enumerate(gate.pauli) if letter != "I"]
        angle = _angle(gate, names)
        if len(on) == 1:
            yield Gate(f"r{gate.pauli[on[0]].lower()}", angle, (on[0],))
        elif on:  # else a global phase
            yield from _ladder(gate.pauli, on, angle)


def _angle(gate: Rotation, names: tuple[str, ...]) -> Linear:
    if gate.parameter is None or gate.scale == 0:
        return Linear(gate.offset)
    return Linear(gate.offset, ((names[gate.parameter], gate.scale),))


def _ladder(pauli: str, on: list[int], angle: Linear) -> Iterator[Gate]:
    ladder = [Gate("cx", None, pair) for pair in pairwise(on)]
    for qubit in on:
        yield from (Gate(name, None, (qubit,)) for name in _TO_Z[pauli[qubit]])
    yield from ladder
    yield Gate("rz", angle, (on[-1],))
    yield from reversed(ladder)
    for qubit in on:
        yield from (Gate(name, None, (qubit,)) for name in _FROM_Z[pauli[qubit]])


def _named(gate: Gate) -> Gate:
    """Return a fixed rotation under its name, if it has one."""
    if gate.angle is None or not gate.angle.is_number:
        return gate
    eighths = round(gate.angle.constant / (pi / 4))
    name = _NAMED.get((gate.name[-1].upper(), eighths))
    exact = abs(gate.angle.constant - eighths * pi / 4) < 1e-15 * max(1, abs(eighths))
    return Gate(name, None, gate.qubits) if name and exact else gate
