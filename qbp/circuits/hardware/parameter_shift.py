r"""Parameter-shift circuits and the probabilities of their outcomes.

A shift by +-pi/2 multiplies by ``(1 -+ i P) / sqrt 2``, so the two shifted states of a rotation are
``(psi +- t) / sqrt 2`` with t the state that has ``-i P`` after that rotation (t = 2 dpsi/dtheta).  Behind a
channel there is no such short cut, and every shifted circuit is a density matrix of its own.
"""

import math
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from qbp.circuits.gates import Program, Rotation, untied
from qbp.circuits.hardware.measurement import Setting, amplitudes, overlaps
from qbp.circuits.hardware.noise import Channel, check_size, evolve_density, layers, trace
from qbp.circuits.layers import as_layers, run
from qbp.circuits.statevector import entangle, evolve, flip, like, own_angles

if TYPE_CHECKING:
    from qbp.circuits.circuit import Circuit

AMPLITUDES = 2**20  # at once: 16 MiB of states


class Pure:
    """The circuit without noise: what it prepares are amplitudes."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.shifted = shifted_rotations(program)
        alone = untied(program)
        self.parameters, self.scales = alone.parameter[self.shifted], alone.scale[self.shifted]

    def prepare(self, theta: Tensor, start: Tensor) -> Tensor:
        """Return the circuit's states from angles (runs, n_params) and starts (runs, samples, 2**n)."""
        program, angles = own_angles(self.program, theta)
        layered = as_layers(program, start.shape[-1].bit_length() - 1)
        return run(program, angles, start) if layered else evolve(program, angles.unsqueeze(1), start)

    def outcomes(self, setting: Setting, psi: Tensor) -> Tensor:
        """How likely each outcome is, (..., 2**n) -> (..., outcomes)."""
        seen_along = amplitudes(setting, psi)
        return overlaps(setting, seen_along, seen_along)

    def prepare_shifted(self, theta: Tensor, start: Tensor) -> Tensor:
        """Return what :meth:`shifted_outcomes` needs of all shifted circuits."""
        return turned_states(self.program, theta, start)

    def shifted_outcomes(self, setting: Setting, states: Tensor) -> tuple[Tensor, ...]:
        """How likely each outcome is with a rotation shifted up and down, each (..., rotations, outcomes)."""
        psi, turned = amplitudes(setting, states).tensor_split([1], dim=-2)
        mean = (overlaps(setting, psi, psi) + overlaps(setting, turned, turned)) / 2
        half = overlaps(setting, psi, turned)
        return mean + half, mean - half

    def parts(self, start: Tensor) -> list[slice]:
        """Runs whose shifted circuits are prepared together."""
        count = max(1, AMPLITUDES // max(1, self.size(start)))
        return [slice(first, first + count) for first in range(0, len(start), count)]

    def size(self, start: Tensor) -> int:
        """Numbers in the shifted circuits of one run."""
        return (1 + len(self.parameters)) * start[0].numel()

    def per_parameter(self, of_gates: Tensor, theta: Tensor, power: int = 1) -> Tensor:
        """Add up what belongs to a parameter, times the scale of each angle: (runs, rotations) -> (runs,
        n_params); variances take the scale to the `power` 2."""
        index = torch.as_tensor(self.parameters, device=theta.device)
        scaled = of_gates * like(self.scales**power, of_gates)
        return theta.new_zeros(len(of_gates), theta.shape[-1]).index_add_(1, index, scaled)


class Noisy(Pure):
    """The circuit with a channel: what it prepares are density matrices, each shifted circuit for itself."""

    def __init__(self, circuit: "Circuit", channel: Channel, where: str) -> None:
        check_size(circuit)
        super().__init__(circuit.program)
        self.channel, self.steps = channel, layers(circuit, channel, where)
        self.free = layers(circuit, channel, where, apart=True)

    def prepare(self, theta: Tensor, start: Tensor) -> Tensor:
        """Return density matrices, (runs, samples, 2**n, 2**n)."""
        return evolve_density(self.steps, self.channel, own_angles(self.program, theta)[1], start)

    def outcomes(self, setting: Setting, rho: Tensor) -> Tensor:
        """How likely each outcome is, (..., 2**n, 2**n) -> (..., outcomes)."""
        if setting.projector is not None:
            one = trace(setting.projector, rho)
            return torch.stack([1 - one, one], dim=-1)
        for _ in range(2):  # V rho V^dagger, as the gates do it
            rho = amplitudes(setting, rho.mT).conj()
        return rho.diagonal(dim1=-2, dim2=-1).real

    def prepare_shifted(self, theta: Tensor, start: Tensor) -> Tensor:
        """Return a density matrix for every rotation shifted up, then for every one shifted down."""
        alone = untied(self.program)
        each = own_angles(self.program, theta)[1]
        each = (theta[:, alone.parameter] if alone.as_given else each).unsqueeze(1)  # one for every rotation
        shift = math.pi / 2 * torch.eye(each.shape[-1], dtype=theta.dtype, device=theta.device)[self.shifted]
        shifted = (each + torch.cat([shift, -shift])).flatten(0, 1)
        start = start.repeat_interleave(2 * len(shift), 0)
        rho = evolve_density(self.free, self.channel, shifted, start)
        return rho.unflatten(0, (len(theta), -1)).movedim(1, 2)  # (runs, samples, 2 * rotations, ...)

    def shifted_outcomes(self, setting: Setting, rho: Tensor) -> tuple[Tensor, ...]:
        """How likely each outcome is with a rotation shifted up and down, each (..., rotations, outcomes)."""
        return self.outcomes(setting, rho).tensor_split(2, dim=-2)

    def size(self, start: Tensor) -> int:
        """Numbers in the shifted circuits of one run."""
        return 2 * len(self.parameters) * start[0].numel() * start.shape[-1]


def prepared_by(circuit: "Circuit", channel: Channel | None, where: str) -> Pure:
    """Return what prepares the circuits: amplitudes, or density matrices if there is a channel."""
    return Pure(circuit.program) if channel is None else Noisy(circuit, channel, where)


def shifted_rotations(program: Program) -> list[int]:
    """Return which rotations a parameter turns, in the order of gates: those that are shifted."""
    return np.flatnonzero(untied(program).scale).tolist()


def turned_states(program: Program, theta: Tensor, start: Tensor) -> Tensor:
    """Return the final state psi and, for rotations, the final state with ``-i P`` right after it.

    The states of the circuit with that rotation shifted by +-pi/2 are ``(psi +- turned) / sqrt 2``.

    Args:
        program: gates, first to last.
        theta: angles in radians, real, (runs, n_params).
        start: amplitudes, complex, (runs, samples, 2**n).

    Returns:
        Amplitudes, (runs, samples, 1 + rotations, 2**n): psi, then the turned states in the order of gates,
        those of :func:`shifted_rotations`.
    """
    fixed = {*range(len(untied(program).scale))} - {
        *shifted_rotations(program)
    }  # none if angles are as given
    program, theta = own_angles(program, theta)
    psi, turned = start.unsqueeze(-2), start.unsqueeze(-2)[:, :, :0]
    for piece in _pieces(program, start.shape[-1].bit_length() - 1):
        own = _turned_gates(piece, theta, psi, fixed)
        if turned.shape[-2]:  # turned before this piece: they go through it as any state does
            turned = run(piece, theta, turned.flatten(1, 2)).reshape(turned.shape)
        psi, turned = own[:, :, :1], torch.cat([turned, own[:, :, 1:]], dim=-2)
    return torch.cat([psi, turned], dim=-2)


def _turned_gates(program: Program, theta: Tensor, states: Tensor, fixed: set[int]) -> Tensor:
    """Do what :func:`turned_states` does, gate by gate, from states (runs, samples, 1, 2**n)."""
    cosines, sines = (f(theta / 2)[..., None, None, None].unbind(1) for f in (torch.cos, torch.sin))
    for gate in program:
        if isinstance(gate, Rotation):
            assert gate.parameter is not None  # each angle is an entry of theta now
            phase, flipped = flip(gate.pauli, states)
            c, s, phase = cosines[gate.parameter], sines[gate.parameter], -1j * phase
            turned = (phase * c) * flipped[:, :, :1] - s * states[:, :, :1]
            states = c * states + (phase * s) * flipped
            if gate.parameter not in fixed:
                states = torch.cat([states, turned], dim=-2)
        else:
            states = entangle(gate, states)
    return states


@lru_cache(maxsize=64)
def _pieces(program: Program, n_qubits: int) -> tuple[Program, ...]:
    """Split a program of layers into these, any other into one piece."""
    if not as_layers(program, n_qubits):
        return (program,)
    ends = [k + 1 for k, gate in enumerate(program) if not isinstance(gate, Rotation)]
    edges = sorted({0, *ends, len(program)})
    return tuple(Program(program[a:b]) for a, b in pairwise(edges))
