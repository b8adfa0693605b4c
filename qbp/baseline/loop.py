"""Sellier's training by wave packets (2023) [6]: the loop, and the form the released notebook has.

As described, each weight has a packet of its own: :mod:`qbp.baseline.waves`.  As released, one wave function
per weight *tensor* moves on a grid under the time-dependent Schroedinger equation in a potential whose slope
is the mean gradient of that tensor; every element of the tensor is then set to the same number, the packet's
mean position.  By Ehrenfest's theorem a packet in a linear potential moves like a particle without friction,
until it meets the edge of the box.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from qbp import _checks
from qbp._arguments import takes
from qbp._checks import option
from qbp.baseline import waves
from qbp.baseline.packets import gaussian, normalized, split_step, wave_numbers
from qbp.baseline.waves import WaveConfig
from qbp.convex import gradient_metrics
from qbp.problem import History, Problem, Recorder, gradients

if TYPE_CHECKING:
    from qbp.perceptrons.mlp import MLP


@dataclass(frozen=True, kw_only=True)
class SellierConfig:
    """The released notebook's constants (dimensionless; hbar = 1)."""

    steps: int = option(500, "training steps")
    record_every: int = option(1, "keep metrics each so many steps")
    box: float = option(10.0, "length of the grid [0, box], both ends on it")
    points: int = option(512, "grid points")
    dt: float = option(0.01, "time of one split step")
    substeps: int = option(10, "split steps per training step")
    kinetic: float = option(
        math.sqrt(0.2),
        "s in the kinetic term s**2 / 2 * k**2 (default 0.447; the notebook's factor 0.2 is s**2)",
    )
    force: float = option(
        0.5, "slope of the potential per unit of the mean gradient, which is clamped to [-1, 1]"
    )
    reach: float = option(2.75, "the box is mapped to weights in [-reach, reach]")

    def __post_init__(self) -> None:
        """Check every field."""
        _checks.plain(self)
        _checks.integer("steps", self.steps, low=0)
        for name in ("record_every", "points", "substeps"):
            _checks.integer(name, getattr(self, name))
        _checks.number("box", self.box, low=0, strict=True)
        for name in ("dt", "kinetic", "force", "reach"):
            _checks.number(name, getattr(self, name), low=0)


@takes()
def grid(config: SellierConfig, like: Tensor) -> Tensor:
    """Return the positions x from 0 to box, (points,), with the dtype and device of `like`."""
    return torch.linspace(0.0, config.box, config.points, dtype=like.dtype, device=like.device)


@takes()
def packet(config: SellierConfig, like: Tensor) -> Tensor:
    """Return the normalized Gaussian at the centre of the box, width box / 5, complex, (points,)."""
    return gaussian(grid(config, like), config.box / 2, config.box / 5)


@takes(psi="complex ...+ config.points", slope="...")
def evolve_packet(psi: Tensor, slope: Tensor, config: SellierConfig) -> Tensor:
    """Evolve packets for one training step by split-step Fourier in the potential force * slope * x.

    A split step is half a kick, the drift and half a kick.  As in the notebook the drift takes box / points
    for the spacing, while the grid has box / (points - 1).

    Args:
        psi: packets, complex, (..., points).
        slope: mean gradient of the tensor, real, (...); clamped to [-1, 1].
        config: grid and constants.

    Returns:
        Packets of norm 1, (..., points).
    """
    x = grid(config, slope)
    k = wave_numbers(config.points, config.box, x)
    half_kick = torch.exp(-0.5j * config.dt * config.force * slope.clamp(-1, 1).unsqueeze(-1) * x)
    drift = torch.exp(-0.5j * config.dt * config.kinetic**2 * k**2)
    for _ in range(config.substeps):
        psi = normalized(half_kick * split_step(psi, half_kick, drift))
    return psi


@takes(psi="complex ... config.points")
def mean_position(psi: Tensor, config: SellierConfig) -> Tensor:
    """Return <x> of packets (..., points): real, (...), in [0, box]."""
    density = psi.abs().square()
    return (density * grid(config, density)).sum(-1)


