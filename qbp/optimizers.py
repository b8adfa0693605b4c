"""First-order optimizers that treat every run of a batch on its own.

A run that has finished or diverged must stand still while its neighbours go on: its parameters *and* its
moments and step count. So each update takes a mask, which enters as a coefficient per run (0 or 1), not as a
second pass over the memory.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from qbp._arguments import takes


class Moments(NamedTuple):
    """State of Adam: steps taken (..., 1), running mean and mean square of the gradient (..., n_params)."""

    count: Tensor  # type: ignore[assignment]  # hides tuple.count, which no one asks a state for
    mean: Tensor
    square: Tensor


@takes(theta="... n", grad="... n", lr="...", active="mask ...")
def gradient_descent(
    theta: Tensor, grad: Tensor, state: None, *, lr: Tensor, active: Tensor, weight_decay: float = 0.0
) -> tuple[Tensor, None]:
    """Plain gradient step theta - lr grad, as Algorithm 1 prints it (lines 5 and 10).

    Args:
        theta, grad: (..., n_params); rows of `grad` that are not active may hold anything.
        state: none is kept.
        lr: step size per run, (...).
        active: boolean, (...); other runs stand still.
        weight_decay: shrinks theta by lr * weight_decay first.

    Returns:
        The new theta and None.

    Example:
        >>> one, lr, active = torch.ones(2, 1), torch.tensor([0.5, 0.5]), torch.tensor([True, False])
        >>> gradient_descent(one, one, None, lr=lr, active=active)[0].flatten()
        tensor([0.5000, 1.0000])
    """
    rate = (lr * active).unsqueeze(-1)
    return theta - rate * (_quiet(grad, active) + weight_decay * theta), None


@takes(theta="... n", grad="... n", lr="...", active="mask ...")
def adam(
    theta: Tensor,
    grad: Tensor,
    state: Moments | None,
    *,
    lr: Tensor,
    active: Tensor,
    weight_decay: float = 0.0,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
) -> tuple[Tensor, Moments]:
    """Adam (Kingma & Ba 2015) with decoupled weight decay (AdamW; Loshchilov & Hutter 2019), row by row.

    Args:
        theta, grad, lr, active: as in :func:`gradient_descent`.
        state: the moments after the last call, None at first.
        weight_decay: dimensionless, 0 for Adam, 0.01 in the released notebook's AdamW.
        betas: forgetting factors of the two moments.
        eps: added to the root of the second, in the unit of the gradient.

    Returns:
        The new theta and the new moments, both unchanged where not active.
    """
    if state is None:
        state = Moments(torch.zeros_like(theta[..., :1]), torch.zeros_like(theta), torch.zeros_like(theta))
    on = active.to(theta.dtype).unsqueeze(-1)
    grad = _quiet(grad, active)
    count = state.count + on
    mean = state.mean + (1 - betas[0]) * on * (grad - state.mean)
    square = state.square + (1 - betas[1]) * on * (grad.square() - state.square)
    rate = lr.unsqueeze(-1) * on
    steps = count.clamp(min=1)
    root = square.sqrt() / (1 - betas[1] ** steps).sqrt() + eps
    step = rate / (1 - betas[0] ** steps) * mean / root
    return theta * (1 - rate * weight_decay) - step, Moments(count, mean, square)


@takes(theta="... n", grad="... n", lr="...", active="mask ...")
def heavy_ball(
    theta: Tensor,
    grad: Tensor,
    state: tuple[Tensor] | None,
    *,
    lr: Tensor,
    active: Tensor,
    weight_decay: float = 0.0,
    friction: float = 0.0,
) -> tuple[Tensor, tuple[Tensor]]:
    """Heavy ball (Polyak 1964): v <- (1 - friction) v - lr grad, then theta <- theta + v.

    Without friction it is the leapfrog step of Newton's particle in the loss: what the mean of a packet of
    :mod:`qbp.baseline.waves` does without its Hartree term, for lr = (kinetic dt)**2 (Ehrenfest's theorem).
    With friction 1 it is gradient descent.

    Args:
        theta, grad, lr, active: as in :func:`gradient_descent`.
        state: the velocities v after the last call, (..., n_params), None at first: at rest.
        weight_decay: adds weight_decay * theta to the gradient: a spring to zero.
        friction: share of the velocity lost per step, in [0, 1].

    Returns:
        The new theta and the new state, both unchanged where not active.

    Example:
        >>> one, yes = torch.ones(1, 1), torch.tensor([True])
        >>> theta, state = heavy_ball(one, one, None, lr=torch.tensor([0.5]), active=yes)
        >>> heavy_ball(theta, one, state, lr=torch.tensor([0.5]), active=yes)[0]
        tensor([[-0.5000]])
    """
    on = active.to(theta.dtype).unsqueeze(-1)
    (velocity,) = (torch.zeros_like(theta),) if state is None else state
    force = -(_quiet(grad, active) + weight_decay * theta)
    velocity = velocity + on * (lr.unsqueeze(-1) * force - friction * velocity)
    return theta + on * velocity, (velocity,)


@takes(runs="mask ...")
def restarted(state: tuple[Tensor, ...] | None, runs: Tensor) -> tuple[Tensor, ...] | None:
    """Return a state in which some runs have taken no step yet: zero moments, or velocities, and count.

    Args:
        state: from one of the optimizers here, None before the first step and without moments.
        runs: boolean, (...): which start anew.

    Example:
        >>> restarted((torch.ones(2, 3),), torch.tensor([True, False]))[0].sum(-1)
        tensor([0., 3.])
    """
    if state is None:
        return None
    parts = (torch.where(runs.unsqueeze(-1), 0.0, part) for part in state)
    return Moments(*parts) if isinstance(state, Moments) else tuple(parts)


OPTIMIZERS: dict[str, Callable] = {
    "gd": gradient_descent,
    "adam": adam,
    "adamw": adam,
    "heavy-ball": heavy_ball,
}


def _quiet(grad: Tensor, active: Tensor) -> Tensor:
    return torch.where(active.unsqueeze(-1), grad, 0.0)  # 0 * NaN is NaN, so a stopped run's gradient must go
