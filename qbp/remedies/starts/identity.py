"""Identity blocks."""

import math

import torch
from torch import Tensor

from qbp.remedies.lab import Lab, Steps
from qbp.remedies.steps import ETA, descend


def identity(lab: Lab, *, eta: float = ETA) -> Steps:
    """Start with blocks of three layers, each of which is the identity on the all-zero state.

    :When: deep circuits: the state begins unentangled, yet many angles are random.
    :How: the first layer of a block turns each qubit about one random axis of the ansatz by a random angle,
        the second does nothing, so that its CZs and the first one's cancel, and the third turns back; what is
        left of the layers starts at zero.  Then Adam.
    :Options: eta, the step size.
    :Cost: the start is free.
    :Source: grant2019, for an ansatz in which entanglers cannot be undone alone.
    """
    return descend(lab, blocks(lab), eta)


def blocks(lab: Lab) -> Tensor:
    """Return the angles of identity blocks, (runs, n_params), layers of n_qubits times rotations."""
    n, layers = lab.n_qubits, lab.ansatz.n_layers
    rotations = lab.n_params // (n * layers)
    whole = layers // 3
    angles = lab.uniform(whole * n, 0.0, 2 * math.pi).reshape(lab.runs, whole, n, 1)
    axis = lab.uniform(whole * n, 0.0, float(rotations), "axis").long().reshape(lab.runs, whole, n, 1)
    turn = torch.zeros(lab.runs, whole, n, rotations, dtype=lab.dtype, device=lab.device).scatter(
        3, axis, angles
    )
    theta = torch.zeros(lab.runs, layers, n, rotations, dtype=lab.dtype, device=lab.device)
    theta[:, 0 : 3 * whole : 3], theta[:, 2 : 3 * whole : 3] = turn, -turn
    return theta.flatten(1)
