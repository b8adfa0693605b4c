"""Random programs with everything that a program may hold, for tests of several paths."""

import numpy as np

from qbp.circuits.gates import Entangler, Program, Rotation


def random_program(rng: np.random.Generator, n: int, size: int, n_params: int) -> Program:
    """About `size` gates: words, strings, runs of strings with one set of flips, shared and fixed angles."""
    gates: list[Rotation | Entangler] = []

    def letters(choice: str) -> str:
        return "".join(rng.choice(list(choice), n))

    def rotation(pauli: str, scales: tuple[float, ...] = (1,), offsets: tuple[float, ...] = (0,)) -> None:
        parameter = int(rng.integers(n_params))
        gates.append(Rotation(pauli, parameter, float(rng.choice(scales)), float(rng.choice(offsets))))

    for _ in range(size):
        kind = rng.integers(6)
        if kind == 0 and n > 1:
            a, b = map(int, rng.choice(n, 2, replace=False))
            gates.append(Entangler(str(rng.choice(["cz", "cnot"])), ((a, b),)))
        elif kind == 1:
            rotation(letters("IXYZ"), (1, -1, 2, 0.5), (0, 0, 0.3))
        elif kind == 2:
            gates.append(Rotation(letters("IXYZ"), None, offset=float(rng.normal())))
        elif kind == 3:
            qubit = int(rng.integers(n))
            rotation("I" * qubit + str(rng.choice(list("XYZ"))) + "I" * (n - 1 - qubit))
        elif kind == 4:
            for _ in range(rng.integers(1, 7)):
                rotation(letters("IZ"), (1, 0.25))
        else:
            mask = letters("IX")
            for _ in range(rng.integers(1, 6)):
                rotation("".join(rng.choice(list("XY" if flip == "X" else "IZ")) for flip in mask))
    gates.append(Rotation("X" * n, 0))  # one angle at least
    return Program(gates)


def random_start(rng: np.random.Generator, n: int) -> np.ndarray:
    """Amplitudes of a product state, (n, 2)."""
    qubits = rng.normal(size=(n, 2)) + 1j * rng.normal(size=(n, 2))
    return qubits / np.linalg.norm(qubits, axis=1, keepdims=True)
