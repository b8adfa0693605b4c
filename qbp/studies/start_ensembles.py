"""Ensembles of random starts before and after Stage 1: how evenly their states cover the space, how curved
the task is where they stand, and how large its gradient is.

A run of :class:`~qbp.experiments.circuits.CircuitExperiment` has a target of its own; in an
:class:`Ensemble` all starts share one, so that what their states have in common afterwards comes from Stage 1
and not from the draw of the targets.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qbp import _checks, draws
from qbp.algorithm_1 import two_stage
from qbp.circuits.observables import local_observables
from qbp.circuits.targets import Target
from qbp.circuits.targets import target as make
from qbp.convex import local_loss
from qbp.experiments.circuits import CircuitExperiment
from qbp.experiments.result import resolve_device
from qbp.plateaus.expressibility import frame_potential
from qbp.plateaus.landscape import hessian_spectrum
from qbp.problem import Problem

WHENS = ("random start", "start of Stage 2")
TARGETS: dict[str, dict[str, Any]] = {  # kinds of targets, as options of a configuration
    "product": {"hamiltonian": "product"},
    "circuit": {"hamiltonian": "circuit"},
    "tfim": {"hamiltonian": "tfim", "frame": "clifford"},
    "random": {"hamiltonian": "random"},
}
ALGORITHM = {"optimizer": "adam", "eta_c": 0.05, "eta_n": 0.05, "stage_1_steps": 100}


@dataclass(frozen=True)
class Ensemble:
    """Many starts of one configuration, before and after Stage 1.

    Attributes:
        config: the configuration; its seed is the target's and the first start's.
        target: what all of them are asked for.
        theta: {"random start", "start of Stage 2": angles, (starts, n_params)}.
    """

    config: CircuitExperiment
    target: Target
    theta: Mapping[str, Tensor]

    def states(self, when: str) -> Tensor:
        """Return psi(theta) of every start, (starts, 2**n_qubits) complex."""
        with torch.no_grad():
            return self.config.circuit.state(self.theta[when])

    def gradients(self, when: str) -> Tensor:
        """Return the mean square component of the task's gradient at each start, (starts,)."""
        theta = self.theta[when].detach().requires_grad_()
        energy = self.config.circuit.expectation(theta, self.target.task)
        (grad,) = torch.autograd.grad(energy.sum(), theta)
        return grad.square().mean(-1)

    def errors(self, when: str) -> Tensor:
        """Return how far the task is above its lowest value at each start, (starts,)."""
        with torch.no_grad():
            energy = self.config.circuit.expectation(self.theta[when], self.target.task)
        return energy - self.target.lowest

    def frame_potential(self, when: str, order: int = 2) -> tuple[float, float]:
        """Return F_t of the states and its standard error
        (:func:`qbp.plateaus.expressibility.frame_potential`)."""
        value, stderr = frame_potential(self.states(when), order)
        return float(value), float(stderr)

    def overlaps(self, when: str, order: int = 2) -> np.ndarray:
        """Return ``|<a|b>|**(2 t)`` of disjoint pairs of starts, (starts // 2,).

        Their mean is F_t as well, with more noise, but they are independent of each other and can be compared
        pair by pair.
        """
        a, b = self.states(when)[: len(self.theta[when]) // 2 * 2].unflatten(0, (-1, 2)).unbind(1)
        return ((a.conj() * b).sum(-1).abs() ** (2 * order)).cpu().numpy()

    def spectra(self, when: str, starts: int) -> Tensor:
        """Return the eigenvalues of the task's Hessian at the first few starts, (starts, n_params)."""
        return hessian_spectrum(self.config.circuit, self.theta[when][:starts], self.target.task)


def small(target: str, qubits: int = 4, **options: Any) -> CircuitExperiment:
    """Return the configuration that is looked at live: as many layers as qubits, few of them.

    Args:
        target: a key of `TARGETS`.
        qubits: of the circuit.
        options: other settings of the configuration, such as device and dtype.
    """
    return CircuitExperiment(qubits=qubits, layers=qubits, algorithm=ALGORITHM, **(TARGETS[target] | options))


@lru_cache(maxsize=16)
def ensemble(config: CircuitExperiment, starts: int = 100) -> Ensemble:
    """Run Stage 1 from many random starts towards one target, with exact expectations; the last are kept.

    Args:
        config: gives circuit, target and the settings of Stage 1; the number of its seeds is not read.
        starts: number of random starts, at least 4.

    Raises:
        ValueError: the configuration has shots, a channel, or a Stage 1 whose length differs from run to run;
            or there are fewer starts.

    Example:
        >>> found = ensemble(CircuitExperiment(hamiltonian="product", qubits=2, layers=1), starts=4)
        >>> {when: tuple(theta.shape) for when, theta in found.theta.items()}
        {'random start': (4, 4), 'start of Stage 2': (4, 4)}
    """
    if config.shots is not None or config.channel is not None:
        raise ValueError("config must have exact expectations, got shots or a channel")
    if config.algorithm.switching != "steps":
        raise ValueError(f"config must have switching 'steps', got {config.algorithm.switching!r}")
    starts = _checks.integer("starts", starts, 4)
    circuit, seed = config.circuit, config.seed
    asked = make(config.hamiltonian, circuit, seed, frame=config.frame, layers=config.target_layers)
    local, b = local_observables(circuit.n_qubits, config.paulis), asked.local(config.paulis)
    problem = Problem(convex=lambda theta, step: local_loss(circuit, theta, local, b))
    theta0 = draws.uniform(range(seed, seed + starts), "start", circuit.n_params, high=2 * np.pi)
    theta0 = theta0.to(resolve_device(config.device), getattr(torch, config.dtype))
    b = b.to(theta0)
    length = config.algorithm.stage_1_steps
    alone = replace(config.algorithm, steps=length, record_every=max(1, length))
    theta, _ = two_stage(problem, alone, theta0)
    return Ensemble(config, asked, dict(zip(WHENS, (theta0, theta), strict=True)))