@takes(psi="complex ... 4 config.points")
def collapsed(psi: Tensor, model: "MLP", config: SellierConfig) -> Tensor:
    """Return the weights that packets (..., 4, points) stand for: one number per tensor, (..., n_params)."""
    weights = (mean_position(psi, config) / config.box - 0.5) * 2 * config.reach
    return torch.cat(
        [w.unsqueeze(-1).expand(*w.shape, n) for w, n in zip(weights.unbind(-1), model.sizes, strict=True)],
        -1,
    )


@takes(theta="... model.n_params")
def start(theta: Tensor, config: SellierConfig, model: "MLP") -> Tensor:
    """Return one packet per weight tensor, the same for all runs and starts: (..., 4, points)."""
    return packet(config, theta).expand(*theta.shape[:-1], len(model.sizes), config.points)


@takes(psi="complex ...+ 4 config.points", grad="... model.n_params")
def advance(psi: Tensor, grad: Tensor, config: SellierConfig, model: "MLP") -> Tensor:
    """Evolve the packets by the mean gradient of each tensor: (..., 4, points)."""
    slope = torch.stack([g.mean(-1) for g in grad.split(model.sizes, -1)], -1)
    return evolve_packet(psi, slope, config)


@takes(theta0="...+ model.n_params")
def sellier(
    problem: Problem, config: WaveConfig | SellierConfig, theta0: Tensor, *, model: "MLP"
) -> tuple[Tensor, History]:
    """Train perceptrons by wave packets, as described or as released  (Sellier 2023, the paper's [6]).

    Args:
        problem: its `energy` is the loss; `convex` is not used.
        config: grid and constants; its class says which. As released, only the first gradient sees the
            start, then every weight tensor becomes one number.
        theta0: the shared starts, (..., n_params).
        model: tells which weights form a tensor.

    Returns:
        theta after the last step, (..., n_params), and the history.

    Raises:
        TypeError, ValueError: `theta0` has another length or no row, holds NaN, or lies outside the box of
            the waves.
    """
    _checks.finite("theta0", theta0)
    with gradients():
        return _trained(problem, config, theta0.clone(), model)


def _trained(
    problem: Problem, config: WaveConfig | SellierConfig, theta0: Tensor, model: "MLP"
) -> tuple[Tensor, History]:
    """Train as :func:`sellier` says, which checks the arguments first."""
    described = isinstance(config, WaveConfig)
    theta = last = theta0.detach()
    state = waves.start(theta, config) if described else start(theta, config, model)  # type: ignore[arg-type]  # its class said which
    log = Recorder(config.steps, config.record_every, like=theta[..., 0])
    with _checks.trusted():
        for step in range(config.steps + 1):
            theta = theta.detach().requires_grad_()
            energy = problem.energy(theta, problem.batches(step))
            (grad,) = torch.autograd.grad(energy.sum(), theta)
            alive = log.watch(energy, grad.sum(-1))
            theta = last = torch.where(alive.unsqueeze(-1), theta.detach(), last)
            log.loss(energy)
            if log.due(step):
                found = {
                    "loss": energy,
                    "energy": energy,
                    **gradient_metrics(grad),
                    **problem.evaluate(theta),
                }
                log.add(step, found | (waves.metrics(state, config) if described else {}))  # type: ignore[arg-type]  # its class said which
            if step == config.steps:
                break
            if described:
                moved = waves.advance(state, theta, grad, config, model)  # type: ignore[arg-type]  # its class said which
            else:
                moved = advance(state, grad, config, model)  # type: ignore[arg-type]  # its class said which
            state = torch.where(alive[..., None, None], moved, state)
            read = waves.read(state, config) if described else collapsed(state, model, config)  # type: ignore[arg-type]  # its class said which
            theta = torch.where(alive.unsqueeze(-1), read, theta)
    return theta, log.history()
