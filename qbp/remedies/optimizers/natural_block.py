"""Natural gradient with a block for each layer of rotations."""

from itertools import combinations

import torch
from torch import Tensor

from qbp.circuits.ansatz import HardwareEfficient
from qbp.circuits.builder import BuiltCircuit
from qbp.circuits.gates import Rotation
from qbp.circuits.observables import PauliSum
from qbp.remedies.lab import Lab, Point, Steps
from qbp.remedies.steps import ETA


def natural_block(lab: Lab, *, eta: float = ETA, shift: float = 0.1) -> Steps:
    """Follow the gradient in the block-diagonal metric: one block for rotations that act at once.

    :When: as `natural`, at a price that every step can pay.
    :How: a block is a quarter of the covariance of the strings in the state before them, in one setting.
    :Options: eta, the step size; shift of the metric.
    :Cost: a gradient, and one evaluation for each layer and rotation.
    :Source: stokes2020.
    """
    theta = lab.uniform(lab.n_params, 0.0, 2 * torch.pi)
    yield Point(lab.circuit, theta)
    parts = blocks(lab.ansatz)
    while True:
        gradient, step = lab.gradient(theta), torch.zeros_like(theta)
        for circuit, own, letters in parts:
            damped = covariance(lab, circuit, theta, letters) / 4 + shift * torch.eye(len(own)).to(theta)
            step[:, own] = torch.linalg.solve(damped, gradient[:, own])
        theta = theta - eta * step
        yield Point(lab.circuit, theta)


def blocks(circuit: HardwareEfficient) -> list[tuple[BuiltCircuit, list[int], str]]:
    """Return for each block the circuit before it, which angles it has, and its letter."""
    n, r, found = circuit.n_qubits, len(circuit.rotations), []
    names = tuple(f"t{k}" for k in range(circuit.n_params))
    gates, idle = list(circuit.program), Rotation("Z" + "I" * (n - 1), 0)  # a phase, where nothing is before
    per = len(gates) // circuit.n_layers
    for at in range(0, len(gates), per):
        turns = [gate for gate in gates[at : at + per] if isinstance(gate, Rotation)]
        for k in range(r):
            first = [*gates[:at], *[gate for i in range(k) for gate in turns[i::r]]] or [idle]
            own = [gate.parameter or 0 for gate in turns[k::r]]
            found.append((BuiltCircuit(n, tuple(first), names), own, turns[k].pauli.strip("I")))
    return found


def covariance(lab: Lab, circuit: BuiltCircuit, theta: Tensor, letter: str) -> Tensor:
    """Measure the covariance of a letter on all qubits, in one setting, (runs, n, n)."""
    n = lab.n_qubits
    on = [(q,) for q in range(n)] + list(combinations(range(n), 2))
    strings = ["".join(letter if q in qubits else "I" for q in range(n)) for qubits in on]
    seen = lab.measured(circuit, theta, [PauliSum({s: 1.0}) for s in strings])
    second, (i, j) = torch.eye(n).to(theta).repeat(lab.runs, 1, 1), torch.triu_indices(n, n, 1)
    second[:, i, j] = second[:, j, i] = seen[:, n:]
    return second - seen[:, :n, None] * seen[:, None, :n]
