r"""Levenberg-Marquardt: Gauss-Newton steps on a residual, damped until they help (Levenberg 1944; Marquardt
1963), on a batch of runs that do not touch each other.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from qbp import _checks
from qbp._arguments import takes

FIRST, LESS, MORE = 1.0, 0.3, 4.0  # damping at the start, and its factor after a step that helped, or did not
LEAST, MOST = 1e-12, 1e12  # of the damping


@takes("jacobian residual damping", jacobian="runs rows n", residual="runs rows", damping="runs")
def damped_step(jacobian: Tensor, residual: Tensor, damping: Tensor) -> Tensor:
    """Return the d that minimizes ``|J d + r|**2 + damping |d|**2``, by QR of the stacked matrix.

    Args:
        jacobian: J, (runs, rows, n).
        residual: r, (runs, rows).
        damping: above 0, (runs,).

    Returns:
        (runs, n).  A run whose numbers are not finite gets a step that is not, and its neighbours theirs.

    Example:
        >>> damped_step(torch.eye(2)[None], torch.tensor([[1.0, 2.0]]), torch.tensor([1.0]))
        tensor([[-0.5000, -1.0000]])
    """
    _checks.finite("damping", damping)
    n = jacobian.shape[-1]
    root = damping.sqrt()[..., None, None] * torch.eye(n, dtype=jacobian.dtype, device=jacobian.device)
    fine = jacobian.isfinite().all(-1).all(-1) & residual.isfinite().all(-1)
    clean = torch.where(fine[..., None, None], jacobian, 0.0)  # LAPACK need not stop at a number that is none
    right = torch.where(fine[..., None], residual, 0.0)
    q, r = torch.linalg.qr(torch.cat([clean, root], dim=-2))
    padded = torch.cat([right, right.new_zeros(*right.shape[:-1], n)], dim=-1).unsqueeze(-1)
    step = -torch.linalg.solve_triangular(r, q.mT @ padded, upper=True).squeeze(-1)
    return torch.where(fine[..., None], step, torch.nan)


class Point(NamedTuple):
    """Where a batch of runs stands.

    Attributes:
        angles: (runs, n).
        residual: (runs, rows).
        jacobian: its derivative, (runs, rows, n).
        damping: (runs,).
        alive: runs whose numbers have all been finite, (runs,).
    """

    angles: Tensor
    residual: Tensor
    jacobian: Tensor
    damping: Tensor
    alive: Tensor

    @property
    def loss(self) -> Tensor:
        """Sum of squares, (runs,)."""
        return self.residual.square().sum(-1)


Linearized = Callable[[Tensor, int], tuple[Tensor, Tensor]]  # angles, step -> residual, jacobian


@takes(angles="runs n")
def begin(linearized: Linearized, angles: Tensor, damping: float = FIRST) -> Point:
    """Return the point before the first step.

    Args:
        linearized: (angles (runs, n), step) -> residual (runs, rows) and jacobian (runs, rows, n).
        angles: starts, (runs, n).
        damping: of the first step, in units of J^T J.
    """
    residual, jacobian = _measured(linearized, angles, 0)
    damped = torch.full_like(angles[:, 0], _checks.number("damping", damping, low=0.0, strict=True))
    return Point(angles, residual, jacobian, damped, residual.isfinite().all(-1))


@takes()
def advance(linearized: Linearized, point: Point, step: int) -> Point:
    """Take one step: try it, keep it in the runs whose sum of squares falls, and change the damping.

    A trial costs what the start did, whether it is kept or not: value and derivatives are measured at once.
    A run whose trial is not finite keeps its point and gets more damping.  A run that began with numbers that
    are not finite stands still.

    Args:
        linearized: as for :func:`begin`.
        point: where the runs stand.
        step: counts the steps from 1 on; shots are drawn by it.
    """
    step = _checks.integer("step", step, 0)
    clean = torch.where(point.alive[:, None], point.angles, 0.0)
    move = torch.where(point.alive[:, None], damped_step(point.jacobian, point.residual, point.damping), 0.0)
    residual, jacobian = _measured(linearized, clean + move, step)
    better = point.alive & (residual.square().sum(-1) < point.loss)  # false where a number is none
    factor = torch.where(better, LESS, MORE)
    damping = torch.where(point.alive, (point.damping * factor).clamp(LEAST, MOST), point.damping)
    return Point(
        torch.where(better[:, None], clean + move, point.angles),
        torch.where(better[:, None], residual, point.residual),
        torch.where(better[:, None, None], jacobian, point.jacobian),
        damping,
        point.alive,
    )


def _measured(linearized: Linearized, angles: Tensor, step: int) -> tuple[Tensor, Tensor]:
    found: Any = linearized(angles, step)
    if not isinstance(found, tuple) or len(found) != 2 or not all(isinstance(part, Tensor) for part in found):
        raise TypeError(f"linearized must return a residual and a jacobian, got {_checks.kind_of(found)}")
    return found
