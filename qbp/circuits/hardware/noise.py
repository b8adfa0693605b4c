r"""Noise: channels on every qubit, as a density matrix up to six qubits, as seeded trajectories above.

A channel acts as ``rho -> sum_a K_a rho K_a^dagger``.  It is applied to every qubit after each layer of the
circuit, or once before the measurement.  A trajectory is a state vector in which each channel has picked one
K_a with its probability (Dalibard et al. 1992; Mølmer et al. 1993); over trajectories the states average to
the density matrix.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qbp import _checks, draws
from qbp.circuits.circuit import Circuit, check
from qbp.circuits.gates import Program, Rotation, untied
from qbp.circuits.hardware.measurement import in_rows
from qbp.circuits.layers import as_layers, run
from qbp.circuits.observables import Observable, observables_on
from qbp.circuits.statevector import evolve, like, own_angles, product_state

LARGEST = 6  # qubits of a density matrix: 64 KiB a run
WHERE = ("layers", "end")
PAULIS = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])


@dataclass(frozen=True)
class Channel:
    """Noise on one qubit, made by :func:`depolarizing` or :func:`amplitude_damping`.

    Args:
        name: "depolarizing" or "amplitude damping".
        strength: p or gamma, a probability; TypeError or ValueError if it is none.
    """

    name: str
    strength: float

    def __post_init__(self) -> None:
        _checks.choice("name", self.name, ("depolarizing", "amplitude damping"))
        self.__dict__["strength"] = _checks.number("strength", self.strength, 0.0, 1.0)

    @cached_property
    def kraus(self) -> np.ndarray:
        """The operators K_a, complex, (operators, 2, 2)."""
        s = self.strength
        if self.name == "depolarizing":
            return np.sqrt([1 - s, s / 3, s / 3, s / 3])[:, None, None] * PAULIS
        return np.array([[[1, 0], [0, (1 - s) ** 0.5]], [[0, s**0.5], [0, 0]]], dtype=complex)


def depolarizing(p: float) -> Channel:
    """Return ``rho -> (1 - p) rho + (p / 3) (X rho X + Y rho Y + Z rho Z)``, 0 <= p <= 1.

    It shrinks X, Y and Z by 1 - 4 p / 3; at p = 3/4 nothing is left.

    Example:
        >>> depolarizing(0.1)
        Channel(name='depolarizing', strength=0.1)
    """
    return Channel("depolarizing", _checks.number("p", p, 0.0, 1.0))


def amplitude_damping(gamma: float) -> Channel:
    """Return the decay of ``|1>`` to ``|0>`` with probability gamma, 0 <= gamma <= 1.

    It takes <Z> to (1 - gamma) <Z> + gamma, and <X>, <Y> to sqrt(1 - gamma) of them.
    """
    return Channel("amplitude damping", _checks.number("gamma", gamma, 0.0, 1.0))


def noisy_expectations(
    circuit: Circuit,
    theta: Tensor,
    observables: Sequence[Observable],
    channel: Channel,
    *,
    where: str = "layers",
    trajectories: int | None = None,
    seed: int = 0,
    inputs: Tensor | None = None,
) -> Tensor:
    """Return the expectations of observables after a noisy circuit.

    Args:
        circuit: the gates without noise.
        theta: angles in radians, real, (..., n_params).
        observables: m >= 1 of them.
        channel: acts on every qubit.
        where: "layers", after each layer, or "end", once before the measurement.
        trajectories: None for the density matrix, up to 6 qubits: exact, and differentiable in `theta`; else
            the mean over this many trajectories, at any number of qubits, not differentiable.
        seed: of the trajectories, see :func:`sample_trajectories`.
        inputs: features (..., samples, n_features) as in :meth:`qbp.circuits.circuit.Circuit.state`.

    Returns:
        Real, (..., m), or (..., samples, m) with `inputs`.

    Raises:
        TypeError, ValueError: an argument is none of these.

    Example:
        >>> from qbp import HardwareEfficient, PauliSum
        >>> Z = [PauliSum({"Z": 1.0})]
        >>> noisy_expectations(HardwareEfficient(1, 1, ["rx"]), torch.zeros(1), Z, depolarizing(0.15))
        tensor([0.8000])
    """
    observables = observables_on(n_qubits(circuit), observables)
    if trajectories is None:
        rho = density_matrix(circuit, theta, channel, where=where, inputs=inputs)
        in_rows(observables, rho.shape[:-2])
        return torch.stack([trace(H, rho) for H in observables], dim=-1)
    states = sample_trajectories(circuit, theta, channel, trajectories, seed, where=where, inputs=inputs)
    in_rows(observables, states.shape[:-2])
    return torch.stack([H.expectation(states).mean(-1) for H in observables], dim=-1)


def density_matrix(
    circuit: Circuit,
    theta: Tensor,
    channel: Channel,
    *,
    where: str = "layers",
    inputs: Tensor | None = None,
) -> Tensor:
    """Return the density matrix after a noisy circuit on up to six qubits, differentiable in `theta`.

    Arguments and errors as for :func:`noisy_expectations`.

    Returns:
        Complex, (..., 2**n, 2**n), or (..., samples, 2**n, 2**n) with `inputs`.
    """
    check_size(circuit)
    steps, (angles, psi, batch) = layers(circuit, channel, where), rows(circuit, theta, inputs)
    rho = evolve_density(steps, channel, own_angles(circuit.program, angles)[1], psi)
    return rho.reshape(*batch, *rho.shape[-2:])


def evolve_density(
    steps: Sequence[tuple[Program, int]], channel: Channel, theta: Tensor, psi: Tensor
) -> Tensor:
    """Return density matrices after the gates of each step and the channel behind it.

    Args:
        steps, channel: programs and their first angle, from :func:`layers`.
        theta: angles of these programs, (runs, n_angles).
        psi: amplitudes at the start, (runs, samples, 2**n).

    Returns:
        Complex, (runs, samples, 2**n, 2**n).
    """
    rho = psi.unsqueeze(-1) * psi.conj().unsqueeze(-2)
    for program, first in steps:
        own = theta[:, first : first + _n_params(program)]
        for _ in range(2):  # the gates act on the columns: rho -> (U rho)^dagger, and once more
            rho = _forward(program, own, rho.mT.flatten(1, 2)).reshape(rho.shape).conj()
        rho = apply_channel(channel, rho)
    return rho


def apply_channel(channel: Channel, rho: Tensor) -> Tensor:
    """Apply a channel to every qubit of density matrices, (..., 2**n, 2**n) -> the same."""
    kraus = channel.kraus
    table = like(np.einsum("aik,ajl->ijkl", kraus, kraus.conj()), rho)
    size, shape = rho.shape[-1], rho.shape
    for q in range(size.bit_length() - 1):
        rho = rho.reshape(-1, 2**q, 2, size >> (q + 1), 2**q, 2, size >> (q + 1))
        rho = torch.einsum("ijkl,rakbcld->raibcjd", table, rho)
    return rho.reshape(shape)


def trace(H: Observable, rho: Tensor) -> Tensor:
    """Return ``tr(H rho)``, real, (..., 2**n, 2**n) -> (...)."""
    return H.apply(rho.mT).diagonal(dim1=-2, dim2=-1).sum(-1).real


@torch.no_grad()
def sample_trajectories(
    circuit: Circuit,
    theta: Tensor,
    channel: Channel,
    count: int,
    seed: int = 0,
    *,
    where: str = "layers",
    inputs: Tensor | None = None,
) -> Tensor:
    """Draw pure states that average to the density matrix; their spread gives the error of a mean.

    Args:
        circuit, theta, channel, where, inputs: as for :func:`noisy_expectations`.
        count: trajectories of each row of `theta`.
        seed: trajectory t of a seed draws the same numbers whatever `count` is, and for every row.

    Returns:
        Normalized amplitudes, (..., count, 2**n), or (..., samples, count, 2**n); not differentiable.

    Raises:
        TypeError, ValueError: an argument is none of these.
    """
    n, count = n_qubits(circuit), _checks.integer("trajectories", count)
    seed = _checks.integer("seed", seed, 0, 2**64 - 1)
    steps, (angles, psi, batch) = layers(circuit, channel, where), rows(circuit, theta, inputs)
    _checks.room("trajectories", n, len(angles) * count, torch.finfo(theta.dtype).bits, theta.device)
    uniform: Any = [draws.stream(seed, "trajectory", t).uniform(size=len(steps) * n) for t in range(count)]
    uniform = iter(torch.from_numpy(np.array(uniform)).to(angles.device).unbind(-1))  # each (count,)
    states = psi.unsqueeze(-2).expand(*psi.shape[:-1], count, -1)  # (runs, samples, count, 2**n)
    angles = own_angles(circuit.program, angles)[1]
    for program, first in steps:
        own = angles[:, first : first + _n_params(program)]
        states = _forward(program, own, states.flatten(1, 2)).reshape(states.shape)
        for q in range(n):
            states = _pick(like(channel.kraus, states), q, states, next(uniform))
    return states.reshape(*batch, count, -1)


def _pick(kraus: Tensor, qubit: int, states: Tensor, uniform: Tensor) -> Tensor:
    """Apply to a qubit of each state one operator of a channel, drawn with its probability."""
    x = states.unflatten(-1, (2**qubit, 2, -1))  # (runs, samples, count, before, 2, after)
    reduced = torch.einsum("...aib,...ajb->...ij", x, x.conj())
    likely = torch.einsum("aki,akj,...ij->...a", kraus.conj(), kraus, reduced.mT).real.clamp(min=0)
    edges = likely.double().cumsum(-1)
    # The draw stays in float64: rounded to 1 it would choose an operator of probability 0.
    chosen = (uniform.unsqueeze(-1) * edges[..., -1:] >= edges[..., :-1]).sum(-1)
    k = kraus[chosen][..., None, None].unbind(-4)  # each row of K, (..., 2, 1, 1)
    moved = torch.stack([(row * x.movedim(-2, -3)).sum(-3) for row in k], dim=-2).flatten(-3)
    return moved / torch.linalg.vector_norm(moved, dim=-1, keepdim=True)


def rows(circuit: Circuit, theta: Tensor, inputs: Tensor | None) -> tuple[Tensor, Tensor, torch.Size]:
    """Return angles (runs, n_params), start states (runs, samples, 2**n), and the axes of the result.

    Without `inputs` there is one sample, and it is no axis of the result.
    """
    circuit._check(theta, inputs)
    if 0 in theta.shape[:-1]:
        raise ValueError(f"theta must have a row or more, got shape {tuple(theta.shape)}")
    _, qubits = circuit._start(theta, inputs)
    samples, runs = ((), ()) if inputs is None else (inputs.shape[-2:-1], inputs.shape[:-2])
    batch = torch.broadcast_shapes(theta.shape[:-1], runs)
    angles = theta.expand(*batch, -1).reshape(prod(batch), theta.shape[-1])
    start = product_state(qubits).to(theta.dtype.to_complex())
    start = start.expand(*batch, *(samples or (1,)), -1).reshape(len(angles), prod(samples), start.shape[-1])
    return angles, start, torch.Size((*batch, *samples))


def _forward(program: Program, theta: Tensor, states: Tensor) -> Tensor:
    layered = as_layers(program, states.shape[-1].bit_length() - 1)
    return run(program, theta, states) if layered else evolve(program, theta.unsqueeze(1), states)


def layers(
    circuit: Circuit, channel: Channel, where: str, *, apart: bool = False
) -> tuple[tuple[Program, int], ...]:
    """Split a circuit where its noise acts: programs with angles from 0, and the number of the first in all.

    Angles as from :func:`qbp.circuits.statevector.own_angles`, or one for each rotation, to be set `apart`.
    """
    if not isinstance(channel, Channel):
        raise TypeError(f"channel must be depolarizing(p) or amplitude_damping(gamma), got {channel!r}")
    alone = untied(circuit.program)
    program = circuit.program if alone.as_given and not apart else alone.program
    if _checks.choice("where", where, WHERE) == "end":
        return ((program, 0),)
    if n_layers := getattr(circuit, "n_layers", None):
        return _split(program, n_layers)
    raise ValueError(f'where must be "end" for a circuit without layers, got {where!r} for {circuit!r}')


@lru_cache(maxsize=64)
def _split(program: Program, n_layers: int) -> tuple[tuple[Program, int], ...]:
    gates, steps, first = len(program) // n_layers, [], 0
    for layer in range(n_layers):
        own = program[layer * gates : (layer + 1) * gates]
        moved = (g._replace(parameter=g.parameter - first) if isinstance(g, Rotation) else g for g in own)  # type: ignore[operator]  # an entry of a vector
        steps.append((Program(moved), first))
        first += _n_params(own)
    return tuple(steps)


def _n_params(program: Sequence) -> int:
    return len({gate.parameter for gate in program if isinstance(gate, Rotation)})


def check_size(circuit: Circuit) -> None:
    """Raise ValueError if a circuit has too many qubits for a density matrix."""
    if (n := n_qubits(circuit)) > LARGEST:
        takes = f"at most {LARGEST} qubits for a density matrix"
        raise ValueError(f"circuit must have {takes}, got {n}: ask for trajectories")


def n_qubits(circuit: Circuit) -> int:
    """Return the number of qubits of a circuit, or raise TypeError if it is none."""
    check(circuit)
    return circuit.n_qubits
