"""Circuits that are exchanged, for the tests of several folders: their matrices, and random ones."""

import numpy as np
import reference
import torch

import qbp
from qbp.circuits.gates import Entangler


def matrix_of(circuit, theta=()):
    """The matrix of a circuit's gates, from the dense oracle; its start state is not in it."""
    n, total = circuit.n_qubits, np.eye(2**circuit.n_qubits, dtype=complex)
    for gate in circuit.program:
        if isinstance(gate, Entangler):
            for a, b in gate.pairs:
                total = reference.controlled(n, reference.PAULI["XZ"[gate.kind == "cz"]], a, b) @ total
        else:
            angle = gate.offset + (0 if gate.parameter is None else gate.scale * theta[gate.parameter])
            total = reference.rotation(gate.pauli, angle) @ total
    return total


def same(found, expected, atol=1e-12):
    """Assert that two matrices or vectors are equal up to one phase."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    phase = np.vdot(expected, found)
    np.testing.assert_allclose(found * np.conj(phase / abs(phase)), expected, rtol=0, atol=atol)


def state(circuit, theta=()):
    """The state of a circuit, in numpy."""
    return circuit.state(torch.tensor(np.asarray(theta), dtype=torch.float64)).numpy()


FIXED = ["h", "s", "sdg", "t", "tdg", "x", "y", "z", "sx", "sxdg"]
TURNED = ["rx", "ry", "rz", "p"]
PAIRS = ["cx", "cy", "cz", "swap"]
TURNED_PAIRS = ["rxx", "ryy", "rzz", "crx", "cry", "crz", "cp"]


def random_circuit(rng, n, size, names=("a", "b", "c"), start="zero"):
    """A circuit of random gates of every kind, with shared, scaled, shifted and fixed angles."""
    b = qbp.CircuitBuilder(n, start)
    parameters = [b.parameter(name) for name in names]

    def angle():
        scale, offset = rng.normal(size=2).round(3)
        choice = rng.integers(4)
        a = parameters[rng.integers(len(parameters))]
        return (a, float(scale) * a + float(offset), float(offset), float(rng.integers(-8, 9)) * np.pi / 4)[
            choice
        ]

    b.ry(parameters[0], 0)
    for _ in range(size):
        kind = rng.integers(6 if n > 1 else 2)
        qubits = [int(q) for q in rng.permutation(n)]
        if kind == 0:
            getattr(b, rng.choice(FIXED))(qubits[0])
        elif kind == 1:
            getattr(b, rng.choice(TURNED))(angle(), qubits[0])
        elif kind == 2:
            getattr(b, rng.choice(PAIRS))(*qubits[:2])
        elif kind == 3:
            getattr(b, rng.choice(TURNED_PAIRS))(angle(), *qubits[:2])
        elif kind == 4:
            b.pauli_rotation(angle(), "".join(rng.choice(list("XYZ"), n)), *qubits)
        else:
            b.u(angle(), angle(), angle(), qubits[0])
    return b.build()
