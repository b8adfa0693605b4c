"""Trace of one Pauli walk, step by step; :mod:`qbp.plateaus.pauli.walk` makes a hundred thousand at once."""

import itertools
from typing import TYPE_CHECKING

import numpy as np

from qbp import _checks, draws
from qbp.circuits.gates import Rotation
from qbp.circuits.observables import PauliSum
from qbp.plateaus.pauli.strings import Chain, back, compile_steps, letters_of, meets, parts
from qbp.plateaus.pauli.walkable import check_walkable

if TYPE_CHECKING:
    from qbp.circuits.circuit import Circuit


def walk_trace(circuit: "Circuit", pauli: str, seed: int = 0) -> tuple[list[str], list[str]]:
    """Carry a Pauli string from the measurement back to the start, once, as one random walk does.

    An entangler maps the string to a string; a rotation whose generator P anticommutes with the string S
    turns it into PS with probability 1/2.  Signs are left out: a walk squares its end.

    Args:
        circuit: rotations with an angle each, CZs and CNOTs.
        pauli: the observable, a string of "IXYZ" on the circuit's qubits.
        seed: of the coin flips.

    Returns:
        The strings, the observable first, and what was passed to reach each of them: "observable",
        "entangler" or "rotations", all those between two entanglers together.

    Raises:
        TypeError, ValueError: the circuit cannot be walked, or `pauli` is no string on its qubits.

    Example:
        >>> from qbp import HardwareEfficient
        >>> walk_trace(HardwareEfficient(2, 1, rotations=["rz"]), "XI")  # CZ: X I is carried to X Z
        (['XI', 'XZ', 'YZ'], ['observable', 'entangler', 'rotations'])
    """
    if not isinstance(pauli, str):
        raise TypeError(f"pauli must be a string of I, X, Y, Z, got {_checks.kind_of(pauli)}")
    check_walkable(circuit, PauliSum({pauli: 1.0}))
    for gate in circuit.program:
        if isinstance(gate, Rotation) and gate.parameter is None:
            raise ValueError(f"circuit must have no fixed rotation where a walk is looked at, got {gate}")
    rng = draws.stream(_checks.integer("seed", seed, 0, 2**64 - 1), "walk to look at")
    x, z = parts([pauli])
    strings, passed = [pauli], ["observable"]
    steps = reversed(compile_steps(circuit.program))
    for entangler, group in itertools.groupby(steps, lambda step: isinstance(step, Chain)):
        for step in group:
            if isinstance(step, Chain):
                back(step, x, z)
                continue
            moves = meets(step, x, z) & rng.integers(2, size=(len(step.qubits), 1), dtype=np.uint64)
            x[step.qubits] ^= moves[:, None] & step.x
            z[step.qubits] ^= moves[:, None] & step.z
        strings.append("".join("IXZY"[letter] for letter in letters_of(x, z)[:, 0]))
        passed.append("entangler" if entangler else "rotations")
    return strings, passed
