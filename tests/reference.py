"""The dense oracle: every gate a 2**n x 2**n matrix made of Kronecker products, in numpy alone.

It shares no code with the package, so the two can only agree by being right.  Qubit 0 is the leftmost factor.
"""

from functools import reduce

import numpy as np

PAULI = {
    "I": np.eye(2, dtype=complex),
    "X": np.array([[0, 1], [1, 0]], dtype=complex),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1.0 + 0j, -1.0]),
}
ZERO, ONE = np.diag([1.0 + 0j, 0.0]), np.diag([0j, 1.0])  # |0><0|, |1><1|


def kron(*factors):
    """Kronecker product of matrices or vectors, the first one leftmost."""
    return reduce(np.kron, factors)


def pauli(string):
    """Matrix of a Pauli string."""
    return kron(*(PAULI[letter] for letter in string))


def pauli_sum(terms):
    """Matrix of a sum of Pauli strings {string: coefficient}."""
    return sum(coefficient * pauli(string) for string, coefficient in terms.items())


def rotation(string, angle):
    """Matrix exp(-i angle P / 2), by diagonalizing P rather than by the cosine and sine."""
    values, vectors = np.linalg.eigh(pauli(string))
    return vectors @ np.diag(np.exp(-0.5j * angle * values)) @ vectors.conj().T


def on(n, matrix, qubit):
    """A single-qubit matrix on one of n qubits."""
    return kron(*(matrix if q == qubit else PAULI["I"] for q in range(n)))


def controlled(n, matrix, control, target):
    """A controlled single-qubit gate: |0><0| 1 + |1><1| U."""
    return on(n, ZERO, control) + on(n, ONE, control) @ on(n, matrix, target)


def pairs(n, topology):
    """Pairs of an entangler in the order they act."""
    if n <= 2:
        return [(0, 1)] if n == 2 else []
    ladder = [(q, q + 1) for q in range(n - 1)]
    return {
        "ladder": ladder,
        "ring": [*ladder, (n - 1, 0)],
        "brick": [p for p in ladder if p[0] % 2 == 0] + [p for p in ladder if p[0] % 2 == 1],
    }[topology]


def entangler(n, kind, topology):
    """Matrix of an entangling layer."""
    total = np.eye(2**n, dtype=complex)
    for control, target in pairs(n, topology):
        total = controlled(n, PAULI["Z" if kind == "cz" else "X"], control, target) @ total
    return total


def start_state(n, start="zero", inputs=()):
    """Product start state, after RY(x_j) on qubit j."""
    rows = {"zero": [[1, 0]] * n, "plus": [[0.5**0.5] * 2] * n}[start] if isinstance(start, str) else start
    state = kron(*(np.asarray(row, dtype=complex) for row in rows))
    for qubit, x in enumerate(inputs):
        state = on(n, rotation("Y", x), qubit) @ state
    return state


def hardware_efficient(n, theta, paulis, kind, topology, start="zero", inputs=()):
    """State of layers of rotations and entanglers; `paulis[layer][qubit]` spells the rotations of a qubit."""
    state, k = start_state(n, start, inputs), 0
    for layer in paulis:
        for qubit, letters in enumerate(layer):
            for letter in letters:
                state = on(n, rotation(letter, theta[k]), qubit) @ state
                k += 1
        state = entangler(n, kind, topology) @ state
    return state


def expectation(matrix, state):
    """<state|matrix|state>, real."""
    value = state.conj() @ matrix @ state
    assert abs(value.imag) < 1e-12
    return value.real
