r"""Stage 2: the blended loss (eq. 4), its structured oscillation (eq. 5) and the two annealing schedules
(eq. 6, 7)."""

import torch
from torch import Tensor

from qbp import _checks
from qbp._arguments import takes


@takes(energy="...", convex="...", oscillation="...", lam="...", beta="...")
def refinement_loss(
    energy: Tensor, convex: Tensor, oscillation: Tensor, lam: Tensor | float, beta: Tensor | float
) -> Tensor:
    r"""Refinement loss (1 - lam) <H> + lam L_convex + beta R_osc  (eq. 4).

    At lam = 1, beta = 0 it is the loss of Stage 1.

    Args:
        energy: the task: <psi(theta)|H|psi(theta)> of a circuit, the data loss of a perceptron; (...).
        convex: L_convex, (...).
        oscillation: R_osc, (...).
        lam: blend, dimensionless, in [0, 1]; broadcast against the losses.
        beta: amplitude of the oscillation, in the unit of the loss; broadcast against the losses.

    Returns:
        Real, (...), in the unit of `energy`.

    Example:
        >>> refinement_loss(*torch.tensor([2.0, 4.0, 1.0, 0.5, 0.1]))
        tensor(3.1000)
    """
    return (1 - lam) * energy + lam * convex + beta * oscillation


@takes(theta="... n")
def oscillatory_regularizer(theta: Tensor, *, omega: float, phi: Tensor | float = 0.0) -> Tensor:
    r"""Structured oscillation R_osc = mean_j sin(omega theta_j + phi_j)  (eq. 5).

    It is bounded and periodic, so it does not regularize in the usual sense: it prefers no small weights.

    Args:
        theta: angles in radians, or weights, real, (..., n_params).
        omega: angular frequency, dimensionless.
        phi: phases in radians, broadcast against `theta`.

    Returns:
        Real, (...), in [-1, 1]; differentiable in `theta`.

    Raises:
        ValueError: `omega` or `phi` is not finite, or `phi` does not broadcast.

    Example:
        >>> oscillatory_regularizer(torch.full((2, 3), torch.pi / 8), omega=4.0)
        tensor([1., 1.])
    """
    _checks.number("omega", omega)
    _checks.phases(phi, theta)
    return torch.sin(omega * theta + phi).mean(-1)


@takes()
def anneal_blend(lam: Tensor, decay: float = 0.98) -> Tensor:
    r"""Anneal the blend, lam <- max(0, decay lam)  (eq. 6).

    The max never binds: a positive number times 0.98 stays positive.

    Example:
        >>> anneal_blend(torch.tensor([0.9, 0.0]))
        tensor([0.8820, 0.0000])
    """
    return torch.clamp(lam * decay, min=0)


@takes()
def anneal_oscillation(beta: Tensor, decay: float = 0.99) -> Tensor:
    r"""Anneal the oscillation, beta <- decay beta  (eq. 7).

    Example:
        >>> anneal_oscillation(torch.tensor([0.05]))
        tensor([0.0495])
    """
    return beta * decay
