r"""Expectations and gradients from finite shots, as a quantum computer would answer, and their cost.

A circuit is prepared and measured `shots` times in each measurement setting.  Gradients come from parameter
shifts (Mitarai et al. 2018; Schuld et al. 2019), ``dE/dtheta = (E(theta + pi/2) - E(theta - pi/2)) / 2`` for
each rotation, times the scale of its angle, and every shifted circuit is measured with fresh shots.  The
states are exact (:mod:`qbp.circuits.hardware.parameter_shift`), the outcomes are drawn.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from qbp import _checks, draws
from qbp.circuits.circuit import check
from qbp.circuits.hardware.measurement import Plan, in_rows, plan
from qbp.circuits.hardware.measurement import (
    evaluations as evaluations,  # part of this module's interface, too
)
from qbp.circuits.hardware.measurement import settings as settings
from qbp.circuits.hardware.noise import Channel, n_qubits, rows
from qbp.circuits.hardware.parameter_shift import Pure, prepared_by
from qbp.circuits.observables import observables_on
from qbp.circuits.statevector import like

if TYPE_CHECKING:
    from qbp.circuits.circuit import Circuit
    from qbp.circuits.observables import Observable

Key = tuple[Sequence[int], str, int]  # seeds of the runs, purpose, step
SHOTS = 2**18  # at once: 2 MiB of draws


def shot_expectations(
    circuit: "Circuit",
    theta: Tensor,
    observables: Sequence["Observable"],
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
        inputs: features in radians, (..., samples, n_features), as in
            :meth:`qbp.circuits.circuit.Circuit.state`; they are not trained.
        channel, where: noise on every qubit, up to 6 of them, as in
            :func:`qbp.circuits.hardware.noise.noisy_expectations`: the shots are of the noisy circuit, and so
            are those of the shifted ones.

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
    observables = observables_on(n_qubits(circuit), observables)
    shots = _checks.integer("shots", shots)
    angles, start, batch = _checked_rows(circuit, theta, inputs)
    _checks.memory("shots", 16 * shots, f"{shots} draws at once")
    asked = plan(in_rows(observables, batch if inputs is None else batch[:-1]))
    key = _checked_key(draws_key, len(angles))
    device = prepared_by(circuit, channel, where)
    found = _Shots.apply(angles, start, device, asked, shots, key)
    return found.reshape(*batch, len(observables))


def gradient_noise(
    circuit: "Circuit",
    theta: Tensor,
    H: "Observable",
    shots: int,
    *,
    channel: Channel | None = None,
    where: str = "layers",
) -> Tensor:
    r"""Return the exact standard deviation of each component of the gradient estimated from shots.

    The signal-to-noise ratio of a step is ``|dE/dtheta_k|`` over this, with the E of the noisy circuit where
    there is a channel.

    Args:
        circuit, theta, shots, channel, where: as for :func:`shot_expectations`.
        H: the observable.

    Returns:
        Real, (..., n_params), in the unit of the gradient; not differentiable.

    Example:
        >>> from qbp import HardwareEfficient, PauliSum
        >>> one = HardwareEfficient(1, 1, ["rx"])  # at theta = 0 both shifted <Z> are fair coins
        >>> gradient_noise(one, torch.zeros(1), PauliSum({"Z": 1.0}), 50)
        tensor([0.1000])
    """
    check(circuit, H)
    shots = _checks.integer("shots", shots, 1, 2**53)
    angles, start, batch = _checked_rows(circuit, theta, None)
    asked = plan(in_rows([H], batch))
    device, found = prepared_by(circuit, channel, where), []
    with torch.no_grad():
        for runs in device.parts(start):
            prepared = device.prepare_shifted(angles[runs], start[runs])
            total = angles.new_zeros(len(angles[runs]), len(device.parameters))
            for setting in (whole.of_runs(runs) for whole in asked.settings):
                worth = like(setting.values[0], theta)
                for likely in device.shifted_outcomes(setting, prepared):
                    total += (likely @ worth**2 - (likely @ worth) ** 2).squeeze(1) / 4
            found.append(total.clamp(min=0))
    return (device.per_parameter(torch.cat(found), theta, power=2) / shots).sqrt().reshape(theta.shape)


class _Shots(torch.autograd.Function):
    """Estimates of angles (runs, n_params) and start states (runs, samples, 2**n): (runs, samples, m)."""

    @staticmethod
    def forward(
        ctx: Any, theta: Tensor, start: Tensor, device: Pure, asked: Plan, shots: int, key: Key
    ) -> Tensor:
        ctx.save_for_backward(theta, start)
        ctx.rest = device, asked, shots, key
        prepared = device.prepare(theta, start)
        total = theta.new_zeros(())  # over the shots: sums of whole numbers cancel where shares would not
        for setting in asked.settings:
            seen = _counted(device.outcomes(setting, prepared), shots, key, setting.name)
            total = total + seen.to(theta.dtype) @ like(setting.values, theta).mT
        return like(asked.constant, theta).expand(*start.shape[:-1], -1) + total / shots

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
            for setting in (whole.of_runs(runs) for whole in asked.settings):
                likely = torch.cat(device.shifted_outcomes(setting, prepared), dim=-2)  # up, then down
                seen = _counted(likely, shots, key, setting.name).to(theta.dtype)
                worth = weights[runs] @ like(setting.values, theta)  # (runs, samples, outcomes)
                up, down = (seen @ worth.unsqueeze(-1)).squeeze(-1).tensor_split(2, dim=-1)
                of_gates = of_gates + (up - down).sum(1)
            found.append(of_gates / (2 * shots))
        return device.per_parameter(torch.cat(found), theta), *[None] * 5


def _counted(likely: Tensor, shots: int, key: Key, name: str) -> Tensor:
    """Measure: how many shots have each outcome, (runs, ..., outcomes) -> the same shape, int64."""
    seeds, purpose, step = key
    circuits, counts = likely.double().flatten(1, -2), []
    for seed, own in zip(seeds, circuits, strict=True):
        stream = draws.stream(seed, f"{purpose}, {name}", step)
        counts += [_counts(part, shots, stream) for part in own.split(max(1, SHOTS // shots))]
    return torch.cat(counts).reshape(likely.shape)


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
    circuit: "Circuit", theta: Tensor, inputs: Tensor | None
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
