"""Losses of circuits that are trained: measured exactly, with shots, behind a channel, or with both.

Whatever a run trains on, its records are exact.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from qbp.circuits.hardware.noise import noisy_expectations
from qbp.circuits.hardware.shots import gradient_noise, shot_expectations
from qbp.circuits.observables import Observable, local_observables
from qbp.circuits.problems import Infidelity
from qbp.circuits.training import compiled
from qbp.convex import gradient_norm
from qbp.problem import Problem, gradients

if TYPE_CHECKING:
    from qbp.circuits.targets import Target
    from qbp.experiments.circuits import CircuitExperiment

Rows = tuple[slice, Observable]  # runs that share a task, and the task
# Runs, their theta, m observables: (runs, m).
Measure = Callable[[slice, Tensor, Sequence[Observable]], Tensor]


class CircuitLosses:
    """The losses of some runs, what they are measured with, and what a record holds.

    Args:
        config: ansatz, shots and channel.
        seeds: of the runs.
        targets: of the runs.
        device, dtype: of the runs.
    """

    def __init__(
        self,
        config: "CircuitExperiment",
        seeds: Sequence[int],
        targets: "Sequence[Target]",
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.config, self.seeds = config, tuple(seeds)
        self.rows = _together([t.task for t in targets], device)
        self.local = local_observables(config.qubits, config.paulis)
        self.b = torch.stack([t.local(config.paulis) for t in targets]).to(device, dtype)
        columns = ([t.lowest for t in targets], [t.information(config.paulis) for t in targets])
        self.lowest, self.information, of_product = torch.tensor(
            [*columns, [t.product for t in targets]], dtype=dtype, device=device
        )
        self.product_error = of_product - self.lowest
        self.compiled = compiled.losses(config.circuit, self.rows, self.local, self.b, config.record_every)

    def problem(self) -> Problem:
        """Return the problem for Algorithm 1."""
        return Problem(batches=lambda step: step, evaluate=self.evaluate, both=self.losses)

    def losses(self, theta: Tensor, step: int, task: bool, convex: bool) -> tuple[Tensor, Tensor]:
        """Return the task and eq. 1, each (runs,), zero where it is not asked for.

        All that a step asks for is measured at once: what shares a setting shares its shots.
        """
        how: Measure = self._noisy if self.config.noise else self._exact
        how = self._with_shots(step) if self.config.shots else how
        values, zero = self._values(theta, task, convex, how), theta.new_zeros(len(theta))
        local = values[:, int(task) :]
        return values[:, 0] if task else zero, (local - self.b).square().sum(-1) if convex else zero

    def evaluate(self, theta: Tensor) -> dict[str, Tensor]:
        """Return what a record holds beside the loss; exact, whatever the run trains on.

        Returns:
            `energy` (the task), `error` (its distance from the lowest value), `convex` (eq. 1),
            `task_grad_rms` and `convex_grad_rms` (root mean square of a gradient's components; the mean
            square over runs is the gradient variance), `target_information`
            (:meth:`~qbp.circuits.targets.Target.information`), `product_error` (the error of the product
            state along the targets); with a channel `noisy_energy`; with shots `snr`, the length of the
            task's gradient over that of its noise, both behind the channel if there is one.  Each (runs,).
        """
        with gradients():
            return self._evaluate(theta.detach().clone().requires_grad_())

    def _gradients(self, theta: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return task and eq. 1, exact, and their gradients."""
        if self.compiled is not None:
            return self.compiled.gradients(theta)
        values = self._values(theta, True, True, self._exact)
        energy, convex = values[:, 0], (values[:, 1:] - self.b).square().sum(-1)
        (of_task,) = torch.autograd.grad(energy.sum(), theta, retain_graph=True)
        (of_convex,) = torch.autograd.grad(convex.sum(), theta)
        return energy, convex, of_task, of_convex

    def _evaluate(self, theta: Tensor) -> dict[str, Tensor]:
        energy, convex, of_task, of_convex = self._gradients(theta)
        found = {
            "energy": energy,
            "error": energy - self.lowest,
            "convex": convex,
            "task_grad_rms": gradient_norm(of_task, "rms"),
            "convex_grad_rms": gradient_norm(of_convex, "rms"),
            "target_information": self.information,
            "product_error": self.product_error,
        }
        if self.config.noise is not None:
            found["noisy_energy"] = self._values(theta, True, False, self._noisy)[:, 0]
            (of_task,) = torch.autograd.grad(found["noisy_energy"].sum(), theta)
        if self.config.shots:
            found["snr"] = self._signal_to_noise(theta.detach(), of_task)
        return found

    def _signal_to_noise(self, theta: Tensor, gradient: Tensor) -> Tensor:
        """The length of the gradient that a run follows over that of its noise from shots, (runs,)."""
        c, length = self.config, torch.linalg.vector_norm
        noise = [gradient_noise(c.circuit, theta[r], H, c.shots, channel=c.noise) for r, H in self.rows]  # type: ignore[arg-type]  # with shots
        return length(gradient, dim=-1) / length(torch.cat(noise), dim=-1).clamp(min=1e-300)

    def _exact(self, rows: slice, theta: Tensor, observables: Sequence[Observable]) -> Tensor:
        return self.config.circuit.expectations(theta, observables)

    def _with_shots(self, step: int) -> Measure:
        def measure(rows: slice, theta: Tensor, observables: Sequence[Observable]) -> Tensor:
            key = self.seeds[rows], "measure", step
            c = self.config
            return shot_expectations(c.circuit, theta, observables, c.shots, key, channel=c.noise)  # type: ignore[arg-type]  # with shots

        return measure

    def _noisy(self, rows: slice, theta: Tensor, observables: Sequence[Observable]) -> Tensor:
        return noisy_expectations(self.config.circuit, theta, observables, self.config.noise)  # type: ignore[arg-type]  # with noise

    def _values(self, theta: Tensor, task: bool, local: bool, how: Measure) -> Tensor:
        """Return the task and the local expectations, those of them that are wanted, (runs, 1 + m)."""
        own = self.local if local else []
        if not task:
            return how(slice(None), theta, own)
        return torch.cat([how(rows, theta[rows], [asked, *own]) for rows, asked in self.rows])


def _together(tasks: Sequence[Observable], device: torch.device) -> list[Rows]:
    """Return runs with the task they share: all of them, if they share it or have a state each."""
    if all(isinstance(task, Infidelity) for task in tasks):
        return [(slice(None), Infidelity(torch.stack([task.target for task in tasks]).to(device)))]  # type: ignore[attr-defined]  # all are
    if len(set(tasks)) == 1:
        return [(slice(None), tasks[0])]
    return [(slice(r, r + 1), task) for r, task in enumerate(tasks)]
