r"""Wave packets on a line, and the Gaussians that stand for them; hbar = 1, everything dimensionless.

The equation is :math:`i \partial_t \psi = (-\tfrac{s^2}{2} \partial_x^2 + V) \psi`, a particle of mass
:math:`1 / s^2`.  A step of length dt kicks with the potential, then drifts with the kinetic term, each
exactly; on the grid the line is a circle.  Imaginary time replaces t by -i t; the norm then has no meaning.

A Gaussian :math:`\psi \propto \exp(-(x - v)^2 / 2u)` with complex v and u stays one under every potential
that is at most quadratic (Heller, J. Chem. Phys. 62, 1544, 1975); the same two maps act on the pair (v, u).
"""

import math

import torch
from torch import Tensor

from qbp import _checks
from qbp._arguments import takes

TIMES = ("real", "imaginary")


@takes()
def positions(points: int, length: float, like: Tensor, start: float = 0.0) -> Tensor:
    """Return the grid on [start, start + length), (points,), with the dtype and device of `like`."""
    _checks.integer("points", points, 1, 2**40)
    index = torch.arange(points, dtype=like.dtype, device=like.device)
    return index * (length / points) + start


@takes()
def wave_numbers(points: int, length: float, like: Tensor) -> Tensor:
    """Return the wave numbers k of the grid in the order of the Fourier transform, (points,)."""
    _checks.integer("points", points, 1, 2**40)
    _checks.number("length", length, 0, strict=True)
    return 2 * math.pi * torch.fft.fftfreq(points, length / points, dtype=like.dtype, device=like.device)


@takes(x="points", centre="... 1")
def gaussian(x: Tensor, centre: Tensor | float, width: float) -> Tensor:
    """Return normalized packets exp(-(x - centre)**2 / (2 width**2)), complex.

    Args:
        x: grid, (points,).
        centre: mean positions, (..., 1), or one number.
        width: of the amplitude; the standard deviation of the density is width / sqrt 2.
    """
    psi = torch.exp(-0.5 * ((x - centre) / width) ** 2)
    return torch.complex(psi, torch.zeros_like(psi)) / torch.linalg.vector_norm(psi, dim=-1, keepdim=True)


@takes(psi="complex ... points")
def normalized(psi: Tensor) -> Tensor:
    """Return packets (..., points) with sum ``|psi|**2`` = 1."""
    return psi / torch.linalg.vector_norm(psi, dim=-1, keepdim=True)


@takes(psi="complex ... points", kick="amplitude ... points", drift="amplitude ... points")
def split_step(psi: Tensor, kick: Tensor, drift: Tensor) -> Tensor:
    """Multiply packets (..., points) by `kick` on the grid, then by `drift` in Fourier space."""
    return torch.fft.ifft(drift * torch.fft.fft(kick * psi))


@takes()
def propagator(exponent: Tensor, time: str = "real") -> Tensor:
    """Return exp(-i exponent), or exp(-exponent) in imaginary time; `exponent` is real, any shape."""
    if _checks.choice("time", time, TIMES) == "imaginary":
        return torch.exp(-exponent)
    return torch.polar(torch.ones_like(exponent), -exponent)  # three times as fast as the complex exp


@takes(psi="complex ...")
def density(psi: Tensor) -> Tensor:
    """Return ``|psi|**2``, real."""
    return psi.real.square() + psi.imag.square()


@takes("probability x", probability="... points", x="points")
def mean_value(probability: Tensor, x: Tensor) -> Tensor:
    """Return the mean (...) of a function x on the grid, (points,), over probabilities (..., points) of any
    norm."""
    return probability @ x / probability.sum(-1)


@takes(probability="... n points")
def layer_density(probability: Tensor, sizes: list[int], spacing: float) -> Tensor:
    """Return the mean density per unit length of each weight tensor: (..., n_params, points) -> (...,
    tensors, points)."""
    _checks.whole("sizes", sizes, probability.shape[-2], "probability")
    return torch.stack([part.mean(-2) for part in probability.split(list(sizes), -2)], -2) / spacing


@takes()
def spread_out(values: Tensor, sizes: list[int], dim: int = -1) -> Tensor:
    """Repeat one entry per weight tensor for all its weights, along `dim`."""
    if not -values.ndim <= dim < values.ndim:
        raise ValueError(f"dim must be an axis of values {tuple(values.shape)}, got {dim}")
    if len(sizes) != values.shape[dim]:
        raise ValueError(f"sizes must be one for each of {values.shape[dim]} values, got {len(sizes)}")
    parts = zip(values.split(1, dim), sizes, strict=True)
    return torch.cat([v.expand(*v.shape[:dim], n, *v.shape[dim:][1:]) for v, n in parts], dim)


@takes(pair="complex ... 2", force="...", curvature="...")
def gaussian_kick(pair: Tensor, force: Tensor, curvature: Tensor, dt: float, time: str = "real") -> Tensor:
    """Kick Gaussians with the potential -force (x - q) + curvature (x - q)**2 / 2 about their means q.

    Args:
        pair: v and u of each, complex, (..., 2).
        force: minus the slope of the potential, real, (...).
        curvature: its second derivative, real, (...).
        dt: time.
        time: "real" or "imaginary".

    Returns:
        The new pairs, (..., 2).
    """
    z = dt if _checks.choice("time", time, TIMES) == "imaginary" else 1j * dt
    v, u = pair.unbind(-1)
    shrink = 1 / (1 + z * curvature * u)  # 1 / u' = 1 / u + z curvature, v' / u' = v / u + z (force + ...)
    force = force + curvature * gaussian_moments(pair)[0]
    moved = torch.broadcast_tensors(shrink * (v + z * u * force), shrink * u)
    return torch.stack(moved, -1)


@takes(pair="complex ... 2")
def gaussian_drift(pair: Tensor, kinetic: float, dt: float, time: str = "real") -> Tensor:
    """Let Gaussians (..., 2) drift with the kinetic term kinetic**2 / 2 k**2: u grows, v stays."""
    z = dt if _checks.choice("time", time, TIMES) == "imaginary" else 1j * dt
    v, u = pair.unbind(-1)
    return torch.stack([v, u + z * kinetic**2], -1)


@takes(pair="complex ... 2")
def gaussian_moments(pair: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and variance of the position, real, (...), of Gaussians (..., 2)."""
    v, u = pair.unbind(-1)
    return v.real + v.imag * u.imag / u.real, (u.real + u.imag.square() / u.real) / 2
