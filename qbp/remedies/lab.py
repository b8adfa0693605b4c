"""Laboratory of a remedy: the circuits of some runs, what may be measured on them, and what it costs.

One cost model for all, :func:`qbp.circuits.hardware.measurement.evaluations`: a circuit prepared and measured
in one setting, with all its shots, is one evaluation.  A remedy that asks for more than its budget is ended
by :class:`Spent`; what classical computers can do costs nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from qbp import draws
from qbp.circuits.ansatz import HardwareEfficient
from qbp.circuits.builder import BuiltCircuit
from qbp.circuits.circuit import Circuit
from qbp.circuits.gates import Rotation
from qbp.circuits.observables import Observable, local_observables
from qbp.circuits.problems import Infidelity
from qbp.remedies import compiled
from qbp.remedies.measurements import (
    Shots,
    Wanted,
    compiled_jacobian,
    jacobian,
    likely_of,
    turned,
    values,
    wanted,
)
from qbp.remedies.tasks import Task, euler_angles

SMALL = 2**14  # amplitudes of the shifted circuits that are sooner had than the tables of an adjoint pass
ROUNDING = 1e-12  # of a measured gradient whose terms cancel
Weights = Tensor | Callable[[Tensor], Tensor]  # of the local expectations, (runs, 3 n), or what makes them


class Spent(Exception):
    """The budget does not pay for what was asked."""


class Point(NamedTuple):
    """Where the runs stand: a circuit, and its angles in radians, (runs, n_params)."""

    circuit: Circuit
    theta: Tensor


Steps = Iterator[Point]


class Lab:
    """Some runs with a task each.

    Args:
        circuit: the ansatz; every angle turns one rotation.
        tasks: one for each run.
        seeds: of the runs.
        shots: measurements of a circuit in a setting; None for exact expectations.
        steps: the budget, in gradients of the task by all angles of `circuit`.
        device, dtype: of the numbers.

    Attributes:
        spent: evaluations so far, of each run.
        budget: evaluations that may be spent.
    """

    def __init__(
        self,
        circuit: Circuit,
        tasks: Sequence[Task],
        seeds: Sequence[int],
        *,
        shots: int | None = None,
        steps: int = 300,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float64,
    ) -> None:
        self.circuit, self.tasks, self.seeds = circuit, tuple(tasks), tuple(seeds)
        self.n_qubits, self.n_params, self.runs = circuit.n_qubits, circuit.n_params, len(self.seeds)
        self.device, self.dtype = torch.device(device), dtype
        self.local = local_observables(self.n_qubits)
        self.bloch = torch.stack([t.bloch for t in tasks]).flatten(1).to(self.device, dtype)
        self.seen = torch.stack([t.seen for t in tasks]).to(self.device, dtype)
        self.shots = Shots(seeds, shots)
        self.unit = 2 * self.n_params * self.task.cost
        self.spent, self.budget, self.drawn = 0, steps * self.unit, 0
        self._behind: dict[Circuit, Circuit] = {}
        self._grouped: dict[tuple[Observable, ...], Wanted] = {}

    @property
    def ansatz(self) -> HardwareEfficient:
        """The circuit, of which layers are asked for; raise TypeError if it has none."""
        if not isinstance(self.circuit, HardwareEfficient):
            raise TypeError(f"circuit must be a HardwareEfficient, got {self.circuit!r}")
        return self.circuit

    @property
    def share(self) -> float:
        """Part of the budget that is spent, in [0, 1]."""
        return self.spent / max(1, self.budget)

    def pay(self, evaluations: int) -> None:
        """Spend evaluations; raise :class:`Spent` where they are not there."""
        if self.spent + evaluations > self.budget:
            raise Spent
        self.spent += evaluations

    def uniform(self, size: int, low: float, high: float, purpose: str = "start") -> Tensor:
        """Draw uniform numbers for each run, (runs, size)."""
        return draws.uniform(self.seeds, purpose, size, low=low, high=high).to(self.device, self.dtype)

    def normal(self, size: int, purpose: str = "start", step: int = 0) -> Tensor:
        """Draw standard normal numbers for each run, (runs, size)."""
        return draws.normal(self.seeds, purpose, size, step=step).to(self.device, self.dtype)

    @cached_property
    def observable(self) -> tuple[tuple[slice, Observable], ...]:
        """The runs that share a task, with the task; one that all share, or a state each, stands for all."""
        listed = [task.observable for task in self.tasks]
        if all(isinstance(H, Infidelity) for H in listed):
            targets = torch.stack([H.target for H in listed if isinstance(H, Infidelity)])
            return ((slice(None), Infidelity(targets.to(self.device))),)
        if len(set(listed)) == 1:
            return ((slice(None), listed[0]),)
        return tuple((slice(r, r + 1), H) for r, H in enumerate(listed))

    @cached_property
    def task(self) -> Wanted:
        """The task as it is measured."""
        return wanted([[H] for _, H in self.observable], self.dtype, self.device)

    @cached_property
    def locals(self) -> Wanted:
        """The local observables of eq. 1, which are X, Y and Z of each qubit."""
        return wanted([self.local], self.dtype, self.device)

    @cached_property
    def both(self) -> Wanted:
        """The task, then the local observables, which share settings and their shots."""
        return wanted([[H, *self.local] for _, H in self.observable], self.dtype, self.device)

    def energies(self, theta: Tensor, circuit: Circuit | None = None, *, free: bool = False) -> Tensor:
        """Measure the task on several circuits of each run.

        Args:
            theta: angles, (runs, circuits, n_params).
            circuit: another one than the ansatz.
            free: computed without a device, exactly and at no cost, as of stabilizer states.

        Returns:
            (runs, circuits).
        """
        if not free:
            self.pay(theta.shape[1] * self.task.cost)
        likely = likely_of(self._with_frame(circuit or self.circuit), self._full(theta), self.task)
        return values(likely, self.task, Shots(self.seeds, None) if free else self.shots)[..., 0]

    def locally(self, theta: Tensor) -> Tensor:
        """Measure the local expectations, (runs, n_params) -> (runs, 3 n)."""
        self.pay(self.locals.cost)
        return self._locals_of(self.circuit, theta)

    def local_jacobian(self, theta: Tensor) -> Tensor:
        """Measure the derivatives of the local expectations, (runs, n_params) -> (runs, n_params, 3 n)."""
        self.pay(2 * theta.shape[1] * self.locals.cost)
        return self._jacobian(self.circuit, theta, self.locals, None)

    def measured(self, circuit: Circuit, theta: Tensor, observables: Sequence[Observable]) -> Tensor:
        """Measure any observables on a circuit as it stands, without the frame: (runs, m)."""
        asked = self._asked(tuple(observables))
        self.pay(asked.cost)
        return values(likely_of(circuit, theta.unsqueeze(1), asked), asked, self.shots)[:, 0]

    def gradient(
        self,
        theta: Tensor,
        circuit: Circuit | None = None,
        *,
        rows: Tensor | None = None,
        task: float = 1.0,
        local: Weights | None = None,
    ) -> Tensor:
        """Measure the gradient of ``task * E + sum_i local_i <O_i>`` by parameter shifts.

        Args:
            theta: angles, (runs, n_params).
            circuit: another one than the ansatz.
            rows: which angles, (runs, k) or (k,); the rest of the gradient is zero and costs nothing.
            task: weight of the task.
            local: weights of the local expectations, (runs, 3 n), or a function that makes them from their
                measured values, which cost an evaluation for each of their settings.

        Returns:
            (runs, n_params).
        """
        circuit = circuit or self.circuit
        asked = self.task if local is None else self.both if task else self.locals
        self.pay(2 * (theta if rows is None else rows).shape[-1] * asked.cost)
        if callable(local):
            self.pay(self.locals.cost)
            local = local(self._locals_of(circuit, theta))
        parts = [] if local is None else [local]
        if task:
            parts.insert(0, torch.full_like(theta[:, :1], task))
        weights = torch.cat(parts, -1)
        if self.shots.shots is not None or self._by_shifts(circuit, theta, asked):
            found = (self._jacobian(circuit, theta, asked, rows) @ weights.unsqueeze(-1)).squeeze(-1)
            found = torch.where(found.abs() < ROUNDING, 0.0, found)  # else Adam makes a step of what cancels
            if rows is None:
                return found
            return torch.zeros_like(theta).scatter(1, rows.expand(self.runs, -1), found)
        whole = self._exact(circuit, theta, weights, bool(task), local is not None)[1]
        if rows is None:
            return whole
        mask = torch.zeros_like(theta).scatter(1, rows.expand(self.runs, -1), 1.0)
        return whole * mask

    def record(self, circuit: Circuit, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Return the task and its gradient, exact and at no cost: (runs,) and (runs, n_params)."""
        return self._exact(circuit, theta, torch.ones_like(theta[:, :1]), True, False)

    def turned(self, theta: Tensor) -> Tensor:
        """Return the state and those turned at each rotation, (runs, 1 + n_params, 2**n): at no cost."""
        return turned(self.circuit.program, theta, self.n_qubits)

    def _exact(
        self, circuit: Circuit, theta: Tensor, weights: Tensor, task: bool, local: bool
    ) -> tuple[Tensor, Tensor]:
        with torch.inference_mode(False), torch.enable_grad():
            theta = theta.detach().clone().requires_grad_()
            full, found = self._full(theta), []
            for rows, H in self.observable if task else ((slice(None), None),):
                asked = [*([H] if H is not None else []), *(self.local if local else [])]
                means = self._with_frame(circuit).expectations(full[rows], asked)
                found.append((means * weights[rows]).sum(-1))
            energy = torch.cat(found)
            (gradient,) = torch.autograd.grad(energy.sum(), theta)
        return energy.detach(), gradient

    def _jacobian(self, circuit: Circuit, theta: Tensor, asked: Wanted, rows: Tensor | None) -> Tensor:
        program, p, full = self._with_frame(circuit).program, theta.shape[1], self._full(theta)
        if compiled.takes(program, theta, asked):
            which = (torch.arange(p) if rows is None else rows).expand(self.runs, -1).numpy()
            return compiled_jacobian(program, full, asked, self.shots, which)
        states = turned(program, full, self.n_qubits)[:, : 1 + p]
        if rows is not None:
            index = torch.cat([torch.zeros_like(rows[..., :1]), 1 + rows], -1).expand(self.runs, -1)
            states = states.gather(1, index.unsqueeze(-1).expand(-1, -1, states.shape[-1]))
        return jacobian(states, asked, self.shots)

    def _by_shifts(self, circuit: Circuit, theta: Tensor, asked: Wanted) -> bool:
        """Whether shifts give an exact gradient sooner: of a small circuit made for a few steps."""
        small = not isinstance(circuit, HardwareEfficient) and theta.shape[1] << self.n_qubits <= SMALL
        return small and compiled.takes(circuit.program, theta, asked)

    def _locals_of(self, circuit: Circuit, theta: Tensor) -> Tensor:
        likely = likely_of(self._with_frame(circuit), self._full(theta.unsqueeze(1)), self.locals)
        return values(likely, self.locals, self.shots)[:, 0]

    def _asked(self, observables: tuple[Observable, ...]) -> Wanted:
        """Return observables that all runs share as they are measured, grouped once."""
        if observables not in self._grouped:
            self._grouped[observables] = wanted([observables], self.dtype, self.device)
        return self._grouped[observables]

    def _with_frame(self, circuit: Circuit) -> Circuit:
        """Return a circuit, then the rotations that undo the frame by further angles."""
        if self._undone is None:
            return circuit
        if circuit not in self._behind:
            n, p = self.n_qubits, circuit.n_params
            turns = [
                Rotation("I" * q + axis + "I" * (n - 1 - q), p + 3 * q + k)
                for q in range(n)
                for k, axis in enumerate("ZYZ")
            ]
            names = [f"t{k}" for k in range(p + 3 * n)]
            self._behind[circuit] = BuiltCircuit(n, (*circuit.program, *turns), tuple(names))
        return self._behind[circuit]

    @cached_property
    def _undone(self) -> Tensor | None:
        """Angles that undo the frame of each run, (runs, 3 n)."""
        frames = [t.frame for t in self.tasks if t.frame is not None]
        if not frames:
            return None
        angles = torch.stack([torch.from_numpy(-euler_angles(f)) for f in frames])
        return angles.flatten(1).to(self.device, self.dtype)

    def _full(self, theta: Tensor) -> Tensor:
        if (undone := self._undone) is None:
            return theta
        undone = undone if theta.ndim == 2 else undone.unsqueeze(1).expand(-1, theta.shape[1], -1)
        return torch.cat([theta, undone], -1)
