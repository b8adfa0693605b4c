r"""Circuits as Pauli walks take them: Clifford gates, and rotations by independent uniform angles.

An angle ``s theta + b`` of a uniform theta is uniform, too, if s is a whole number other than 0; its
derivative is s times as large.  A fixed rotation by 0 or by whole turns is no gate.  Fixed rotations of one
qubit that come first there belong to the start state; where others are left, by multiples of pi/2, all
Cliffords are moved behind the rotations (:mod:`qbp.circuits.lowering.frames`).
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from qbp.circuits.gates import Entangler, Program, Rotation, untied
from qbp.circuits.lowering.frames import push_cliffords, quarter_turns
from qbp.circuits.observables import Observable, PauliSum, Projector

if TYPE_CHECKING:
    from qbp.circuits.circuit import Circuit

PAULIS = {"X": [[0, 1], [1, 0]], "Y": [[0, -1j], [1j, 0]], "Z": [[1, 0], [0, -1]]}


class Walkable(NamedTuple):
    """What is walked in place of a circuit and an observable.

    Attributes:
        program: rotations by an angle of their own, and entanglers.
        qubits: amplitudes of each qubit of the start state, (n_qubits, 2).
        H: the observable behind the program.
        n_params: number of parameters.
        sizes: of the scale of each parameter, (n_params,), whole numbers as float64; None where all are 1.
    """

    program: Program
    qubits: np.ndarray
    H: Observable
    n_params: int
    sizes: np.ndarray | None


def check_measured(circuit: "Circuit", H: Observable) -> None:
    """Raise unless a walk knows what is measured on the circuit."""
    from qbp.circuits.circuit import Circuit  # brings torch, as the circuit already has

    if not isinstance(circuit, Circuit):
        raise TypeError(f"circuit must be a Circuit, got {type(circuit).__name__!r}")
    if not isinstance(H, PauliSum | Projector):
        raise TypeError(f"H must be a PauliSum or a Projector for Pauli walks, got {type(H).__name__!r}")
    if H.n_qubits != circuit.n_qubits:
        raise ValueError(f"H must act on {circuit.n_qubits} qubits, got {H.n_qubits}")


def check_walkable(circuit: "Circuit", H: Observable) -> None:
    """Raise unless the second moment is one over Clifford circuits, with independent angles."""
    check_measured(circuit, H)
    if not circuit.n_params:
        raise ValueError(f"circuit must have a parameter, got {circuit!r}")
    angles = set()
    for gate in circuit.program:
        if isinstance(gate, Rotation):
            if gate.parameter is None:
                continue  # looked at in `walkable`
            if gate.parameter in angles:
                raise ValueError(
                    f"circuit must have an angle for each rotation: Pauli walks need independent angles, got "
                    f"parameter {gate.parameter} in two rotations (tied angles)"
                )
            angles.add(gate.parameter)
            if not gate.scale or gate.scale % 1:
                takes = "angles scaled by whole numbers other than 0: Pauli walks need uniform angles"
                raise ValueError(f"circuit must have {takes}, got {gate}")
        elif not isinstance(gate, Entangler) or gate.kind not in ("cz", "cnot"):
            raise ValueError(
                f"circuit must consist of Pauli rotations and Clifford entanglers (cz, cnot), got {gate!r}"
            )


def walkable(circuit: "Circuit", H: Observable) -> Walkable:
    """Return what is walked; a circuit whose angles are its parameters as they stand stays as it is.

    Args:
        circuit, H: as for :func:`qbp.plateaus.pauli.walk.walk_moments`.

    Raises:
        TypeError, ValueError: as for :func:`qbp.plateaus.pauli.walk.walk_moments`.

    Example:
        >>> from qbp import CircuitBuilder
        >>> b = CircuitBuilder(1)
        >>> circuit = b.rx(2 * b.parameter(), 0).h(0).build()  # H takes X to Z: <X> of it is <Z> before
        >>> found = walkable(circuit, PauliSum({"X": 1.0}))
        >>> found.program, found.H, found.sizes
        ((Rotation(pauli='X', parameter=0, scale=1.0, offset=0.0),), PauliSum({'Z': 1.0}), array([2.]))
    """
    check_walkable(circuit, H)
    if untied(circuit.program).as_given:
        return Walkable(circuit.program, circuit.qubits, H, circuit.n_params, None)
    program, qubits = started(circuit.program, circuit.qubits)
    for gate in program:
        if isinstance(gate, Rotation) and gate.parameter is None:
            if quarter_turns(gate) is None:
                takes = "fixed rotations by multiples of pi/2 alone: Pauli walks need Cliffords"
                raise ValueError(f"circuit must have {takes}, got {gate}")
            if not isinstance(H, PauliSum):
                takes = "no fixed rotation where a projector is walked, but at the start of its qubit"
                raise ValueError(f"circuit must have {takes}, got {gate}")
    if any(isinstance(gate, Rotation) and gate.parameter is None for gate in program):
        assert isinstance(H, PauliSum)
        program, frame = push_cliffords(program, circuit.n_qubits)
        H = frame.observable(H)
    sizes = np.ones(circuit.n_params)
    for gate in program:
        if isinstance(gate, Rotation):
            sizes[gate.parameter] = abs(gate.scale)
    plain = [Rotation(g.pauli, g.parameter) if isinstance(g, Rotation) else g for g in program]
    return Walkable(Program(plain), qubits, H, circuit.n_params, sizes)


def started(program: Program, qubits: np.ndarray) -> tuple[Program, np.ndarray]:
    """Put the fixed rotations that come first on their qubit into the start state; leave out whole turns."""
    closed, rest, qubits = np.zeros(len(qubits), bool), [], qubits.copy()
    for gate in program:
        if isinstance(gate, Rotation):
            if quarter_turns(gate) == 0:
                continue
            on = [q for q, letter in enumerate(gate.pauli) if letter != "I"]
            if gate.parameter is None and len(on) == 1 and not closed[on[0]]:
                q, half = on[0], gate.offset / 2
                pauli = np.array(PAULIS[gate.pauli[q]])
                qubits[q] = np.cos(half) * qubits[q] - 1j * np.sin(half) * (pauli @ qubits[q])
                continue
        else:
            on = [q for pair in gate.pairs for q in pair]
        closed[on] = True
        rest.append(gate)
    return Program(rest), qubits
