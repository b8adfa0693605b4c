r"""Ensembles of angles around a center, the moments of their cosines, and noise behind every gate.

An angle is ``theta = center + delta`` with delta independent and symmetric about zero.  With ``x = s delta``
for a rotation by ``s theta`` all that the variance of a cost or of a gradient knows of it is

.. math:: \mu = E[\cos x], \quad q = E[\cos^2 x], \quad p = E[\sin^2 x] = 1 - q, \quad v = q - \mu^2,

since ``E[sin x] = E[sin x cos x] = 0`` by symmetry.  v is of fourth order in a small width, and is computed
without a difference of large numbers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from qbp import _checks, draws

if TYPE_CHECKING:
    import torch

KINDS = ("full", "uniform", "gaussian")
LEAST = 1e-200  # stands for zero where a logarithm is taken
SMALL = 0.5  # of the width times the scale, below which v is summed as a series
TERMS = range(2, 16)  # of that series


@dataclass(frozen=True)
class GateNoise:
    """Noise on every qubit that a gate acts on, after the gate: after each rotation, and after each pair.

    Where several are given, amplitude damping comes last.

    Args:
        depolarizing: p of ``rho -> (1 - p) rho + (p / 3) (X rho X + Y rho Y + Z rho Z)``, 0 to 3/4.
        dephasing: p of ``rho -> (1 - p) rho + p Z rho Z``, 0 to 1/2.
        amplitude_damping: gamma, the probability of ``|1> -> |0>``, 0 to 1.

    Raises:
        TypeError, ValueError: one of them is no number in its range.

    Example:
        >>> GateNoise(depolarizing=0.075).factors.tolist()  # of I, X, Z, Y
        [1.0, 0.9, 0.9, 0.9]
    """

    depolarizing: float = 0.0
    dephasing: float = 0.0
    amplitude_damping: float = 0.0

    def __post_init__(self) -> None:
        for name, most in (("depolarizing", 0.75), ("dephasing", 0.5), ("amplitude_damping", 1.0)):
            object.__setattr__(self, name, _checks.number(name, getattr(self, name), 0.0, most))

    @property
    def factors(self) -> np.ndarray:
        """What is left of I, X, Z and Y in the Heisenberg picture, (4,); of a Z that damping did not drop."""
        shrunk = 1 - 4 * self.depolarizing / 3
        side = shrunk * (1 - 2 * self.dephasing) * math.sqrt(1 - self.amplitude_damping)
        return np.array([1.0, side, shrunk, side])

    def __bool__(self) -> bool:
        return any((self.depolarizing, self.dephasing, self.amplitude_damping))


class Moments(NamedTuple):
    """mu, q, p and v of rotations, each (rotations,); see the module."""

    mean: np.ndarray
    stay: np.ndarray
    turn: np.ndarray
    spread: np.ndarray


@dataclass(frozen=True)
class AngleEnsemble:
    """Independent angles, and noise behind every gate.

    Args:
        kind: "full", uniform on the circle; "uniform", within `width` of the center; "gaussian", normal.
        width: half the width of "uniform" and the standard deviation of "gaussian", radians; one number, or
            one for each parameter; 0 fixes an angle.  "full" takes none.
        center: radians, one number, or one for each parameter.
        noise: what acts behind every gate.

    Raises:
        TypeError, ValueError: an argument is none of these.

    Example:
        >>> AngleEnsemble("gaussian", 0.1)
        AngleEnsemble(kind='gaussian', width=0.1, center=0.0, noise=GateNoise(depolarizing=0.0,
            dephasing=0.0, amplitude_damping=0.0))
    """

    kind: str
    width: float | tuple[float, ...] = 0.0
    center: float | tuple[float, ...] = 0.0
    noise: GateNoise = GateNoise()

    def __post_init__(self) -> None:
        _checks.choice("kind", self.kind, KINDS)
        object.__setattr__(self, "width", _numbers("width", self.width, 0.0))
        object.__setattr__(self, "center", _numbers("center", self.center, None))
        if self.kind == "full" and np.any(self.width):
            raise ValueError(f'width must be left out where kind is "full", got {self.width!r}')
        if not isinstance(self.noise, GateNoise):
            raise TypeError(f"noise must be a GateNoise, got {_checks.kind_of(self.noise)}")

    def per_parameter(self, name: str, n_params: int) -> np.ndarray:
        """Return `width` or `center` for each of `n_params` parameters, float64.

        Raises:
            ValueError: it has another length.
        """
        value = getattr(self, name)
        if isinstance(value, tuple) and len(value) != n_params:
            raise ValueError(f"{name} must be one number or {n_params}, got {len(value)}")
        return np.broadcast_to(np.asarray(value, dtype=float), (n_params,))

    def moments(self, widths: np.ndarray) -> Moments:
        """Return the moments of angles with these widths, scales included, (rotations,).

        Example:
            >>> [float(m.round(4)[0]) for m in AngleEnsemble("uniform", 0.1).moments(np.array([np.pi]))]
            [0.0, 0.5, 0.5, 0.5]
        """
        if self.kind == "full":
            half = np.full(len(widths), 0.5)
            return Moments(np.zeros(len(widths)), half, half, half)
        if self.kind == "gaussian":
            square = widths**2
            turn = -np.expm1(-2 * square) / 2
            return Moments(np.exp(-square / 2), 1 - turn, turn, np.expm1(-square) ** 2 / 2)
        mean, double = np.sinc(widths / np.pi), np.sinc(2 * widths / np.pi)
        small = widths < SMALL
        n, w = np.array(TERMS), np.where(small, widths, 0.0)[:, None]
        odd = np.array([math.factorial(2 * k + 1) for k in TERMS], dtype=float)
        tail = (-1.0) ** n * (2 * w) ** (2 * n) / odd
        first = (2 * w[:, 0]) ** 2 / 6
        turn = np.where(small, (first - tail.sum(axis=1)) / 2, (1 - double) / 2)
        series = (tail * (n - 1) / (2 * (n + 1))).sum(axis=1)
        return Moments(mean, 1 - turn, turn, np.where(small, series, (1 + double) / 2 - mean**2))

    def draw(self, seed: int, rows: range, n_params: int) -> "torch.Tensor":
        """Draw parameter vectors, (len(rows), n_params) float64 on the CPU; row r by the seed and r alone.

        Example:
            >>> bool((AngleEnsemble("uniform", 0.1, center=1.0).draw(0, range(9), 2) - 1).abs().max() < 0.1)
            True
        """
        import torch  # not at the top: the moments need numpy alone

        purpose = f"ensemble of angles, {n_params}"
        streams = (draws.stream(seed, purpose, r) for r in rows)
        if self.kind == "full":
            unit = np.stack([rng.uniform(0, 2 * np.pi, n_params) for rng in streams])
            return torch.from_numpy(unit + self.per_parameter("center", n_params))
        normal = self.kind == "gaussian"
        unit = np.stack(
            [rng.standard_normal(n_params) if normal else rng.uniform(-1, 1, n_params) for rng in streams]
        )
        scaled = self.per_parameter("center", n_params) + self.per_parameter("width", n_params) * unit
        return torch.from_numpy(scaled)


def _numbers(name: str, value: Any, low: float | None) -> float | tuple[float, ...]:
    """Return a number, or a sequence of them as a tuple."""
    if isinstance(value, Sequence) or getattr(value, "ndim", 0) > 0:
        dense = str(getattr(value, "layout", "torch.strided")) == "torch.strided"
        if not dense or getattr(value, "is_meta", False):
            raise TypeError(f"{name} must be numbers that can be read, got {_checks.kind_of(value)}")
        _checks.memory(name, 100 * len(value), f"{len(value)} of them")
        if getattr(value, "ndim", 1) > 1:
            raise ValueError(f"{name} must be one number or a row of them, got {value.ndim} axes")
        values = value.tolist() if hasattr(value, "tolist") else value
        return tuple(_checks.number(name, x, low) for x in _checks.sequence(name, values, "numbers"))
    return _checks.number(name, value.item() if hasattr(value, "item") else value, low)
