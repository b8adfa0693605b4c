"""Gradients for comparisons with other tools: ours, and a stencil of eighth order on values of theirs."""

import numpy as np
import torch

STEP = 0.005
WEIGHTS = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}


def our_gradient(circuit, theta, H):
    """The gradient of <H>, by the adjoint method."""
    angles = torch.tensor(np.asarray(theta), dtype=torch.float64, requires_grad=True)
    circuit.expectation(angles, H).backward()
    return angles.grad.numpy()


def gradient(value, theta):
    """The gradient of a function of numpy's, to about 1e-12."""
    found = np.zeros(len(theta))
    for k, unit in enumerate(np.eye(len(theta))):
        for j, weight in WEIGHTS.items():
            found[k] += weight * (value(theta + j * STEP * unit) - value(theta - j * STEP * unit)) / STEP
    return found
