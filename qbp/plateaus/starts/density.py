"""Expectations of a circuit with noise behind every gate, by density matrices: what walks are compared with.

A density matrix on n qubits is a state vector on 2 n: its rows turn as the state does, its columns as the
complex conjugate.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from qbp.circuits.gates import Entangler, Program, Rotation
from qbp.circuits.hardware.noise import trace
from qbp.circuits.observables import Observable
from qbp.circuits.statevector import evolve, like, own_angles, product_state
from qbp.plateaus.starts.ensemble import GateNoise

if TYPE_CHECKING:
    from qbp.circuits.circuit import Circuit

LARGEST = 8  # qubits: a matrix of 65,536 amplitudes, 1 MiB
ROOM = 2**22  # amplitudes of all the steps that a gradient goes back through


def noisy_expectation(circuit: "Circuit", theta: Tensor, H: Observable, noise: GateNoise) -> Tensor:
    """Return <H> with noise on the qubits of every gate, (..., n_params) -> (...), differentiable.

    Args:
        circuit: up to 8 qubits.
        theta: angles in radians.
        H: observable.
        noise: acts after each rotation and after each pair of an entangler.

    Raises:
        ValueError: the circuit has more qubits.

    Example:
        >>> from qbp import HardwareEfficient, PauliSum
        >>> one = HardwareEfficient(1, 1, ["rx"])
        >>> noisy_expectation(one, torch.zeros(1), PauliSum({"Z": 1.0}), GateNoise(depolarizing=0.075))
        tensor(0.9000)
    """
    n = circuit.n_qubits
    if n > LARGEST:
        raise ValueError(
            f"circuit must have at most {LARGEST} qubits for a density matrix: noise needs one, got {n}"
        )
    psi = product_state(torch.as_tensor(circuit.qubits, device=theta.device)).to(theta.dtype.to_complex())
    program, angles = own_angles(circuit.program, theta)
    rho = torch.kron(psi, psi.conj()).expand(*theta.shape[:-1], -1)
    table = like(superoperator(noise), rho).to(rho.dtype)
    for gate in program:
        if isinstance(gate, Rotation):
            assert gate.parameter is not None  # each angle is an entry of `angles` now
            here = angles[..., gate.parameter : gate.parameter + 1]
            back = -1.0 if gate.pauli.count("Y") % 2 == 0 else 1.0  # the conjugate of Y is -Y
            idle = "I" * n
            sides = [Rotation(gate.pauli + idle, 0), Rotation(idle + gate.pauli, 0, back)]
            rho = evolve(Program(sides), here, rho)
            rho = _disturb(rho, table, [q for q, letter in enumerate(gate.pauli) if letter != "I"], n)
            continue
        for a, b in gate.pairs:
            pair = Entangler(gate.kind, ((a, b), (n + a, n + b)))
            rho = evolve(Program([pair]), angles[..., :0], rho)
            rho = _disturb(rho, table, [a, b], n)
    return trace(H, rho.unflatten(-1, (2**n, 2**n)))


def rows_at_once(circuit: "Circuit") -> int:
    """Return how many parameter vectors fit into the memory of a gradient."""
    return max(1, ROOM // (4**circuit.n_qubits * len(circuit.program)))


def superoperator(noise: GateNoise) -> np.ndarray:
    """Return the noise of one qubit as a matrix on (row, column) of its density matrix, (2, 2, 2, 2)."""
    p, d, g = noise.depolarizing, noise.dephasing, noise.amplitude_damping
    flat, side = 1 - 4 * p / 3, (1 - 4 * p / 3) * (1 - 2 * d) * (1 - g) ** 0.5
    table = np.zeros((2, 2, 2, 2))
    table[0, 1, 0, 1] = table[1, 0, 1, 0] = side
    keep, flip = (1 + flat) / 2, (1 - flat) / 2  # of the populations, then damping
    table[0, 0, 0, 0], table[1, 1, 0, 0] = keep + g * flip, (1 - g) * flip
    table[0, 0, 1, 1], table[1, 1, 1, 1] = flip + g * keep, (1 - g) * keep
    return table


def _disturb(rho: Tensor, table: Tensor, qubits: list[int], n: int) -> Tensor:
    shape = rho.shape
    for q in qubits:
        rho = rho.reshape(-1, 2**q, 2, 2 ** (n - 1), 2, 2 ** (n - q - 1))
        rho = torch.einsum("ijkl,rakblc->raibjc", table, rho)
    return rho.reshape(shape)
