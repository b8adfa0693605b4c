"""Metered device: a circuit that is measured with shots, counts each evaluation, and stops at a budget.

It counts by the one cost model of the book, :func:`qbp.circuits.hardware.measurement.evaluations`: one
evaluation is one circuit in one measurement setting, with all its shots.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from qbp import _checks
from qbp.circuits.circuit import check
from qbp.circuits.hardware.measurement import evaluations, settings
from qbp.circuits.hardware.shots import shot_expectations
from qbp.circuits.observables import Observable, observables_on
from qbp.problem import gradients

if TYPE_CHECKING:
    from qbp.circuits.circuit import Circuit
    from qbp.circuits.observables import PauliSum


class BudgetSpent(RuntimeError):
    """A measurement would cost more evaluations than are left; it was not made, and nothing was counted."""


class MeteredDevice:
    """A device that measures one circuit and its Hamiltonian until the budget is spent.

    Every call draws fresh shots; two devices with the same seed, asked the same in the same order, answer the
    same.

    Args:
        circuit: prepares psi(theta).
        hamiltonian: the H of `energy` and `gradient`.
        shots: measurements for each circuit and setting; None for exact answers at the same price, as tests
            of a method want them.
        budget: evaluations that may be spent, at least 0.
        seed: of the shots.

    Attributes:
        n_params: angles of the circuit.
        best: angles with the lowest *estimate* of the energy so far, (n_params,), None before the first.  The
            lowest of many noisy estimates lies below its true value: measure again before you quote it.
        best_energy: that estimate; infinity before the first.
        last: angles that were measured last, None before the first.

    Raises:
        TypeError, ValueError: an argument is none of these, or the numbers of qubits differ.

    Example:
        >>> import qbp
        >>> device = MeteredDevice(qbp.HardwareEfficient(2, 1), qbp.tfim(2), shots=10, budget=20)
        >>> device.gradient(torch.zeros(4).double()).shape, device.spent  # 2 settings, 2 shifts, 4 rotations
        (torch.Size([4]), 16)
        >>> device.left, device.cost(gradient=True)  # one more would raise BudgetSpent
        (4, 16)
    """

    def __init__(
        self,
        circuit: "Circuit",
        hamiltonian: "PauliSum",
        *,
        shots: int | None = 100,
        budget: int = 10_000,
        seed: int = 0,
    ) -> None:
        check(circuit)
        if not isinstance(hamiltonian, Observable) or hamiltonian.n_qubits != circuit.n_qubits:
            takes = f"an observable on {circuit.n_qubits} qubits"
            raise ValueError(f"hamiltonian must be {takes}, got {_checks.kind_of(hamiltonian)}")
        self._circuit, self._hamiltonian = circuit, hamiltonian
        self._shots = None if shots is None else _checks.integer("shots", shots)
        self._seed = _checks.integer("seed", seed, 0, 2**64 - 1)
        self._budget = _checks.integer("budget", budget, 0)
        self._spent = self._calls = 0
        self.n_params = circuit.n_params
        self.best: Tensor | None = None
        self.last: Tensor | None = None
        self.best_energy = float("inf")

    @property
    def budget(self) -> int:
        """Evaluations that may be spent."""
        return self._budget

    @property
    def spent(self) -> int:
        """Evaluations so far; never more than `budget`."""
        return self._spent

    @property
    def left(self) -> int:
        """Evaluations that are left."""
        return self._budget - self._spent

    @property
    def shots(self) -> int | None:
        """Shots of one evaluation, None for exact answers."""
        return self._shots

    def cost(self, observables: Sequence[Observable] | None = None, *, gradient: bool = False) -> int:
        """Return what a measurement costs, in evaluations; asking is free.

        Args:
            observables: what is measured, the Hamiltonian if None.
            gradient: of their gradients, else of their values.

        Example:
            >>> import qbp
            >>> device = MeteredDevice(qbp.HardwareEfficient(2, 1), qbp.tfim(2))
            >>> device.cost(), device.cost(gradient=True), device.cost(qbp.local_observables(2, "X"))
            (2, 16, 1)
        """
        asked = [self._hamiltonian] if observables is None else self._listed(observables)
        return evaluations(self._circuit, len(settings(asked)), gradient=gradient)

    def energy(self, theta: Tensor) -> float:
        """Estimate <H>, and keep the angles if no estimate was lower.

        Args:
            theta: angles in radians, real, (n_params,).

        Returns:
            The estimate, unbiased, in the unit of H.

        Raises:
            BudgetSpent: it costs more than is left.
            TypeError, ValueError: `theta` is no real, finite tensor of this shape.
        """
        angles = self._checked(theta)
        found = float(self._measured(angles, [self._hamiltonian], "an energy"))
        if found < self.best_energy:
            self.best, self.best_energy = angles, found
        return found

    def gradient(
        self,
        theta: Tensor,
        observables: Sequence[Observable] | None = None,
        weights: Tensor | None = None,
    ) -> Tensor:
        """Estimate a gradient by parameter shifts: of <H>, or of ``sum_i weights_i <O_i>``.

        Args:
            theta: as for :meth:`energy`.
            observables: the O_i, m of them; the Hamiltonian alone if None.
            weights: real, (m,); fixed numbers, of which no derivative is taken.

        Returns:
            (n_params,), float64, unbiased, in the unit of H (or of the weights) per radian.

        Raises:
            BudgetSpent, TypeError, ValueError: as for :meth:`energy`; or `weights` does not go with
                `observables`.
        """
        angles = self._checked(theta)
        if (observables is None) != (weights is None):
            raise TypeError("observables and weights must be given together, got one of them")
        if observables is None or weights is None:
            return self._measured(angles, [self._hamiltonian], "a gradient", torch.ones(1).double())
        observables = self._listed(observables)
        _checks.tensor("weights", weights)
        _checks.readable("weights", weights)
        if tuple(weights.shape) != (len(observables),):
            takes = f"shape ({len(observables)},), one for each of observables"
            raise ValueError(f"weights must have {takes}, got {tuple(weights.shape)}")
        _checks.finite("weights", weights)
        what = f"a gradient of {len(observables)} observables"
        return self._measured(angles, observables, what, weights.detach().double())

    def expectations(self, theta: Tensor, observables: Sequence[Observable]) -> Tensor:
        """Estimate the expectations of other observables; those that share a setting share its shots.

        Args:
            theta: as for :meth:`energy`.
            observables: m of them.

        Returns:
            (m,), float64, unbiased.

        Raises:
            BudgetSpent, TypeError, ValueError: as for :meth:`energy`; or no observable.
        """
        asked = self._listed(observables)
        return self._measured(self._checked(theta), asked, f"the value of {len(asked)} observables")

    def _listed(self, observables: Sequence[Observable]) -> tuple[Observable, ...]:
        """Return observables as a tuple if they are on the qubits of the circuit."""
        return observables_on(self._circuit.n_qubits, observables)

    def _checked(self, theta: Tensor) -> Tensor:
        """Return a copy of the angles, float64 on the CPU."""
        _checks.tensor("theta", theta)
        if tuple(theta.shape) != (self.n_params,):
            raise ValueError(f"theta must have shape ({self.n_params},), one run, got {tuple(theta.shape)}")
        _checks.finite("theta", theta)
        _checks.readable("theta", theta)
        return theta.detach().to("cpu", torch.float64, copy=True)

    def _measured(
        self, theta: Tensor, observables: Sequence[Observable], what: str, weights: Tensor | None = None
    ) -> Tensor:
        """Spend, then measure: values (m,), or with weights their gradient (n_params,)."""
        price = self.cost(observables, gradient=weights is not None)
        if price > self.left:
            left = f"{self.left} of {self.budget} are left"
            raise BudgetSpent(
                f"{what} costs {price} evaluations, {left}; it was not measured. Compare device.left with "
                "device.cost(...) before you ask; device.best has the angles of the lowest estimate so far"
            )
        self._spent += price
        self._calls += 1
        self.last = theta
        if weights is None:
            return self._values(theta, observables).detach()
        with gradients():
            angles = theta.clone().requires_grad_()
            return torch.autograd.grad(self._values(angles, observables) @ weights.clone(), angles)[0]

    def _values(self, theta: Tensor, observables: Sequence[Observable]) -> Tensor:
        if self._shots is None:
            return self._circuit.expectations(theta, observables)
        key = [self._seed], "metered", self._calls
        return shot_expectations(self._circuit, theta, observables, self._shots, key)
