r"""Models that are linear in what a circuit measures, ``f(x) = a + sum_k w_k <O_k>``, and what that costs.

The angles enter through sines and cosines, the weights ``a, w`` linearly, so the least-squares problem of the
weights has an exact solution at any angles (:mod:`qbp.remedies.least_squares.projection`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from qbp import _checks, draws
from qbp._arguments import takes
from qbp.circuits.circuit import Circuit, check
from qbp.circuits.hardware.measurement import evaluations, settings
from qbp.circuits.observables import PauliSum, local_observables

OUTPUTS = ("plain", "affine", "local")


@dataclass(frozen=True)
class LinearReadout:
    """A circuit and the observables whose weights are trained.

    Args:
        circuit: takes the inputs, in radians, as RY rotations of its start state.
        output: "plain", output c is <Z_c>, no weights; "affine", a + the weights of these alone; "local", a
            and a weight of X, Y and Z on every qubit.
        n_outputs: columns of f(x); "plain" and "affine" have at most one for each qubit.

    Example:
        >>> from qbp.circuits.ansatz import HardwareEfficient
        >>> model = LinearReadout(HardwareEfficient(4, 3, ("rx", "rz"), "cnot", "ring"))
        >>> model.n_angles, model.n_weights, model.n_params, model.settings
        (24, 13, 37, 3)
    """

    circuit: Circuit
    output: str = "local"
    n_outputs: int = 1

    def __post_init__(self) -> None:
        """Check every field."""
        check(self.circuit, trained=True)
        _checks.choice("output", self.output, OUTPUTS)
        most = None if self.output == "local" else self.circuit.n_qubits
        _checks.integer("n_outputs", self.n_outputs, 1, most)

    @cached_property
    def observables(self) -> list[PauliSum]:
        """What is measured, O_k."""
        if self.output == "local":
            return local_observables(self.circuit.n_qubits)
        return local_observables(self.circuit.n_qubits, "Z")[: self.n_outputs]

    @cached_property
    def settings(self) -> int:
        """The number of measurement settings of one circuit on one sample."""
        return len(settings(self.observables))

    @property
    def n_angles(self) -> int:
        """The number of the circuit's angles."""
        return self.circuit.n_params

    @property
    def n_weights(self) -> int:
        """The number of trained weights, the constants among them."""
        return 0 if self.output == "plain" else (len(self.observables) + 1) * self.n_outputs

    @property
    def n_params(self) -> int:
        """Length of `theta`: the angles, then w, observable by observable, and a last."""
        return self.n_angles + self.n_weights

    @takes()
    def split(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Return the angles (..., n_angles) and the weights (..., n_observables + 1, n_outputs) of `theta`.

        Args:
            theta: (..., n_params).
        """
        _checks.theta(theta, self.n_params)
        angles, flat = theta.tensor_split([self.n_angles], dim=-1)
        if self.output == "plain":
            one = torch.eye(self.n_outputs + 1, self.n_outputs, dtype=theta.dtype, device=theta.device)
            return angles, one.expand(*theta.shape[:-1], -1, -1)
        return angles, flat.unflatten(-1, (-1, self.n_outputs))

    @takes(angles="... self.n_angles", weights="... k self.n_outputs")
    def join(self, angles: Tensor, weights: Tensor) -> Tensor:
        """Return `theta`, (..., n_params), from angles and weights.

        Args:
            angles: (..., n_angles).
            weights: (..., n_observables + 1, n_outputs), as :func:`qbp.convex.ridge` gives them.
        """
        flat = weights.flatten(-2)[..., : self.n_weights]
        _checks.whole("weights", [self.n_angles, flat.shape[-1]], self.n_params, "theta")
        return torch.cat([angles, flat.expand(*angles.shape[:-1], -1)], dim=-1)

    @takes(features="... samples k", weights="... l outputs")
    def predict(self, features: Tensor, weights: Tensor) -> Tensor:
        """Return f(x), (..., samples, n_outputs), from measured <O_k> (..., samples, k) and weights."""
        return features @ weights[..., :-1, :] + weights[..., -1:, :]

    @takes()
    def start(self, seeds: Sequence[int], spread: float) -> Tensor:
        """Draw angles from N(0, spread**2), (runs, n_params) float64 on the CPU; output c is <Z_c> or 0."""
        drawn = spread * draws.normal(seeds, "start", self.n_angles)
        every = 3 if self.output == "local" else 1  # X, Y and Z come in turns
        weights = torch.zeros(len(self.observables) + 1, self.n_outputs, dtype=drawn.dtype)
        weights[every - 1 : -1 : every][: self.n_outputs].fill_diagonal_(1.0)
        return self.join(drawn, weights.expand(len(drawn), -1, -1))

    @takes()
    def cost(self, samples: int, *, value: bool, gradient: bool) -> int:
        """Return the circuit evaluations on so many samples: circuits times settings.

        The cost model of :func:`qbp.circuits.hardware.measurement.evaluations` for each sample: one for a
        value, two for each angle for all derivatives of the expectations.
        """
        once = [evaluations(self.circuit, self.settings, gradient=g) for g in (False, True)]
        return _checks.integer("samples", samples, 0) * (value * once[0] + gradient * once[1])
