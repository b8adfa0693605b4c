r"""Variable projection: the weights of a linear readout solved exactly at any angles, and the derivatives of
what is left (Golub and Pereyra 1973).

With ``A = [Phi, 1; sqrt(s) I]``, Phi the measured expectations and s the strength of eq. 2, the best
weights are ``w = A^+ y``, and the residual ``r(theta) = y - A w`` is a function of the angles alone.  Its
derivative is

.. math:: \mathrm d r = - P\, \mathrm d A\, w - (A^+)^T \mathrm d A^T r, \qquad P = 1 - A A^+ ,

and the derivative of ``|r|**2`` is that with the weights held still, since they are at their best.
"""

import torch
from torch import Tensor

from qbp import _checks
from qbp._arguments import takes
from qbp.convex import ridge


@takes("features targets", features="... samples k", targets="... samples outputs+")
def solve(features: Tensor, targets: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    """Return the best weights and the residual that they leave.

    Args:
        features: Phi, (..., samples, k), without the constant column.
        targets: y, (..., samples, n_outputs).
        strength: of eq. 2, above 0.

    Returns:
        w, (..., k + 1, n_outputs), the constant's last, and r, (..., samples + k + 1, n_outputs), whose last
        rows are ``-sqrt(strength) w``.  Both are differentiable in `features`, as often as wanted, since the
        weights are part of the graph.  A run whose features are not finite has weights that are not.

    Example:
        >>> w, r = solve(torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [3.0]]), 1e-6)
        >>> w.flatten().round(decimals=3), bool(r.abs().max() < 0.01)
        (tensor([2., 1.]), True)
    """
    weights = ridge(features, targets, strength)
    fitted = features @ weights[..., :-1, :] + weights[..., -1:, :]
    return weights, torch.cat([targets - fitted, -(strength**0.5) * weights], dim=-2)


@takes("features targets", features="... samples k", targets="... samples outputs+")
def projected_loss(features: Tensor, targets: Tensor, strength: float) -> Tensor:
    """Return the least value of eq. 2 over the weights, per sample and output: (...).

    Backward gives the exact gradient in `features`, and so in the angles behind them.

    Args:
        features, targets, strength: as for :func:`solve`.
    """
    _, residual = solve(features, targets, strength)
    return residual.square().sum((-2, -1)) / (targets.shape[-2] * targets.shape[-1])


@takes(
    "features targets derivatives",
    features="... samples k", targets="... samples outputs+", derivatives="... samples k angles",
)  # fmt: skip
def projected_jacobian(
    features: Tensor, targets: Tensor, derivatives: Tensor, strength: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the weights, the residual and its whole derivative by the angles (Golub and Pereyra 1973).

    Args:
        features, targets, strength: as for :func:`solve`.
        derivatives: of `features` by the angles, (..., samples, k, n_angles).

    Returns:
        w as from :func:`solve`, its r flattened to (..., rows), and dr/dtheta, (..., rows, n_angles), where
        rows is (samples + k + 1) * n_outputs.
    """
    strength = _checks.number("strength", strength, low=0.0, strict=True)
    weights, residual = solve(features, targets, strength)
    samples, k = features.shape[-2:]
    ones = features.new_ones(*features.shape[:-1], 1)
    damping = strength**0.5 * torch.eye(k + 1, dtype=features.dtype, device=features.device)
    stacked = torch.cat([torch.cat([features, ones], -1), damping.expand(*features.shape[:-2], -1, -1)], -2)
    q, r = torch.linalg.qr(stacked)
    moved = torch.einsum("...nkp,...ko->...npo", derivatives, weights[..., :-1, :])  # dA w
    moved = torch.cat([moved, moved.new_zeros(*moved.shape[:-3], k + 1, *moved.shape[-2:])], -3).flatten(-2)
    across = moved - q @ (q.mT @ moved)  # P dA w
    pulled = torch.einsum("...nkp,...no->...kpo", derivatives, residual[..., :samples, :])  # dA^T r
    pulled = torch.cat([pulled, torch.zeros_like(pulled[..., :1, :, :])], -3).flatten(-2)
    along = q @ torch.linalg.solve_triangular(r.mT, pulled, upper=False)  # (A^+)^T dA^T r
    outputs = targets.shape[-1]
    jacobian = -(across + along).unflatten(-1, (-1, outputs)).mT  # (..., rows of A, outputs, n_angles)
    return weights, residual.flatten(-2), jacobian.flatten(-3, -2)
