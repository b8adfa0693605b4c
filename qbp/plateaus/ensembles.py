r"""Ensembles of parameter vectors: how much of the states they cover, and their gradients.

:func:`qbp.plateaus.expressibility.expressibility` and :func:`qbp.plateaus.variance.gradient_variance` take
all angles.  Here the angles are given: a box around a point, or the ends of a batch of runs.  In such an
ensemble the mean gradient need not vanish, so the variance of the gradient and its mean square are two
numbers.  The variance says how much gradients differ inside the ensemble, the mean square how large they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from qbp import _checks, draws
from qbp.circuits.circuit import Circuit, check
from qbp.circuits.observables import observables_on
from qbp.plateaus.expressibility import frame_potential, haar_frame_potential
from qbp.plateaus.landscape import rounded
from qbp.plateaus.sampling import chunks
from qbp.problem import gradients

if TYPE_CHECKING:
    from qbp.circuits.observables import Observable


class Gradients(NamedTuple):
    """Mean over k of the variance of dC/dtheta_k inside an ensemble and of its mean square, and their
    standard errors; all (), in the squared unit of C."""

    variance: Tensor
    variance_stderr: Tensor
    square: Tensor
    square_stderr: Tensor


@dataclass(frozen=True)
class Ensemble:
    """States and gradients of m parameter vectors.

    Attributes:
        frame_potential, stderr: unbiased estimate of F_2, (), dimensionless, and its standard error.
        haar: F_2 of Haar random states.
        gradients: of each observable, by name.
        samples: their number m.
    """

    frame_potential: Tensor
    stderr: Tensor
    haar: float
    gradients: dict[str, Gradients]
    samples: int

    @property
    def excess(self) -> Tensor:
        """Return F_2 / F_2(Haar) - 1, (), which is 0 for a state 2-design and larger the less is covered."""
        return self.frame_potential / self.haar - 1


def ensemble(circuit: Circuit, observables: Mapping[str, "Observable"], theta: Tensor) -> Ensemble:
    r"""Estimate how evenly given parameter vectors cover the states, and the gradients at them.

    Args:
        circuit: prepares psi(theta).
        observables: {name: H}, of whose expectations the gradients are.
        theta: parameter vectors, independent draws, (m, n_params), m at least 4.

    Raises:
        TypeError, ValueError: an argument is none of these.

    Example:
        >>> from qbp import HardwareEfficient, PauliSum
        >>> one = HardwareEfficient(1, 1, rotations=["rx"])  # C = cos theta
        >>> found = ensemble(one, {"z": PauliSum({"Z": 1.0})}, torch.full((5, 1), torch.pi / 2))
        >>> at = found.gradients["z"]
        >>> [round(float(number), 3) for number in (found.excess, at.variance, at.square)]
        [2.0, 0.0, 1.0]
    """
    check(circuit)
    if not isinstance(observables, Mapping):
        raise TypeError(f"observables must be a mapping {{name: H}}, got {observables!r}")
    if observables:
        check(circuit, trained=True)
        observables_on(circuit.n_qubits, list(observables.values()))
    _checks.theta(theta, circuit.n_params)
    if theta.ndim != 2 or len(theta) < 4:
        raise ValueError(f"theta must be (m, n_params) with m at least 4, got {tuple(theta.shape)}")
    _checks.room("theta", circuit.n_qubits, len(theta), torch.finfo(theta.dtype).bits, theta.device)
    parts = [theta.detach()[rows.start : rows.stop] for rows in chunks(len(theta), circuit)]
    with torch.no_grad():
        value, stderr = frame_potential(torch.cat([circuit.state(part) for part in parts]))
    haar = haar_frame_potential(2**circuit.n_qubits, 2)
    moments = {name: _gradients(circuit, H, parts) for name, H in observables.items()}
    return Ensemble(value, stderr, haar, moments, len(theta))


def _gradients(circuit: Circuit, H: "Observable", parts: list[Tensor]) -> Gradients:
    found: list[Tensor] = []
    for part in parts:
        with gradients():
            part = part.clone().requires_grad_()
            found += torch.autograd.grad(circuit.expectation(part, H).sum(), part)
    gradient = rounded(torch.cat(found), H).double()
    m, power = len(gradient), gradient.square().mean(-1)
    spread = (gradient - gradient.mean(0)).square().mean(-1) * (m / (m - 1))
    return Gradients(spread.mean(), spread.std() / m**0.5, power.mean(), power.std() / m**0.5)


def box(center: Tensor, reach: float, samples: int, seed: int = 0) -> Tensor:
    """Draw parameter vectors evenly from a box, each angle within `reach` of the center's.

    The same seed draws the same directions for every reach and center, so boxes can be compared.

    Args:
        center: angles in radians, (n_params,).
        reach: half the width of the box in radians; pi is every angle.
        samples: vectors.
        seed: of the draws.

    Returns:
        (samples, n_params), of the center's dtype and device.

    Raises:
        TypeError, ValueError: an argument is none of these.

    Example:
        >>> bool(box(torch.zeros(3), 0.1, 50).abs().max() <= 0.1)
        True
    """
    _checks.theta(center, (*getattr(center, "shape", ()), 0)[0], "center")
    if center.ndim != 1:
        raise ValueError(f"center must have shape (n_params,), got {tuple(center.shape)}")
    reach, samples = _checks.number("reach", reach, 0), _checks.integer("samples", samples)
    seed = _checks.integer("seed", seed, 0, 2**64 - 1)
    _checks.memory("samples", 8 * samples * len(center), f"{samples} vectors of {len(center)} angles")
    unit = draws.uniform([seed], "box", samples * len(center), low=-1.0, high=1.0)
    return center + reach * unit.reshape(samples, -1).to(center)
