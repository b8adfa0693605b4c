"""Sellier's training by wave packets (2023), as the released notebook has it.

One wave function per weight *tensor* moves on a grid under the time-dependent Schroedinger equation in a
potential whose slope is the mean gradient of that tensor; every element of the tensor is then set to the
same number, the packet's mean position.  By Ehrenfest's theorem a packet in a linear potential moves like a
particle without friction, until it meets the edge of the box.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from qbp import _checks
from qbp._checks import option
from qbp.convex import gradient_metrics
from qbp.mlp import MLP
from qbp.problem import History, Problem, Recorder


@dataclass(frozen=True, kw_only=True)
class SellierConfig:
    """The released notebook's constants (dimensionless; hbar = 1).

    The notebook's kinetic coefficient is 0.2.  Read as the factor of k**2 itself it does not give the range
    of the stored curves (0.065 to 0.18 on the curve, spikes to 0.4 on telecom); read as s in s**2 / 2 * k**2
    it does, so that is our reading.
    """

    steps: int = option(500, "training steps")
    record_every: int = option(1, "keep metrics each so many steps")
    box: float = option(10.0, "length of the grid [0, box)")
    points: int = option(512, "grid points")
    dt: float = option(0.01, "time of one split step")
    substeps: int = option(10, "split steps per training step")
    kinetic: float = option(0.2, "s in the kinetic term s**2 / 2 * k**2")
    force: float = option(
        0.5, "slope of the potential per unit of the mean gradient, which is clamped to [-1, 1]"
    )
    reach: float = option(2.75, "the box is mapped to weights in [-reach, reach]")

    def __post_init__(self) -> None:
        """Check every field."""
        _checks.integer("steps", self.steps, low=0)
        for name in ("record_every", "points", "substeps"):
            _checks.integer(name, getattr(self, name))
        _checks.number("box", self.box, low=0, strict=True)
        for name in ("dt", "kinetic", "force", "reach"):
            _checks.number(name, getattr(self, name), low=0)


def grid(config: SellierConfig, like: Tensor) -> Tensor:
    """Return the positions x, (points,), with the dtype and device of `like`."""
    index = torch.arange(config.points, dtype=like.dtype, device=like.device)
    return index * (config.box / config.points)


def packet(config: SellierConfig, like: Tensor) -> Tensor:
    """Return the normalized Gaussian at the centre of the box, width box / 5, complex, (points,)."""
    x = grid(config, like)
    psi = torch.exp(-0.5 * ((x - config.box / 2) / (config.box / 5)) ** 2)
    return torch.complex(psi, torch.zeros_like(psi)) / torch.linalg.vector_norm(psi)


def evolve_packet(psi: Tensor, slope: Tensor, config: SellierConfig) -> Tensor:
    """Evolve packets for one training step by split-step Fourier in the potential force * slope * x.

    Args:
        psi: packets, complex, (..., points).
        slope: mean gradient of the tensor, real, (...); clamped to [-1, 1].
        config: grid and constants.

    Returns:
        Packets of norm 1, (..., points).
    """
    x = grid(config, slope)
    k = (
        2
        * math.pi
        * torch.fft.fftfreq(config.points, config.box / config.points, dtype=x.dtype, device=x.device)
    )
    kick = torch.exp(-1j * config.dt * config.force * slope.clamp(-1, 1).unsqueeze(-1) * x)
    drift = torch.exp(-0.5j * config.dt * config.kinetic**2 * k**2)
    for _ in range(config.substeps):
        psi = torch.fft.ifft(drift * torch.fft.fft(kick * psi))
        psi = psi / torch.linalg.vector_norm(psi, dim=-1, keepdim=True)
    return psi


def mean_position(psi: Tensor, config: SellierConfig) -> Tensor:
    """Return <x> of packets (..., points): real, (...), in [0, box)."""
    density = psi.abs().square()
    return (density * grid(config, density)).sum(-1)


def collapsed(psi: Tensor, model: MLP, config: SellierConfig) -> Tensor:
    """Return the weights that packets (..., 4, points) stand for: one number per tensor, (..., n_params)."""
    weights = (mean_position(psi, config) / config.box - 0.5) * 2 * config.reach
    return torch.cat(
        [w.unsqueeze(-1).expand(*w.shape, n) for w, n in zip(weights.unbind(-1), model.sizes, strict=True)],
        -1,
    )


def sellier(problem: Problem, config: SellierConfig, theta0: Tensor, *, model: MLP) -> tuple[Tensor, History]:
    """Train perceptrons by wave packets, as released: every weight tensor becomes one number at the first
    step  (Sellier 2023, the paper's [6]).

    Args:
        problem: its `energy` is the loss; `convex` is not used.
        config: grid and constants.
        theta0: the shared starts, (..., n_params); only the first gradient sees them.
        model: tells which weights form a tensor.

    Returns:
        theta after the last step, (..., n_params), and the history.

    Raises:
        TypeError, ValueError: `theta0` has another length or holds NaN.
    """
    _checks.theta(theta0, model.n_params, "theta0")
    theta = last = theta0.detach()
    psi = packet(config, theta).expand(*theta.shape[:-1], len(model.sizes), config.points)
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
                log.add(
                    step,
                    {"loss": energy, "energy": energy, **gradient_metrics(grad), **problem.evaluate(theta)},
                )
            if step == config.steps:
                break
            slope = torch.stack([g.mean(-1) for g in grad.split(model.sizes, -1)], -1)
            psi = torch.where(alive[..., None, None], evolve_packet(psi, slope, config), psi)
            theta = torch.where(alive.unsqueeze(-1), collapsed(psi, model, config), theta)
    return theta, log.history()
