"""Free-axis selection."""

import math

import torch
from torch import Tensor

from qbp.circuits.ansatz import HardwareEfficient
from qbp.remedies.lab import Lab, Point, Steps
from qbp.remedies.steps import sweeps

ROOT = 0.5**0.5
AXES = torch.tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1], [ROOT, ROOT, 0], [ROOT, 0, ROOT], [0, ROOT, ROOT]])


def fraxis(lab: Lab) -> Steps:
    """Turn each qubit of each layer by pi about a free axis, and set the axes in turn to their best.

    :When: as Rotosolve, where which axis to turn about is not known.
    :How: a gate n . (X, Y, Z) takes the place of the rotations of a qubit in a layer; the task is a quadratic
        form of n, and its lowest eigenvector is the best axis.  Axes start at random.
    :Options: none.
    :Cost: six values for each gate.
    :Source: watanabe2023.
    """
    layers = lab.ansatz.n_layers
    circuit = HardwareEfficient(lab.n_qubits, layers, ("rz", "ry", "rz"))
    gates = layers * lab.n_qubits
    axes = lab.normal(3 * gates).reshape(lab.runs, gates, 3)
    axes = axes / axes.norm(dim=-1, keepdim=True)
    yield Point(circuit, angles(axes))
    for g in sweeps(gates):
        tried = axes.unsqueeze(1).repeat(1, 6, 1, 1)
        tried[:, :, g] = AXES.to(axes)
        axes = axes.clone()
        axes[:, g] = torch.linalg.eigh(form(lab.energies(angles(tried), circuit)))[1][..., 0]
        yield Point(circuit, angles(axes))


def angles(axes: Tensor) -> Tensor:
    """Return angles of RZ, RY, RZ that turn by pi about axes, (..., gates, 3) -> (..., 3 gates)."""
    x, y, z = axes.unbind(-1)
    tilt, around = torch.atan2(torch.hypot(x, y), z), torch.atan2(y, x)
    return torch.stack([math.pi - around, 2 * tilt, around], -1).flatten(-2)


def form(six: Tensor) -> Tensor:
    """Return the symmetric matrix R of E(n) = n^T R n from its values along AXES, (..., 6) -> (..., 3, 3)."""
    xx, yy, zz, xy, xz, yz = six.unbind(-1)
    xy, xz, yz = xy - (xx + yy) / 2, xz - (xx + zz) / 2, yz - (yy + zz) / 2
    rows = [[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)
