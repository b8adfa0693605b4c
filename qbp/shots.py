r"""Finite shots: what a quantum computer would answer, and what the answer costs.

A circuit is prepared and measured `shots` times in each measurement setting.  Gradients come from parameter
shifts (Mitarai et al. 2018; Schuld et al. 2019), ``dE/dtheta = (E(theta + pi/2) - E(theta - pi/2)) / 2`` for
each rotation, and every shifted circuit is measured with fresh shots.  The states are exact, the outcomes are
drawn: a shift by +-pi/2 multiplies by ``(1 -+ i P) / sqrt 2``, so the two shifted states of a rotation are
``(psi +- t) / sqrt 2`` with t the state that has ``-i P`` after that rotation (t = 2 dpsi/dtheta).
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from qbp import _checks, draws
from qbp.ansatz import Circuit
from qbp.layers import as_layers, run
from qbp.measurement import Plan, Setting, amplitudes, overlaps, plan
from qbp.measurement import evaluations as evaluations  # part of this module's interface, too
from qbp.measurement import settings as settings
from qbp.noise import Channel, check_size, evolve_density, layers, n_qubits, rows, trace
from qbp.observables import Observable
from qbp.statevector import Program, Rotation, entangle, evolve, flip, like

Key = tuple[Sequence[int], str, int]  # seeds of the runs, purpose, step
AMPLITUDES, SHOTS = 2**20, 2**18  # at once: 16 MiB of states, 2 MiB of draws


def shot_expectations(
    circuit: Circuit,
    theta: Tensor,
    observables: Sequence[Observable],
    shots: int,
    draws_key: Key,
    *,
    inputs: Tensor | None = None,
    channel: Channel | None = None,
    where: str = "layers",
) -> Tensor:
    r"""Estimate the expectations of observables from `shots` measurements in each setting.

    Backward gives an unbiased estimate of the gradient of ``sum_i g_i <O_i>``: parameter-shift circuits, each
    measured with fresh shots in every setting.  The observables of a setting share its shots.

    Args:
        circuit: prepares psi(theta).
        theta: angles in radians, real, shape (..., n_params).
        observables: m of them: Pauli sums, and projectors such as an infidelity.
        shots: measurements for each circuit and setting.
        draws_key: (seeds, purpose, step): a seed for each run, that is for each row of the leading axes; run
            r draws the same numbers alone or among others.  A call with the same purpose, step and seed draws
            the same numbers again.
        inputs: features in radians, (..., samples, n_features), as in :meth:`qbp.ansatz.Circuit.state`; they
            are not trained.
        channel, where: noise on every qubit, up to 6 of them, as in :func:`qbp.noise.noisy_expectations`: the
            shots are of the noisy circuit, and so are those of the shifted ones.

    Returns:
        Real, (..., m), or (..., samples, m) with `inputs`; differentiable once, in `theta`.

    Raises:
        TypeError, ValueError: an argument is none of these.

    Example:
        >>> from qbp import HardwareEfficient, PauliSum
        >>> theta = torch.zeros(1, requires_grad=True)  # <Z> = cos 0, sure in every shot
        >>> circuit, Z = HardwareEfficient(1, 1, ["rx"]), PauliSum({"Z": 1.0})
        >>> shot_expectations(circuit, theta, [Z], 10, ([7], "measure", 0)).detach()
        tensor([1.])
    """
    asked = plan(observables, n_qubits(circuit))
    shots = _checks.integer("shots", shots)
    angles, start, batch = _checked_rows(circuit, theta, inputs)
    key = _checked_key(draws_key, len(angles))
    device = _Pure(circuit.program) if channel is None else _Noisy(circuit, channel, where)
    found = _Shots.apply(angles, start, device, asked, shots, key)
    return found.reshape(*batch, len(observables))


def gradient_noise(circuit: Circuit, theta: Tensor, H: Observable, shots: int) -> Tensor:
    r"""Return the exact standard deviation of each component of the gradient estimated from shots.

    The signal-to-noise ratio of a step is ``|dE/dtheta_k|`` over this.

    Args:
        circuit, theta, shots: as for :func:`shot_expectations`.
        H: the observable.

    Returns:
        Real, (..., n_params), in the unit of the gradient; not differentiable.

    Example:
        >>> from qbp import HardwareEfficient, PauliSum
        >>> one = HardwareEfficient(1, 1, ["rx"])  # at theta = 0 both shifted <Z> are fair coins
        >>> gradient_noise(one, torch.zeros(1), PauliSum({"Z": 1.0}), 50)
        tensor([0.1000])
    """
    asked, shots = plan([H], n_qubits(circuit)), _checks.integer("shots", shots)
    angles, start, _ = _checked_rows(circuit, theta, None)
    device, found = _Pure(circuit.program), []
    with torch.no_grad():
        for runs in device.parts(start):
            prepared = device.prepare_shifted(angles[runs], start[runs])
            total = angles.new_zeros(len(angles[runs]), len(device.parameters))
            for setting in asked.settings:
                worth = like(setting.values[0], theta)
                for likely in device.shifted_outcomes(setting, prepared):
                    total += (likely @ worth**2 - (likely @ worth) ** 2).squeeze(1) / 4
            found.append(total.clamp(min=0))
    return (device.per_parameter(torch.cat(found), theta) / shots).sqrt().reshape(theta.shape)


class _Shots(torch.autograd.Function):
    """Estimates of angles (runs, n_params) and start states (runs, samples, 2**n): (runs, samples, m)."""

    @staticmethod
    def forward(
        ctx: Any, theta: Tensor, start: Tensor, device: "_Pure", asked: Plan, shots: int, key: Key
    ) -> Tensor:
        ctx.save_for_backward(theta, start)
        ctx.rest = device, asked, shots, key
        prepared = device.prepare(theta, start)
        estimate = like(asked.constant, theta).expand(*start.shape[:-1], -1)
        for setting in asked.settings:
            seen = _frequencies(device.outcomes(setting, prepared), shots, key, setting.name)
            estimate = estimate + seen.to(theta.dtype) @ like(setting.values, theta).mT
        return estimate

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, weights: Tensor) -> tuple[Tensor | None, ...]:
        theta, start = ctx.saved_tensors
        device, asked, shots, (seeds, purpose, step) = ctx.rest
        rotations, found = len(device.parameters), []
        for runs in device.parts(start):
            prepared = device.prepare_shifted(theta[runs], start[runs])
            key = seeds[runs], f"{purpose}, shifted", step
            of_gates = theta.new_zeros(len(theta[runs]), rotations)
            for setting in asked.settings:
                likely = torch.cat(device.shifted_outcomes(setting, prepared), dim=-2)  # up, then down
                seen = _frequencies(likely, shots, key, setting.name).to(theta.dtype)
                worth = weights[runs] @ like(setting.values, theta)  # (runs, samples, outcomes)
                up, down = (seen @ worth.unsqueeze(-1)).squeeze(-1).split(rotations, dim=-1)
                of_gates = of_gates + (up - down).sum(1) / 2
            found.append(of_gates)
        return device.per_parameter(torch.cat(found), theta), *[None] * 5


class _Pure:
    """The circuit without noise: what it prepares are amplitudes."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.parameters = [gate.parameter for gate in program if isinstance(gate, Rotation)]

    def prepare(self, theta: Tensor, start: Tensor) -> Tensor:
        layered = as_layers(self.program, start.shape[-1].bit_length() - 1)
        return run(self.program, theta, start) if layered else evolve(self.program, theta.unsqueeze(1), start)

    def outcomes(self, setting: Setting, psi: Tensor) -> Tensor:
        """How likely each outcome is, (..., 2**n) -> (..., outcomes)."""
        seen_along = amplitudes(setting, psi)
        return overlaps(setting, seen_along, seen_along)

    def prepare_shifted(self, theta: Tensor, start: Tensor) -> Tensor:
        return turned_states(self.program, theta, start)

    def shifted_outcomes(self, setting: Setting, states: Tensor) -> tuple[Tensor, Tensor]:
        """How likely each outcome is with a rotation shifted up and down, each (..., rotations, outcomes)."""
        psi, turned = amplitudes(setting, states).tensor_split([1], dim=-2)
        mean = (overlaps(setting, psi, psi) + overlaps(setting, turned, turned)) / 2
        half = overlaps(setting, psi, turned)
        return mean + half, mean - half

    def parts(self, start: Tensor) -> list[slice]:
        """Runs whose shifted circuits are prepared together."""
        count = max(1, AMPLITUDES // self.size(start))
        return [slice(first, first + count) for first in range(0, len(start), count)]

    def size(self, start: Tensor) -> int:
        """Numbers in the shifted circuits of one run."""
        return (1 + len(self.parameters)) * start[0].numel()

    def per_parameter(self, of_gates: Tensor, theta: Tensor) -> Tensor:
        """Add up the rotations that share an angle, (runs, rotations) -> (runs, n_params)."""
        index = torch.tensor(self.parameters, device=theta.device)
        return theta.new_zeros(len(of_gates), theta.shape[-1]).index_add_(1, index, of_gates)


class _Noisy(_Pure):
    """The circuit with a channel: what it prepares are density matrices, each shifted circuit for itself."""

    def __init__(self, circuit: Circuit, channel: Channel, where: str) -> None:
        check_size(circuit)
        super().__init__(circuit.program)
        untied = getattr(circuit, "tied", None) is not None
        self.channel, self.steps = channel, layers(circuit, channel, where)
        self.free = layers(replace(circuit, tied=None), channel, where) if untied else self.steps

    def prepare(self, theta: Tensor, start: Tensor) -> Tensor:
        return evolve_density(self.steps, self.channel, theta, start)

    def outcomes(self, setting: Setting, rho: Tensor) -> Tensor:
        if setting.projector is not None:
            one = trace(setting.projector, rho)
            return torch.stack([1 - one, one], dim=-1)
        for _ in range(2):  # V rho V^dagger, as the gates do it
            rho = amplitudes(setting, rho.mT).conj()
        return rho.diagonal(dim1=-2, dim2=-1).real

    def prepare_shifted(self, theta: Tensor, start: Tensor) -> Tensor:
        each = theta[:, self.parameters].unsqueeze(1)  # an angle of its own for every rotation
        shift = math.pi / 2 * torch.eye(each.shape[-1], dtype=theta.dtype, device=theta.device)
        shifted = (each + torch.cat([shift, -shift])).flatten(0, 1)
        start = start.repeat_interleave(2 * each.shape[-1], 0)
        rho = evolve_density(self.free, self.channel, shifted, start)
        return rho.unflatten(0, (len(theta), -1)).movedim(1, 2)  # (runs, samples, 2 * rotations, ...)

    def shifted_outcomes(self, setting: Setting, rho: Tensor) -> tuple[Tensor, Tensor]:
        return self.outcomes(setting, rho).tensor_split(2, dim=-2)

    def size(self, start: Tensor) -> int:
        return 2 * len(self.parameters) * start[0].numel() * start.shape[-1]


def turned_states(program: Program, theta: Tensor, start: Tensor) -> Tensor:
    """Return the final state psi and, for every rotation, the final state with ``-i P`` right after it.

    The states of the circuit with that rotation shifted by +-pi/2 are ``(psi +- turned) / sqrt 2``.

    Args:
        program: gates, first to last.
        theta: angles in radians, real, (runs, n_params).
        start: amplitudes, complex, (runs, samples, 2**n).

    Returns:
        Amplitudes, (runs, samples, 1 + rotations, 2**n): psi, then the turned states in the order of gates.
    """
    psi, turned = start.unsqueeze(-2), start.unsqueeze(-2)[:, :, :0]
    for piece in _pieces(program, start.shape[-1].bit_length() - 1):
        own = _turned_gates(piece, theta, psi)
        if turned.shape[-2]:  # turned before this piece: they go through it as any state does
            turned = run(piece, theta, turned.flatten(1, 2)).reshape(turned.shape)
        psi, turned = own[:, :, :1], torch.cat([turned, own[:, :, 1:]], dim=-2)
    return torch.cat([psi, turned], dim=-2)


def _turned_gates(program: Program, theta: Tensor, states: Tensor) -> Tensor:
    """Do what :func:`turned_states` does, gate by gate, from states (runs, samples, 1, 2**n)."""
    cosines, sines = (f(theta / 2)[..., None, None, None].unbind(1) for f in (torch.cos, torch.sin))
    for gate in program:
        if isinstance(gate, Rotation):
            phase, flipped = flip(gate.pauli, states)
            c, s, phase = cosines[gate.parameter], sines[gate.parameter], -1j * phase
            turned = (phase * c) * flipped[:, :, :1] - s * states[:, :, :1]
            states = torch.cat([c * states + (phase * s) * flipped, turned], dim=-2)
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


def _frequencies(likely: Tensor, shots: int, key: Key, name: str) -> Tensor:
    """Measure: the share of shots of each outcome, (runs, ..., outcomes) -> the same shape, float64."""
    seeds, purpose, step = key
    circuits, shares = likely.double().flatten(1, -2), []
    for seed, own in zip(seeds, circuits, strict=True):
        stream = draws.stream(seed, f"{purpose}, {name}", step)
        shares += [_counts(part, shots, stream) for part in own.split(max(1, SHOTS // shots))]
    return (torch.cat(shares) / shots).reshape(likely.shape)


def _counts(likely: Tensor, shots: int, stream: np.random.Generator) -> Tensor:
    """Draw multinomial counts, (circuits, outcomes) -> the same shape, int64.

    The arrivals of a Poisson process over its last one are sorted uniform numbers (Devroye 1986, chapter V),
    so nothing is sorted, and how many draws are used up depends on no probability.
    """
    gaps = torch.from_numpy(stream.standard_exponential((len(likely), shots + 1)))
    arrivals = gaps.cumsum(-1).to(likely.device)
    edges = likely.clamp(min=0).cumsum(-1)
    edges = edges[:, :-1] / edges[:, -1:] * arrivals[:, -1:]
    below = torch.searchsorted(arrivals[:, :-1].contiguous(), edges.contiguous())
    below = torch.nn.functional.pad(below, (0, 1), value=shots)
    return below.diff(dim=-1, prepend=below.new_zeros(len(below), 1))


def _checked_rows(
    circuit: Circuit, theta: Tensor, inputs: Tensor | None
) -> tuple[Tensor, Tensor, torch.Size]:
    found = rows(circuit, theta, inputs)
    if inputs is not None and inputs.requires_grad:
        raise ValueError("inputs must not require a gradient: shots differentiate by the angles alone")
    return found


def _checked_key(key: Key, runs: int) -> Key:
    if not isinstance(key, tuple) or len(key) != 3 or not isinstance(key[1], str):
        raise TypeError(f"draws_key must be (seeds, purpose, step), got {key!r}")
    seeds = tuple(_checks.integer("a seed of draws_key", seed, 0, 2**64 - 1) for seed in key[0])
    if len(seeds) != runs:
        raise ValueError(f"draws_key must have a seed for each of the {runs} runs, got {len(seeds)}")
    return seeds, key[1], _checks.integer("the step of draws_key", key[2], 0)
