r"""Rotosolve for a squared error: one angle at a time is set to its best value (Ostaszewski et al. 2021;
Nakanishi et al. 2020), the weights of the readout held still.

As a function of one angle t every expectation is ``A + B cos t + C sin t``, so two shifted circuits beside
the present one give it everywhere, and the squared error as a trigonometric polynomial of degree two.
"""

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from qbp import _checks
from qbp._arguments import takes

if TYPE_CHECKING:
    from qbp.remedies.least_squares.measured import Measured

STILL = 1e-9  # share of the error that a turn must gain: an angle that changes nothing stays where it is
GRID, NEWTON = 64, 6  # points of one turn, and Newton steps from the best of them


@takes("present up down", present="... values", up="... values", down="... values")
def wave(present: Tensor, up: Tensor, down: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return A, B and C of ``A + B cos t + C sin t`` from its values at 0, pi/2 and -pi/2.

    Args:
        present, up, down: (..., values).

    Example:
        >>> wave(torch.tensor([3.0]), torch.tensor([2.0]), torch.tensor([0.0]))
        (tensor([1.]), tensor([2.]), tensor([1.]))
    """
    middle = (up + down) / 2
    return middle, present - middle, (up - down) / 2


@takes("a b c", a="... values", b="... values", c="... values")
def best_turn(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Return the t in [-pi, pi] where ``|a + b cos t + c sin t|**2`` is least, (...); 0 where none gains.

    Args:
        a, b, c: (..., values).

    Example:
        >>> best_turn(torch.tensor([0.0]), torch.tensor([1.0]), torch.tensor([0.0])).abs().round(decimals=4)
        tensor(1.5708)
    """
    bb, cc, bc = b.square().sum(-1), c.square().sum(-1), (b * c).sum(-1)
    ab, ac = (a * b).sum(-1), (a * c).sum(-1)
    of_two, of_two_sine = (bb - cc) / 4, bc / 2  # halves of the error: a constant apart
    grid = torch.linspace(-math.pi, math.pi, GRID + 1, dtype=a.dtype, device=a.device)[:-1]

    def half_error(t: Tensor) -> Tensor:
        first = ab[..., None] * t.cos() + ac[..., None] * t.sin()
        return first + of_two[..., None] * (2 * t).cos() + of_two_sine[..., None] * (2 * t).sin()

    t = grid[half_error(grid).argmin(-1)]
    for _ in range(NEWTON):
        slope = ac * t.cos() - ab * t.sin() - 2 * of_two * (2 * t).sin() + 2 * of_two_sine * (2 * t).cos()
        bend = -ab * t.cos() - ac * t.sin() - 4 * of_two * (2 * t).cos() - 4 * of_two_sine * (2 * t).sin()
        step = torch.where(bend > 0, slope / bend.clamp(min=1e-300), torch.zeros_like(slope))
        t = t - step.clamp(-math.pi / GRID, math.pi / GRID)
    t = torch.remainder(t + math.pi, 2 * math.pi) - math.pi
    here, there = half_error(torch.stack([torch.zeros_like(t), t], -1)).unbind(-1)
    whole = a.square().sum(-1) + bb + cc
    return torch.where(here - there > STILL * whole, t, torch.zeros_like(t))


@takes(
    "angles features weights targets",
    angles="runs measured.n_angles", features="runs measured.n_samples measured.n_observables",
    weights="runs measured.n_columns outputs", targets="measured.n_samples outputs",
)  # fmt: skip
def turn_one(
    measured: "Measured", angles: Tensor, features: Tensor, weights: Tensor, targets: Tensor, which: int
) -> tuple[Tensor, Tensor]:
    """Set one angle of each run to its best value.

    Args:
        measured: what is measured; exact.
        angles: (runs, n_angles).
        features: <O_k> at these, (runs, samples, k).
        weights: (runs, k + 1, n_outputs).
        targets: (samples, n_outputs).
        which: index of the angle.

    Returns:
        The new angles and what is measured there, known without measuring.
    """
    which = _checks.integer("which", which, 0, angles.shape[-1] - 1)
    up, down = (part[:, 0] for part in measured.shifted(angles, [which]))
    a, b, c = wave(features, up, down)
    of_weights = weights[..., :-1, :]
    fitted = a @ of_weights + weights[..., -1:, :] - targets
    t = best_turn(fitted.flatten(-2), (b @ of_weights).flatten(-2), (c @ of_weights).flatten(-2))
    turned = angles.clone()
    turned[:, which] += t
    t = t[:, None, None]
    return turned, a + b * t.cos() + c * t.sin()
