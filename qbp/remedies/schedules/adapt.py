"""Growth of the circuit gate by gate."""

from collections.abc import Sequence

import torch

from qbp.circuits.ansatz import PauliRotations
from qbp.remedies.lab import Lab, Point, Steps
from qbp.remedies.steps import ETA, adam_step

ALONE = True  # each run grows a circuit of its own


def adapt(lab: Lab, *, eta: float = ETA, steps: int = 10, most: int | None = None) -> Steps:
    """Add the rotation with the largest gradient from a pool, train all angles, and add the next.

    :When: no ansatz is known to fit: the circuit grows along the gradient, from the all-zero state.
    :How: the pool has every Pauli string on one qubit and on two neighbours; a new angle starts at zero,
        where nothing has changed yet; some steps of Adam follow.
    :Options: eta, the step size; steps between two additions; most, the rotations at the end (default as many
        as the ansatz has).
    :Cost: a choice costs two values for each string of the pool, a step a gradient by the angles there are.
    :Source: grimsley2023, with qubit strings as a pool.
    """
    n, chosen = lab.n_qubits, list[str]()
    strings, theta = pool(n), torch.zeros(1, 0, dtype=lab.dtype, device=lab.device)
    yield Point(lab.circuit, torch.zeros(1, lab.n_params, dtype=lab.dtype, device=lab.device))
    while True:
        if len(chosen) < (most or lab.n_params):
            chosen.append(strings[choice(lab, chosen, theta, strings)])
            theta = torch.cat(
                [theta, torch.zeros_like(theta[:, :1]) if theta.numel() else theta.new_zeros(1, 1)], -1
            )
        circuit, moments = PauliRotations(n, tuple(chosen)), None
        for _ in range(steps):
            theta, moments = adam_step(theta, lab.gradient(theta, circuit), moments, eta)
            yield Point(circuit, theta)


def pool(n: int) -> list[str]:
    """Return the Pauli strings on one qubit and on two neighbours of n."""
    ones = ["I" * q + p + "I" * (n - 1 - q) for q in range(n) for p in "XYZ"]
    pairs = ["I" * q + a + b + "I" * (n - 2 - q) for q in range(n - 1) for a in "XYZ" for b in "XYZ"]
    return ones + pairs


def choice(lab: Lab, chosen: Sequence[str], theta: torch.Tensor, strings: Sequence[str]) -> int:
    """Return which string of a pool has the largest gradient at angle zero behind the circuit so far."""
    whole = PauliRotations(lab.n_qubits, (*chosen, *strings))
    rows = len(chosen) + torch.arange(len(strings), device=lab.device)
    at = torch.cat([theta, theta.new_zeros(1, len(strings))], -1)
    slopes = lab.gradient(at, whole, rows=rows)[0, len(chosen) :].abs()
    return int(slopes.round(decimals=9).argmax())  # the first of equals, whatever their last digits are
