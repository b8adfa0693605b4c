"""Measurements on a batch of circuits: how likely outcomes are, drawn from shots, and what they are worth.

The counterpart of :mod:`qbp.circuits.hardware.shots` for many circuits of one run, all runs of which share
their settings.  No autograd: a remedy asks for values, gradients and Jacobians in numbers.

Outcomes that are worth the same to all observables are one *level*, so that few numbers are drawn: six for
the bonds of six qubits, not sixty-four.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from qbp import draws
from qbp.circuits.circuit import Circuit
from qbp.circuits.gates import Program
from qbp.circuits.hardware.measurement import Setting, amplitudes, overlaps, plan
from qbp.circuits.hardware.parameter_shift import turned_states
from qbp.circuits.layers import as_layers, run
from qbp.circuits.observables import Observable
from qbp.circuits.problems import Infidelity
from qbp.circuits.statevector import evolve
from qbp.remedies import compiled

DRAWS = 2**21  # at once: 16 MiB
FEW = 256  # shots up to which each is drawn for itself; of more, how many see each level
DIGITS = 9  # of worths that are one level


@dataclass(frozen=True)
class Wanted:
    """Observables of all runs, grouped into the settings that they share.

    Attributes:
        settings: how to measure, one after another.
        level: for each setting the level of each outcome, (settings, runs or 1, 2**n) int64; of a projector
            the last two levels are its outcomes 0 and 1.
        worth: what a level adds to each observable, (settings, runs or 1, m, levels).
        constant: what the identity adds, (runs or 1, m).
    """

    settings: tuple[Setting, ...]
    level: np.ndarray
    worth: Tensor
    constant: Tensor

    @property
    def cost(self) -> int:
        """Evaluations of one circuit, the number of settings."""
        return len(self.settings)

    @property
    def levels(self) -> int:
        """The largest number of levels of a setting."""
        return self.worth.shape[-1]

    @property
    def n_qubits(self) -> int:
        """The number of qubits."""
        return self.level.shape[-1].bit_length() - 1

    @cached_property
    def axes(self) -> np.ndarray:
        """The axis of each qubit in each setting, 0 for Z, 1 for X, 2 for Y, and -1 for a projector."""
        named = [s.name if s.projector is None else "" for s in self.settings]
        rows = [["ZXY".index(p) for p in name] or [-1] * self.n_qubits for name in named]
        return np.array(rows, np.int64).reshape(-1, self.n_qubits)

    @property
    def plain(self) -> bool:
        """Whether nothing but Pauli strings and the infidelity to one state is measured."""
        projectors = [s.projector for s in self.settings if s.projector is not None]
        return len(projectors) < 2 and all(isinstance(H, Infidelity) for H in projectors)

    @cached_property
    def target(self) -> np.ndarray:
        """The state of the projector, (runs or 1, 2**n) complex; zero where there is none."""
        found = [s.projector.target for s in self.settings if isinstance(s.projector, Infidelity)]
        none = torch.zeros(1, 2**self.n_qubits, dtype=torch.complex128)
        return np.ascontiguousarray((found or [none])[0].reshape(-1, 2**self.n_qubits).cpu().numpy())

    def likely(self, states: Tensor, other: Tensor | None = None) -> Tensor:
        """Return how likely each level is, (runs, settings, circuits, levels).

        Of states (runs, circuits, 2**n).  With `other` states, overlaps take the place of squares, as in
        :func:`qbp.circuits.hardware.measurement.overlaps`.
        """
        found = []
        for k, setting in enumerate(self.settings):
            a = amplitudes(setting, states)
            b = a if other is None else amplitudes(setting, other)
            outcomes = overlaps(setting, a, b)
            if setting.projector is not None:
                found.append(torch.nn.functional.pad(outcomes, (self.levels - 2, 0)))
                continue
            level = torch.from_numpy(self.level[k]).to(outcomes.device).unsqueeze(1).expand(outcomes.shape)
            total = outcomes.new_zeros(*outcomes.shape[:-1], self.levels)
            found.append(total.scatter_add_(-1, level, outcomes))
        return torch.stack(found, 1)


def wanted(observables: Sequence[Sequence[Observable]], dtype: torch.dtype, device: torch.device) -> Wanted:
    """Group the observables of each run, or those of all runs, into settings.

    Args:
        observables: a list of m of them for each run, or one list for all.
        dtype, device: of the numbers.

    Raises:
        ValueError: the runs need different settings.
    """
    plans = [plan(own) for own in observables]
    names = [tuple(s.name for s in p.settings) for p in plans]
    if len(set(names)) > 1:
        raise ValueError(f"observables must need the same settings in all runs, got {sorted(set(names))}")
    n = next(iter(observables[0])).n_qubits
    grouped = [[_levels(setting, n) for setting in p.settings] for p in plans]
    most = max((worth.shape[1] for own in grouped for _, worth in own), default=1)
    shape = len(names[0]), len(plans)
    level, worth = np.zeros((*shape, 2**n), np.int64), np.zeros((*shape, len(plans[0].constant), most))
    for r, own in enumerate(grouped):
        for k, (place, value) in enumerate(own):
            first = most - value.shape[1]  # what a setting lacks comes first: no shot is in the last level
            level[k, r], worth[k, r, :, first:] = place + first, value
    constant = torch.from_numpy(np.stack([p.constant for p in plans])).to(device, dtype)
    return Wanted(plans[0].settings, level, torch.from_numpy(worth).to(device, dtype), constant)


def _levels(setting: Setting, n_qubits: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the level of each outcome, and what each is worth to each observable, (m, levels)."""
    if setting.projector is not None:
        return np.zeros(2**n_qubits, np.int64), setting.values
    rounded = np.round(setting.values, DIGITS) + 0.0
    _, first, level = np.unique(rounded, axis=1, return_index=True, return_inverse=True)
    return level.reshape(-1), setting.values[:, first]


