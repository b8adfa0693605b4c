"""OpenQASM 3 of circuits of Qiskit and PennyLane, with their parameters where they have some.

Every gate is written as one that qelib1.inc or stdgates.inc has, or by its own definition.  Angles are linear
in parameters t0, t1, ...; numbers keep twelve decimals, so that two machines write the same bytes.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

QISKIT = frozenset(
    (
        *("h", "x", "y", "z", "s", "sdg", "t", "tdg", "sx", "sxdg", "rx", "ry", "rz", "p", "u", "u2", "u3"),
        *("cx", "cy", "cz", "ch", "cs", "csdg", "csx", "crx", "cry", "crz", "cp", "cu"),
        *("swap", "iswap", "ecr", "dcx", "rxx", "ryy", "rzz", "rzx", "ccx", "cswap"),
    )
)
PENNYLANE = {
    "RX": "rx", "RY": "ry", "RZ": "rz", "PhaseShift": "p", "CNOT": "cx", "CZ": "cz", "CY": "cy",
    "Hadamard": "h", "PauliX": "x", "PauliY": "y", "PauliZ": "z", "S": "s", "T": "t", "SX": "sx",
    "SWAP": "swap", "CRX": "crx", "CRY": "cry", "CRZ": "crz", "ControlledPhaseShift": "cp", "CH": "ch",
    "Toffoli": "ccx", "CSWAP": "cswap", "Adjoint(S)": "sdg", "Adjoint(T)": "tdg", "IsingXX": "rxx",
    "IsingYY": "ryy", "IsingZZ": "rzz",
}  # fmt: skip
HOME = "qiskit.circuit.library.standard_gates"
LEFT_OUT = ("barrier", "measure", "global_phase", "id")
DEEPEST = 30


class Refused(Exception):
    """A circuit that is not one of unitary gates with angles linear in its parameters."""


class Angle(NamedTuple):
    """A number and multiples of parameters."""

    constant: float
    terms: tuple[tuple[int, float], ...] = ()

    def __str__(self) -> str:
        parts = [f"t{k}" if c == 1 else f"{_number(c)}*t{k}" for k, c in self.terms]
        if self.constant or not parts:
            parts.append(_number(self.constant))
        return " + ".join(parts)


class Gate(NamedTuple):
    """A gate of OpenQASM."""

    name: str
    angles: tuple[Angle, ...]
    qubits: tuple[int, ...]


def _number(value: float) -> str:
    """A number: a multiple of pi/64 as such, else with twelve decimals."""
    parts = round(value * 64 / math.pi)
    if parts and abs(value - parts * math.pi / 64) < 1e-13 * max(1.0, abs(value)):
        over = 64 // math.gcd(parts, 64)
        top = parts * over // 64
        return ("" if top == 1 else "-" if top == -1 else f"{top}*") + "pi" + (f"/{over}" if over > 1 else "")
    return repr(round(float(value), 12) + 0.0)


def program(n_qubits: int, gates: Iterable[Gate], n_params: int) -> str:
    """The OpenQASM 3 program of gates on n_qubits qubits."""
    lines = ["OPENQASM 3.0;", 'include "stdgates.inc";']
    lines += [f"input float[64] t{k};" for k in range(n_params)]
    lines.append(f"qubit[{n_qubits}] q;")
    for gate in gates:
        turn = f"({', '.join(map(str, gate.angles))})" if gate.angles else ""
        lines.append(f"{gate.name}{turn} {', '.join(f'q[{k}]' for k in gate.qubits)};")
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------------------------------------- Qiskit


def of_qiskit(circuit: Any) -> str:
    """Program of a Qiskit circuit; t_k is entry k of ``circuit.parameters``.

    Raises:
        Refused: classical control, a reset, a gate behind a measurement, an angle that is not linear.
    """
    index = {parameter: k for k, parameter in enumerate(circuit.parameters)}
    gates, measured = list[Gate](), set[int]()
    _walk(circuit, tuple(range(circuit.num_qubits)), index, gates, measured, 0)
    return program(circuit.num_qubits, gates, len(index))


def _walk(circuit: Any, on: Sequence[int], index: dict, gates: list[Gate], measured: set, depth: int) -> None:
    if depth > DEEPEST:
        raise Refused("definitions inside each other")
    at = {bit: on[k] for k, bit in enumerate(circuit.qubits)}
    for step in circuit.data:
        operation, qubits = step.operation, tuple(at[bit] for bit in step.qubits)
        name = {"u1": "p", "u3": "u"}.get(operation.name, operation.name)
        if name == "measure":
            measured.update(qubits)
        if name in LEFT_OUT:
            continue
        if name in ("reset", "if_else", "while_loop", "for_loop", "switch_case"):
            raise Refused(f"the operation {name}")
        if measured.intersection(qubits):
            raise Refused("a gate behind a measurement")
        standard = name in QISKIT and operation.base_class.__module__.startswith(HOME)
        if standard and getattr(operation, "ctrl_state", None) in (
            None,
            2 ** getattr(operation, "num_ctrl_qubits", 0) - 1,
        ):
            gates.append(Gate(name, tuple(_linear(value, index) for value in operation.params), qubits))
        elif operation.definition is None:
            raise Refused(f"the gate {name} without a definition")
        else:
            _walk(operation.definition, qubits, index, gates, measured, depth + 1)


def _linear(value: Any, index: dict) -> Angle:
    from qiskit.circuit import ParameterExpression

    if not isinstance(value, ParameterExpression):
        return Angle(float(value))
    terms = []
    for parameter in value.parameters:
        slope = value.gradient(parameter)
        if isinstance(slope, ParameterExpression) and slope.parameters:
            raise Refused("an angle that is not linear in the parameters")
        number = complex(slope)
        terms.append((index[parameter], number.real))
    zero = value.bind({parameter: 0.0 for parameter in value.parameters})
    return Angle(complex(zero).real, tuple(sorted(terms)))


# ------------------------------------------------------------------------------------------- PennyLane


def of_pennylane(template: Any, n_qubits: int, n_params: int) -> str:
    """Program of a function that queues gates on wires 0 ... n_qubits - 1 for a flat array of n_params.

    Raises:
        Refused: a gate that does not decompose into those above, or angles that are not linear.
    """
    rng = np.random.default_rng(0)
    points = rng.uniform(0.1, 1.0, (4, n_params)).round(6)
    operations = _queue(template, points[0])
    values = np.array([[float(x) for op in _queue(template, w) for x in op.parameters] for w in points])
    slopes = _slopes(values, points)
    constants = values[0] - slopes @ points[0]
    gates, row = [], 0
    for op in operations:
        turn = []
        for _ in op.parameters:
            terms = (
                (int(k), float(slopes[row, k].round(12))) for k in np.flatnonzero(abs(slopes[row]) > 1e-12)
            )
            constant = float(constants[row])
            turn.append(Angle(constant if abs(constant) > 1e-12 else 0.0, tuple(terms)))
            row += 1
        gates.append(Gate(PENNYLANE[op.name], tuple(turn), tuple(map(int, op.wires))))
    return program(n_qubits, gates, n_params)


def _slopes(values: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Factor of each parameter in each angle, (angles, parameters), from values at points, (points, ...).

    Each angle of a template is a number, or has one parameter: the factor is the same between all points.

    Raises:
        Refused: an angle has several, or is not linear.
    """
    steps, moved = points[1:] - points[0], values[1:] - values[0]
    slopes = np.zeros((values.shape[1], points.shape[1]))
    for row in np.flatnonzero(abs(moved).max(axis=0) > 1e-9):
        factors = moved[:, row, None] / steps
        (fits,) = np.nonzero(np.ptp(factors, axis=0) < 1e-6)
        if len(fits) != 1:
            raise Refused("an angle that is not a multiple of one parameter, and a number")
        slopes[row, fits[0]] = factors[:, fits[0]].mean().round(9)
    return slopes


def _queue(template: Any, w: Any) -> list[Any]:
    """The gates of a template, decomposed, without global phases."""
    import pennylane as qml

    tape = qml.tape.make_qscript(template)(w)
    gates, waiting = [], [*reversed(tape.operations)]
    while waiting:
        op = waiting.pop()
        if op.name in ("GlobalPhase", "Barrier", "Identity"):
            continue
        if op.name in PENNYLANE:
            gates.append(op)
        elif op.has_decomposition:
            waiting += reversed(op.decomposition())
        else:
            raise Refused(f"the gate {op.name}")
    return gates
