r"""Slices along one angle: each is a sine, so three values of the cost determine it.

A rotation exp(-i theta P / 2) is cos(theta / 2) - i sin(theta / 2) P, and the cost is of second degree in it:

.. math:: C(\theta + x e_k) = m_k + a_k \cos x + b_k \sin x.

Values at x = 0, pi/2 and -pi/2 give the three coefficients.  The slope at 0 is b_k, half the difference of
the last two: the parameter shift rule (Mitarai et al. 2018; Schuld et al. 2019).  The lowest point of the
slice follows without a gradient (Nakanishi et al. 2020; Ostaszewski et al. 2021).
"""

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from qbp import _checks
from qbp.circuits.circuit import check
from qbp.circuits.gates import Rotation
from qbp.circuits.observables import Observable
from qbp.plateaus.landscape import landscape

if TYPE_CHECKING:
    from qbp.circuits.circuit import Circuit


class Slices(NamedTuple):
    """The sines through a point, one for each angle; each (..., n_params), in the unit of H."""

    middle: Tensor  # m
    cosine: Tensor  # a
    sine: Tensor  # b, the derivative at the point

    @property
    def amplitude(self) -> Tensor:
        """Return how far each sine swings to either side of its middle, (..., n_params)."""
        return torch.hypot(self.cosine, self.sine)

    @property
    def lowest_at(self) -> Tensor:
        """Return the step x in (-pi, pi] to the lowest point of each sine, in radians, (..., n_params)."""
        return torch.atan2(-self.sine, -self.cosine)

    def value(self, x: Tensor | float) -> Tensor:
        """Return the cost after a step of each angle alone, x radians broadcast against (..., n_params)."""
        x = torch.as_tensor(x, dtype=self.middle.dtype, device=self.middle.device)
        return self.middle + self.cosine * x.cos() + self.sine * x.sin()


def slices(circuit: "Circuit", theta: Tensor, H: Observable) -> Slices:
    """Measure the sine of <H> along every angle, from 2 n_params + 1 circuits.

    Args:
        circuit: prepares psi(theta), with an angle of its own for every rotation.
        theta: angles in radians, (..., n_params).
        H: observable.

    Raises:
        ValueError: two rotations share an angle, whose slice has a second harmonic, or an angle is scaled.
        TypeError, ValueError: as for :meth:`qbp.circuits.circuit.Circuit.expectation`.

    Example:
        >>> from qbp import HardwareEfficient, PauliSum
        >>> one = HardwareEfficient(1, 1, rotations=["ry"])  # C = cos theta
        >>> found = slices(one, torch.zeros(1), PauliSum({"Z": 1.0}))
        >>> found.amplitude.round(decimals=4), found.lowest_at.abs()
        (tensor([1.]), tensor([3.1416]))
    """
    check(circuit, H)
    _checks.theta(theta, circuit.n_params)
    turns = [gate for gate in circuit.program if isinstance(gate, Rotation) and gate.parameter is not None]
    if len({gate.parameter for gate in turns}) < len(turns):
        raise ValueError(f"circuit must have an angle of its own for every rotation, got {circuit!r}")
    if scaled := [gate for gate in turns if abs(gate.scale) != 1]:
        takes = "no angle scaled by another number than 1 or -1, whose slice has another period"
        raise ValueError(f"circuit must have {takes}, got {scaled[0]}")
    here = theta.detach()
    shift = torch.pi / 2 * torch.eye(circuit.n_params, dtype=theta.dtype, device=theta.device)
    with torch.no_grad():
        moved = circuit.expectation(here[..., None, None, :] + torch.stack([shift, -shift]), H)
        plus, minus = moved.unbind(-2)  # each (..., n_params)
        middle = (plus + minus) / 2
        return Slices(middle, circuit.expectation(here, H).unsqueeze(-1) - middle, (plus - minus) / 2)


def parameter_shift(circuit: "Circuit", theta: Tensor, H: Observable) -> Tensor:
    """Return the gradient of <H>, (..., n_params), from two circuits for each angle, as hardware can.

    Exact, like the gradient of :meth:`qbp.circuits.circuit.Circuit.expectation`, which takes one pass back
    through the state vector instead.  Arguments and errors as in :func:`slices`.
    """
    return slices(circuit, theta, H).sine


class Slice(NamedTuple):
    """The slice along one angle: costs at steps in radians, the sine there, and what the sine is from."""

    at: Tensor  # (points,)
    cost: Tensor  # (points,), of the circuit
    sine: Tensor  # (points,)
    measured_at: Tensor  # (3,)
    measured: Tensor  # (3,)


def slice_along(circuit: "Circuit", theta: Tensor, H: Observable, k: int, points: int = 33) -> Slice:
    """Return <H> along angle k over a full turn beside the sine through three of its values.

    Args:
        circuit, H: as in :func:`slices`.
        theta: the point, (n_params,).
        k: index of the angle.
        points: of the slice.
    """
    sines = slices(circuit, theta, H)  # checks the arguments
    k = _checks.integer("k", k, 0, circuit.n_params - 1)
    sine = Slices(*(column[..., k : k + 1] for column in sines))
    axis = torch.eye(circuit.n_params, dtype=theta.dtype, device=theta.device)[k : k + 1]
    at, cost = landscape(lambda t: circuit.expectation(t, H), theta.detach(), axis, points=points)
    three = torch.tensor([-torch.pi / 2, 0, torch.pi / 2], dtype=theta.dtype, device=theta.device)
    return Slice(at, cost, sine.value(at), three, sine.value(three))


def limits(H: Observable) -> tuple[float, float]:
    """Return the lowest and the highest eigenvalue of an observable, which no expectation passes.

    The matrix is held, 4**n_qubits numbers: for up to 12 qubits or so.

    Raises:
        TypeError, ValueError: H is no observable, or its matrix does not fit into memory.

    Example:
        >>> from qbp import tfim
        >>> [round(value, 4) for value in limits(tfim(2))]
        [-2.2361, 2.2361]
    """
    if not isinstance(H, Observable):
        raise TypeError(f"H must be an observable, got {type(H).__name__!r}")
    _checks.room("H", H.n_qubits, rows=2**H.n_qubits)
    values = torch.linalg.eigvalsh(H.apply(torch.eye(2**H.n_qubits, dtype=torch.complex128, device="cpu")))
    return float(values[0]), float(values[-1])
