r"""Expressibility: how evenly a circuit with random angles covers the states (Sim et al. 2019; Holmes et al.
2022, the paper's [4]).

The frame potential of order t is the mean of ``|<psi(theta)|psi(theta')>|**(2 t)`` over independent angles.
No ensemble of states has a lower one than the Haar measure, and the excess is a squared distance,

.. math:: F_t - F_t(\mathrm{Haar}) = \bigl\| E_\theta (|\psi\rangle\langle\psi|)^{\otimes t}
   - E_\mathrm{Haar} (|\psi\rangle\langle\psi|)^{\otimes t} \bigr\|_2^2,

so a circuit at distance zero is a state t-design.  The more expressible, the smaller its gradients (Holmes).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from qbp import _checks
from qbp.circuits.circuit import Circuit, check
from qbp.circuits.observables import amplitudes
from qbp.plateaus.sampling import WORKING_SET, chunks, random_angles


@dataclass(frozen=True)
class Expressibility:
    """How far random states of a circuit are from Haar random ones.

    Attributes:
        frame_potential: unbiased estimate of F_t, (), dimensionless.
        stderr: its standard error, ().
        haar: F_t of Haar random states, the least there is.
        order: of the moment, t.
        samples: states drawn; every pair of them is used.
    """

    frame_potential: Tensor
    stderr: Tensor
    haar: float
    order: int
    samples: int

    @property
    def distance(self) -> Tensor:
        """Return the Hilbert-Schmidt distance to Haar, (), 0 where noise makes the excess negative."""
        return (self.frame_potential - self.haar).clamp(min=0).sqrt()


def expressibility(
    circuit: Circuit,
    samples: int = 1000,
    seed: int = 0,
    *,
    order: int = 2,
    dtype: torch.dtype = torch.float64,
    device: str | torch.device = "auto",
) -> Expressibility:
    """Estimate the frame potential of a circuit over angles uniform on [0, 2 pi).

    Its distance from Haar's is the expressibility of Holmes et al. (2022), the paper's [4].

    Args:
        circuit: prepares psi(theta).
        samples: random states, at least 4; all are held at once, samples * 2**n_qubits amplitudes.
        seed: of the draws, 0 <= seed < 2**64.
        order: t, at least 1; 2 is the order that bounds gradient variances.
        dtype: of the angles, float64 or float32.
        device: "auto" means CUDA where there is one.

    Returns:
        The estimate, its error, and the value of Haar random states.

    Raises:
        TypeError, ValueError: an argument is none of these.

    Example:
        >>> from qbp import HardwareEfficient
        >>> one = HardwareEfficient(1, 1, rotations=["rx"])  # states on one circle of the sphere: F_2 = 3/8
        >>> found = expressibility(one)
        >>> bool(abs(found.frame_potential - 3 / 8) < 4 * found.stderr), round(found.haar, 4)
        (True, 0.3333)
    """
    check(circuit)
    samples, order = _checks.integer("samples", samples, 4), _order(order)
    seed, where = _checks.integer("seed", seed, 0, 2**64 - 1), _checks.device("device", device)
    dtype = _checks.precision("dtype", dtype)
    _checks.room("samples", circuit.n_qubits, samples, torch.finfo(dtype).bits, where)
    parts = chunks(samples, circuit)
    with torch.no_grad():
        states = [circuit.state(random_angles(seed, r, circuit.n_params).to(where, dtype)) for r in parts]
        value, stderr = frame_potential(torch.cat(states), order)
    return Expressibility(value, stderr, haar_frame_potential(2**circuit.n_qubits, order), order, samples)


def haar_frame_potential(dimension: int, order: int) -> float:
    """Return F_t of Haar random states of a d-dimensional space, t! (d-1)! / (d+t-1)!, 0 below 2^-1074.

    Raises:
        TypeError, ValueError: `dimension` or `order` is no integer from 1.

    Example:
        >>> haar_frame_potential(2, 1), haar_frame_potential(4, 2)
        (0.5, 0.1)
    """
    dimension, order = _checks.integer("dimension", dimension), _order(order)
    return 1 / math.comb(dimension + order - 1, order)


def _order(order: int) -> int:
    return _checks.integer("order", order, 1, 1000)  # far above it a binomial coefficient takes forever


def frame_potential(states: Tensor, order: int = 2) -> tuple[Tensor, Tensor]:
    r"""Estimate F_t from independent random states: mean of ``|<a|b>|**(2 t)`` over all pairs, and its error.

    Pairs that share a state are correlated.  Of m states the mean over pairs has the variance
    [4 (m-2) z1 + 2 z2] / (m (m-1)) (Hoeffding 1948), with z2 the variance over pairs and z1 that of a
    state's mean overlap with all others.  Near Haar z1 vanishes, and m states are worth m**2 / 2.  An
    estimate of z1 below zero counts as zero, so there the error is rather too large than too small.

    Args:
        states: normalized amplitudes, (m, d), m at least 4.
        order: of the moment, t.

    Returns:
        F_t and its standard error, each ().

    Raises:
        TypeError, ValueError: an argument is none of these.
    """
    order = _order(order)
    states = amplitudes("states", states, (1, *getattr(states, "shape", ()))[-1])
    if states.ndim != 2 or len(states) < 4:
        raise ValueError(f"states must be (m, d) with m at least 4, got {tuple(states.shape)}")
    m, one, two = len(states), [], 0.0
    for block in states.split(max(1, WORKING_SET // (32 * m))):
        overlaps = (block @ states.mH).abs().double() ** (2 * order)  # (block, m)
        one.append(overlaps.sum(-1))
        two = two + (overlaps**2).sum()
    per_state = (torch.cat(one) - 1) / (m - 1)  # each state's mean overlap with the others: itself left out
    mean = per_state.mean()
    z2 = ((two - m) / (m * (m - 1)) - mean**2).clamp(min=0)
    z1 = ((per_state.var() - z2 / (m - 1)) * (m - 1) / (m - 2)).clamp(min=0)  # what the noise of pairs leaves
    unit = 100 * torch.finfo(mean.dtype).eps + (10 * torch.finfo(states.dtype).eps) ** 2
    known = z2 > unit * mean**2  # below, it is rounding: all pairs overlap alike
    z1, z2 = (torch.where(known, z, 0) for z in (z1, z2))
    return mean, ((4 * (m - 2) * z1 + 2 * z2) / (m * (m - 1))).sqrt()
