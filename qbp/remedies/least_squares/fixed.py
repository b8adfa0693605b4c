r"""Features that are not trained: of circuits at fixed angles (Huang and Rebentrost 2023), and classical ones
of the same inputs (Rahimi and Recht 2007).  Only the weights are fitted, by eq. 2.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from qbp import _checks, draws
from qbp._arguments import alike_in, takes

if TYPE_CHECKING:
    from qbp.remedies.least_squares.measured import Measured


@takes(angles="runs measured.n_angles")
def post_variational(measured: "Measured", angles: Tensor) -> Tensor:
    """Return what is measured at the angles and with each of them shifted by +-pi/2, side by side.

    The ansatz is expanded to first order around `angles`, and the expansion's weights are fitted in place of
    the angles (Huang and Rebentrost 2023, ansatz expansion).

    Args:
        measured: what is measured, m observables.
        angles: (runs, n_angles).

    Returns:
        (runs, samples, (1 + 2 n_angles) m).
    """
    alike_in({"measured": measured.inputs, "angles": angles}, "")
    if measured.shots is None:
        shifted = measured.shifted(angles, range(angles.shape[-1]))
        around = [part.movedim(1, -2).flatten(-2) for part in shifted]
        return torch.cat([measured.values(angles), *around], dim=-1)
    present, derivatives = measured.values(angles), measured.derivatives(angles)
    return torch.cat([present, 2 * derivatives.flatten(-2)], dim=-1)  # up less down: the sums are left out


@takes(inputs="samples n")
def fourier(inputs: Tensor, seeds: Sequence[int], count: int, width: float = 1.0) -> Tensor:
    """Return random Fourier features cos(w . x + b) of each sample: a kernel without a circuit.

    Args:
        inputs: what the circuit takes, (samples, n_features), in radians.
        seeds: of the runs; w is normal, b uniform.
        count: features, as many as the circuit has observables.
        width: standard deviation of w.

    Returns:
        (runs, samples, count).
    """
    n, count = inputs.shape[-1], _checks.integer("count", count)
    width = _checks.number("width", width, low=0.0)
    w = width * draws.normal(seeds, "fourier", n * count).to(inputs).unflatten(-1, (n, count))
    b = draws.uniform(seeds, "fourier phase", count, high=2 * math.pi).to(inputs)
    return (inputs @ w + b.unsqueeze(-2)).cos()
