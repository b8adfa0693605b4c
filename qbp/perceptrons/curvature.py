"""Shape of a loss around points of many parameters: its extreme curvatures, barriers along a line, gradients
layer by layer.

:mod:`qbp.plateaus.landscape` has the whole Hessian of a circuit; here the Hessian is never formed, so that a
perceptron of a hundred thousand weights can be asked, too.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from qbp import _checks, draws
from qbp._arguments import takes
from qbp.problem import gradients

if TYPE_CHECKING:
    from qbp.perceptrons.mlp import MLP

Loss = Callable[[Tensor], Tensor]
TINY = 100  # roundings: a Lanczos vector this short, against the longest, has nothing left to add


@takes("theta vector", theta="... n", vector="... n")
def hessian_product(loss: Loss, theta: Tensor, vector: Tensor) -> Tensor:
    """Return the Hessian at each point times a vector, by differentiating twice.

    Args:
        loss: (..., n_params) -> (...), each row on its own, twice differentiable.
        theta, vector: (..., n_params).

    Returns:
        (..., n_params).

    Example:
        >>> hessian_product(lambda t: (t**3).sum(-1), torch.tensor([1.0, 2.0]), torch.tensor([1.0, 1.0]))
        tensor([ 6., 12.])
    """
    with gradients():
        theta, vector = theta.detach().clone().requires_grad_(), vector.clone()
        (gradient,) = torch.autograd.grad(
            _checks.per_run("loss", loss(theta), theta).sum(), theta, create_graph=True
        )
        (product,) = torch.autograd.grad((gradient * vector).sum(), theta)
    return product


@takes(theta="... n+")
def hessian_extremes(loss: Loss, theta: Tensor, steps: int = 40, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return the smallest and the largest eigenvalue of the Hessian at each point, by Lanczos' method with
    full reorthogonalization (Golub and Van Loan 2013, section 10.3).

    Both are reached from inside: the true extremes are at least as far out.  After as many steps as there are
    parameters they are exact.

    Args:
        loss: as in :func:`hessian_product`.
        theta: points, (..., n_params).
        steps: Hessian products; at most n_params are made.
        seed: of the first vector, the same at every point.

    Returns:
        Smallest and largest, (...), in units of the loss per squared radian (or weight).

    Example:
        >>> low, high = hessian_extremes(lambda t: t[..., 0] ** 2 - 3 * t[..., 1] ** 2, torch.zeros(1, 2))
        >>> low.round(decimals=4), high.round(decimals=4)
        (tensor([-6.]), tensor([2.]))
    """
    n_params = theta.shape[-1]
    _checks.finite("theta", theta)
    steps = min(_checks.integer("steps", steps), n_params)
    start = draws.normal([seed], "lanczos", n_params)[0].to(theta)
    vector = (start / start.norm()).expand(theta.shape)
    basis, diagonal, beside, scale = [], [], [], None
    for _ in range(steps):
        basis.append(vector)
        residual = hessian_product(loss, theta, vector)
        diagonal.append((residual * vector).sum(-1))
        for _again in range(2):  # once more takes away what rounding left
            known = torch.stack(basis, -1)  # (..., n_params, steps so far)
            residual = residual - (known @ (known.mT @ residual.unsqueeze(-1))).squeeze(-1)
        length = residual.norm(dim=-1)
        scale = torch.maximum(length, diagonal[0].abs()) if scale is None else torch.maximum(scale, length)
        ended = (
            length <= TINY * torch.finfo(theta.dtype).eps * scale
        )  # the vectors span all that the first one can reach
        beside.append(torch.where(ended, 0.0, length))
        safe = torch.where(ended, 1.0, length).unsqueeze(-1)
        vector = torch.where(ended.unsqueeze(-1), 0.0, residual / safe)
    return _extremes(torch.stack(diagonal, -1), torch.stack(beside[:-1], -1) if steps > 1 else None)


def _extremes(diagonal: Tensor, beside: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the extreme eigenvalues of tridiagonal matrices, without the blocks that came after an end."""
    matrix = torch.diag_embed(diagonal)
    alive = torch.ones_like(diagonal, dtype=torch.bool)
    if beside is not None:
        matrix = matrix + torch.diag_embed(beside, 1) + torch.diag_embed(beside, -1)
        alive[..., 1:] = (beside != 0).cumprod(-1).bool()
    first = matrix[..., 0, 0].unsqueeze(-1)  # inside the spectrum: a stand-in that moves no extreme
    matrix = matrix + torch.diag_embed(torch.where(alive, torch.zeros_like(diagonal), first - diagonal))
    values = torch.linalg.eigvalsh(matrix)
    return values[..., 0], values[..., -1]


@takes("a b", a="... n", b="... n")
def line_barrier(loss: Loss, a: Tensor, b: Tensor, points: int = 41) -> Tensor:
    """Return how high a loss rises on the straight line between two points, over the higher end.

    A barrier of 0 says that one can go from end to end without climbing.  A barrier says that the line
    climbs; a curved path may still avoid it.

    Args:
        loss: (..., n_params) -> (...), above 0.
        a, b: ends, (..., n_params).
        points: on the line, both ends among them.

    Returns:
        Dimensionless, (...): highest value over the higher end, minus 1; at least 0.

    Example:
        >>> line_barrier(lambda t: (t[..., 0] ** 2 - 1) ** 2 + 1, torch.tensor([-1.0]), torch.tensor([1.0]))
        tensor(1.)
    """
    _checks.finite("a", a)
    _checks.finite("b", b)
    share = torch.linspace(0, 1, _checks.integer("points", points, 2, 2**40), dtype=a.dtype, device=a.device)
    with torch.no_grad():
        values = torch.stack(
            [_checks.per_run("loss", loss(p), p) for p in ((1 - s) * a + s * b for s in share)], -1
        )
    ends = torch.maximum(values[..., 0], values[..., -1])
    return values.amax(-1) / ends - 1


@takes(gradient="... model.n_params")
def layer_ratio(model: "MLP", gradient: Tensor) -> Tensor:
    """Return how unequal a gradient is between layers: root mean square of the weight matrix with the largest
    gradient over that with the smallest.

    Args:
        model: the perceptron.
        gradient: (..., n_params).

    Returns:
        Dimensionless, (...), at least 1; 1 says that every layer learns at one rate.
    """
    _checks.finite("gradient", gradient)
    parts = zip(model.tensors(gradient), model.shapes, strict=True)
    sizes: Any = [part.square().mean((-2, -1)).sqrt() for part, shape in parts if len(shape) == 2]
    sizes = torch.stack(sizes, -1)
    return sizes.amax(-1) / sizes.amin(-1)