class Shots:
    """Outcomes drawn from their probabilities, a stream for each run and call; none without shots.

    Args:
        seeds: of the runs.
        shots: measurements of a circuit in a setting; None for exact values.
    """

    def __init__(self, seeds: Sequence[int], shots: int | None) -> None:
        self.seeds, self.shots, self.calls = tuple(seeds), shots, 0
        self._streams = [draws.stream(seed, "remedy") for seed in self.seeds] if shots else []
        self._states = [stream.bit_generator.state for stream in self._streams]

    def frequencies(self, likely: Tensor) -> Tensor:
        """Return how often each level is seen, of (runs, ..., levels) probabilities."""
        if self.shots is None:
            return likely
        self.calls += 1
        rows, runs = likely.numel() // (likely.shape[-1] * len(likely)), range(len(self.seeds))
        if self.shots > FEW or len(runs) * rows * self.shots > DRAWS:
            return torch.stack([self.one(r, likely[r]) for r in runs]).to(likely)
        uniform = np.empty((len(runs), rows, self.shots))
        for r in runs:
            self._stream(r).random(out=uniform[r])
        edges = _edges(likely.double().cpu().numpy())
        found = compiled.counted(edges, uniform.reshape(-1, self.shots)) / self.shots
        return torch.from_numpy(found.reshape(likely.shape)).to(likely)

    def one(self, run: int, likely: Tensor | np.ndarray) -> Tensor:
        """Draw for one run, (..., levels), at this call: all levels share a stream."""
        given = likely if isinstance(likely, np.ndarray) else likely.double().cpu().numpy()
        if self.shots is None:
            return torch.from_numpy(given)
        stream = self._stream(run)
        if self.shots > FEW:
            # Rounded: numpy draws no number for a share of 0, and one for 1e-17, which shifts what follows.
            shares = np.round(np.maximum(given, 0.0), 12)
            counts = stream.multinomial(self.shots, shares / shares.sum(-1, keepdims=True))
            return torch.from_numpy(counts / self.shots)
        edges, many = _edges(given), max(1, DRAWS // self.shots)
        parts = [edges[k : k + many] for k in range(0, len(edges), many)]
        found = [compiled.counted(part, stream.random((len(part), self.shots))) for part in parts]
        return torch.from_numpy((np.concatenate(found) / self.shots).reshape(given.shape))

    def _stream(self, run: int) -> np.random.Generator:
        """Return ``draws.stream(seed, "remedy", calls)`` of a run, without making it anew."""
        state, stream = self._states[run], self._streams[run]
        state["state"]["counter"] = np.array([0, 0, 0, self.calls], np.uint64)
        stream.bit_generator.state = state
        return stream

    def binomial(self, likely: np.ndarray) -> np.ndarray:
        """Return how often a certain outcome is seen, of probabilities (runs, circuits)."""
        return self.frequencies(torch.from_numpy(np.stack([likely, 1 - likely], -1)))[..., 0].numpy()


def _edges(likely: np.ndarray) -> np.ndarray:
    """Return cumulated probabilities, (rows, levels), of (..., levels)."""
    edges = np.maximum(likely.reshape(-1, likely.shape[-1]), 0.0).cumsum(-1)
    edges /= edges[:, -1:]
    return edges


def values(likely: Tensor, asked: Wanted, shots: Shots) -> Tensor:
    """Return measured expectations, (runs, circuits, m), of probabilities from :meth:`Wanted.likely`."""
    seen = shots.frequencies(likely) @ asked.worth.permute(1, 0, 3, 2)
    return asked.constant.unsqueeze(1) + seen.sum(1)


def jacobian(states: Tensor, asked: Wanted, shots: Shots) -> Tensor:
    """Return parameter-shift derivatives, (runs, rotations, m).

    Args:
        states: the final state, then the states turned at each rotation
            (:func:`qbp.circuits.hardware.parameter_shift.turned_states`), (runs, 1 + rotations, 2**n).
        asked: what is measured.
        shots: of each shifted circuit.
    """
    psi, turned = states[:, :1], states[:, 1:]
    mean, half = (asked.likely(psi) + asked.likely(turned)) / 2, asked.likely(turned, psi)
    up, down = shots.frequencies(torch.cat([mean + half, mean - half], 2)).tensor_split(2, dim=2)
    return ((up - down) / 2 @ asked.worth.permute(1, 0, 3, 2)).sum(1)


def compiled_jacobian(
    program: Program, theta: Tensor, asked: Wanted, shots: Shots, rows: np.ndarray
) -> Tensor:
    """Return what :func:`jacobian` does of angles (runs, n_params), by the rotations `rows`, (runs, k)."""
    shots.calls += shots.shots is not None
    found = []
    for r, (angles, own) in enumerate(zip(theta, rows, strict=True)):
        seen = shots.one(r, compiled.shifted(program, angles, asked, own, r))
        up, down = seen.tensor_split(2, dim=1)
        found.append(((up - down) / 2 @ asked.worth[:, r % asked.worth.shape[1]].mT).sum(0))
    return torch.stack(found)


def turned(program: Program, theta: Tensor, n_qubits: int) -> Tensor:
    """Return the final state and those turned at each rotation, (runs, 1 + rotations, 2**n)."""
    return turned_states(program, theta, _zeros(n_qubits, theta))[:, 0]


def _zeros(n_qubits: int, theta: Tensor) -> Tensor:
    """Return the all-zero state of each run, (runs, 1, 2**n)."""
    start = theta.new_zeros(len(theta), 1, 2**n_qubits, dtype=theta.dtype.to_complex())
    start[..., 0] = 1
    return start


def likely_of(circuit: Circuit, theta: Tensor, asked: Wanted) -> Tensor:
    """Return how likely levels are in circuits at angles (runs, circuits, n_params)."""
    if compiled.takes(circuit.program, theta, asked):
        return compiled.prepared(circuit.program, theta, asked)
    return asked.likely(evolved(circuit, theta))


def evolved(circuit: Circuit, theta: Tensor) -> Tensor:
    """Return states of angles (runs, circuits, n_params), (runs, circuits, 2**n)."""
    flat = theta.flatten(0, 1)
    start, program = _zeros(circuit.n_qubits, flat), circuit.program
    if as_layers(program, circuit.n_qubits):
        return run(program, flat, start).reshape(*theta.shape[:-1], -1)
    return evolve(program, flat, start[:, 0]).reshape(*theta.shape[:-1], -1)
