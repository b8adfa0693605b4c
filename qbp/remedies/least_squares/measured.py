r"""Expectations of a circuit on samples and all their derivatives, exact or from shots.

Each derivative comes from two shifted circuits (Mitarai et al. 2018; Schuld et al. 2019),
``d<O>/dtheta = (<O>(theta + pi/2) - <O>(theta - pi/2)) / 2``: what a quantum computer would be asked for.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from qbp import _checks
from qbp.circuits.hardware import shots as hardware
from qbp.circuits.hardware.measurement import plan
from qbp.circuits.hardware.parameter_shift import Pure, shifted_rotations
from qbp.circuits.statevector import like, product_state

if TYPE_CHECKING:
    from qbp.circuits.circuit import Circuit
    from qbp.circuits.observables import PauliSum

ROWS = 2**15  # circuits at once


@dataclass(frozen=True)
class Measured:
    """What is measured of a circuit on given samples.

    Attributes:
        circuit: every angle turns one rotation, by itself.
        observables: m Pauli sums.
        inputs: (samples, n_features) in radians.
        shots: measurements of each circuit in each setting; None for exact expectations.
        seeds: of the runs, for the shots.

    Raises:
        ValueError: an angle turns several rotations, or an angle has a scale.
    """

    circuit: "Circuit"
    observables: "Sequence[PauliSum]"
    inputs: Tensor
    shots: int | None = None
    seeds: Sequence[int] = ()

    def __post_init__(self) -> None:
        """Check the circuit."""
        pure = Pure(self.circuit.program)
        rotations = len(shifted_rotations(self.circuit.program))
        if rotations != self.circuit.n_params or (pure.scales != 1).any():
            raise ValueError(
                f"circuit must turn one rotation by each of its {self.circuit.n_params} angles, got "
                f"{rotations} rotations"
            )
        if self.shots is not None:
            _checks.integer("shots", self.shots)

    @property
    def n_angles(self) -> int:
        """The number of the circuit's angles."""
        return self.circuit.n_params

    @property
    def n_samples(self) -> int:
        """The number of samples."""
        return len(self.inputs)

    @property
    def n_observables(self) -> int:
        """The number of observables."""
        return len(self.observables)

    @property
    def n_columns(self) -> int:
        """The number of weights of an output, one for each observable and a constant."""
        return len(self.observables) + 1

    def values(self, angles: Tensor, step: int = 0, purpose: str = "measure") -> Tensor:
        """Return <O_k>, (runs, samples, m), at angles (runs, n_params)."""
        if self.shots is None:
            return self._exact(angles)
        key = tuple(self.seeds), purpose, step
        return hardware.shot_expectations(
            self.circuit, angles, self.observables, self.shots, key, inputs=self.inputs
        )

    def derivatives(self, angles: Tensor, step: int = 0) -> Tensor:
        """Return d<O_k>/dtheta_j, (runs, samples, m, n_params), at angles (runs, n_params)."""
        if self.shots is None:
            up, down = self.shifted(angles, range(angles.shape[-1]))
            return ((up - down) / 2).movedim(1, -1)
        return self._sampled(angles, self.shots, step)

    def shifted(self, angles: Tensor, which: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return exact <O_k> with some angles, one by one, up and down by pi/2: (runs, which, samples, m)."""
        index = torch.as_tensor(list(which), device=angles.device)
        shift = math.pi / 2 * torch.eye(angles.shape[-1], dtype=angles.dtype, device=angles.device)[index]
        both = (angles.unsqueeze(-2) + torch.cat([shift, -shift])).flatten(0, 1)
        found = self._exact(both).unflatten(0, (len(angles), -1))
        return found[:, : len(shift)], found[:, len(shift) :]

    def _exact(self, angles: Tensor) -> Tensor:
        at_once = max(1, ROWS // len(self.inputs))
        with torch.no_grad(), _checks.trusted():
            parts = [
                self.circuit.expectations(part, self.observables, self.inputs)
                for part in angles.split(at_once)
            ]
        return torch.cat(parts)

    def _sampled(self, angles: Tensor, shots: int, step: int) -> Tensor:
        """Measure every shifted circuit in every setting; its observables share the shots."""
        device, asked, found = Pure(self.circuit.program), plan(self.observables), []
        start = self._starts(angles)
        order = torch.as_tensor(device.parameters, device=angles.device)
        for runs in device.parts(start):
            prepared = device.prepare_shifted(angles[runs], start[runs])
            key = tuple(self.seeds)[runs], "measure, shifted", step
            total = angles.new_zeros(())
            for setting in asked.settings:
                likely = torch.cat(device.shifted_outcomes(setting, prepared), dim=-2)  # up, then down
                seen = hardware._counted(likely, shots, key, setting.name).to(angles.dtype)
                total = total + seen @ like(setting.values, angles).mT  # (runs, samples, 2 rotations, m)
            up, down = total.tensor_split(2, dim=-2)
            found.append(((up - down) / (2 * shots)).movedim(-2, -1))
        whole = torch.cat(found)
        return torch.empty_like(whole).index_copy_(-1, order, whole)

    def _starts(self, angles: Tensor) -> Tensor:
        qubits = self.circuit._start(angles, self.inputs.expand(len(angles), -1, -1))[1]
        return product_state(qubits)
