"""Training circuits: a :class:`~qbp.experiments.circuit_configs.CircuitExperiment` becomes a problem for
Algorithm 1.

Whatever a run trains on, exact values, shots or a noisy state, it is measured exactly: `energy`, `error`,
`convex` and the gradients of both.  `evaluations` says what a quantum computer would have been asked for.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from qbp import draws
from qbp.algorithm_1 import TwoStageConfig, two_stage
from qbp.circuits.hardware.noise import noisy_expectations
from qbp.circuits.hardware.parameter_shift import AMPLITUDES
from qbp.circuits.hardware.shots import evaluations, gradient_noise, settings, shot_expectations
from qbp.circuits.observables import Observable, local_observables
from qbp.circuits.problems import Infidelity
from qbp.circuits.targets import STATES, Target, target
from qbp.convex import default_threshold, gradient_norm
from qbp.experiments.result import Result, resolve_device
from qbp.problem import History, Problem

if TYPE_CHECKING:
    from qbp.circuits.ansatz import Circuit
    from qbp.experiments.circuit_configs import CircuitExperiment

THRESHOLD_STARTS = 100  # random starts behind the default tau_g
Rows = tuple[slice, Observable]  # runs that share a task, and the task
# Runs, their theta, m observables: (runs, m).
Measure = Callable[[slice, Tensor, Sequence[Observable]], Tensor]


def run(config: "CircuitExperiment", progress: Callable[[int], Any] | None = None) -> Result:
    """Train all runs of a configuration.

    Args:
        config: what to run.
        progress: called with the number of run-steps just done; their total is seeds * (steps + 1).

    Returns:
        The result.  Beside what Algorithm 1 records of its own loss, the history has, all exact and without
        shots or noise: `energy` (the task), `error` (its distance from the lowest value), `convex` (eq. 1),
        `task_grad_rms` and `convex_grad_rms` (root mean square of a gradient's components; the mean square
        over runs is the gradient variance), `evaluations` so far, `target_information`
        (:meth:`~qbp.circuits.targets.Target.information`), `product_error` (the error of the product state
        along the targets); with shots `snr`, the length of the task's gradient over that of its noise, both
        behind the channel if there is one; with a channel `noisy_energy`.
    """
    began = time.perf_counter()
    device, dtype = resolve_device(config.device), getattr(torch, config.dtype)
    rows = max(1, AMPLITUDES // (2**config.qubits * (1 + config.circuit.n_params if config.shots else 4)))
    algorithm = _algorithm(config, device, dtype)
    thetas, histories = [], []
    for first in range(0, config.seeds, rows):
        seeds = config.run_seeds[first : first + rows]
        theta, history = _run_chunk(config, algorithm, seeds, device, dtype, progress)
        thetas.append(theta)
        histories.append(history)
    step = np.array(histories[0].step)
    found = {
        m: np.concatenate([h.metrics[m].double().cpu().numpy() for h in histories])
        for m in histories[0].metrics
    }
    if algorithm.tau_g is not None:
        found["tau_g"] = np.full_like(found["loss"], algorithm.tau_g)
    return Result(
        config=config,
        theta=torch.cat(thetas),
        step=step,
        history=found | {"evaluations": _evaluations(config, step, found["stage"])},
        minibatch_loss=np.concatenate([h.minibatch_loss.double().cpu().numpy() for h in histories]),
        diverged=np.concatenate([h.diverged.cpu().numpy() for h in histories]),
        seconds=time.perf_counter() - began,
    )


def targets_of(config: "CircuitExperiment", seeds: Sequence[int]) -> list[Target]:
    """Return the target of each run."""
    how: dict[str, Any] = {"frame": config.frame, "layers": config.target_layers}
    return [target(config.hamiltonian, config.circuit, seed, **how) for seed in seeds]


def starts(config: "CircuitExperiment", seeds: Sequence[int]) -> Tensor:
    """Return the random starts, angles uniform on [0, 2 pi), (runs, n_params) float64 on the CPU."""
    return draws.uniform(seeds, "start", config.circuit.n_params, high=2 * np.pi)


def seconds(config: "CircuitExperiment") -> float:
    """Estimate what a configuration takes on one core of a laptop."""
    gates, size = config.circuit.n_params, 2**config.qubits
    local = 3e-7 + 7e-10 * size  # a gate of a gradient, in a batch
    alone = config.frame != "plain" or config.hamiltonian in STATES
    task = 5e-6 + 5e-9 * size if alone else local  # of the task, where each run has its own
    if config.channel:
        local = task = 1.2e-5 + 6e-8 * size**2
    if config.shots:
        shifted = 3e-8 * size**2 if config.channel else 1e-9 * size  # to prepare a shifted circuit
        local = task = 5e-8 * config.shots + 3e-7 * size + gates * shifted
    n_1 = min(config.steps, config.algorithm.stage_1_steps)
    records = 2 * config.steps / config.record_every + 2
    of_gates = n_1 * local + (config.steps - n_1) * (local + task) + records * (local + task)
    return 0.5 + config.seeds * gates * of_gates


def _run_chunk(
    config: "CircuitExperiment",
    algorithm: TwoStageConfig,
    seeds: range,
    device: torch.device,
    dtype: torch.dtype,
    progress: Callable[[int], Any] | None,
) -> tuple[Tensor, History]:
    def counted(step: int) -> int:
        if progress is not None:
            progress(len(seeds))
        return step

    phi = draws.uniform(seeds, "phi", config.circuit.n_params, high=2 * np.pi).to(device, dtype)
    task = _Task(config, algorithm, seeds, device, dtype)
    problem = Problem(task.energy, task.convex, counted, task.evaluate)
    return two_stage(problem, algorithm, starts(config, seeds).to(device, dtype), phi=phi)


class _Task:
    """The losses of some runs, what they are measured with, and what a record holds."""

    def __init__(
        self,
        config: "CircuitExperiment",
        algorithm: TwoStageConfig,
        seeds: Sequence[int],
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.config, self.algorithm, self.seeds = config, algorithm, tuple(seeds)
        targets = targets_of(config, seeds)
        self.rows = _together([t.task for t in targets], device)
        self.local = local_observables(config.qubits, config.paulis)
        self.b = torch.stack([t.local(config.paulis) for t in targets]).to(device, dtype)
        columns = ([t.lowest for t in targets], [t.information(config.paulis) for t in targets])
        self.lowest, self.information, of_product = torch.tensor(
            [*columns, [t.product for t in targets]], dtype=dtype, device=device
        )
        self.product_error = of_product - self.lowest
        self._seen: tuple[int, Tensor] | None = None

    def convex(self, theta: Tensor, step: int) -> Tensor:
        """Eq. 1, (runs,); Algorithm 1 asks for it first, so this measures what the step needs."""
        if not self._fits(step):
            return theta.new_zeros(len(theta))
        return (self._measured(theta, step)[:, -len(self.local) :] - self.b).square().sum(-1)

    def energy(self, theta: Tensor, step: int) -> Tensor:
        """The task, (runs,), where the step's loss contains it."""
        return self._measured(theta, step)[:, 0] if self._asks(step) else theta.new_zeros(len(theta))

    def evaluate(self, theta: Tensor) -> dict[str, Tensor]:
        """What a record holds beside the terms of the loss; exact, whatever the run trains on."""
        theta = theta.detach().requires_grad_()
        values = self._values(theta, True, True, self._exact)
        energy, convex = values[:, 0], (values[:, 1:] - self.b).square().sum(-1)
        (of_task,) = torch.autograd.grad(energy.sum(), theta, retain_graph=True)
        (of_convex,) = torch.autograd.grad(convex.sum(), theta)
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

    def _asks(self, step: int) -> bool:
        """Whether the task is in this step's loss; where runs differ in their switch, it is measured."""
        c = self.algorithm
        return c.switching != "steps" or step >= c.stage_1_steps

    def _fits(self, step: int) -> bool:
        return not self._asks(step) or self.algorithm.lambda_0 > 0

    def _measured(self, theta: Tensor, step: int) -> Tensor:
        """All that this step measures, at once: what shares a setting shares its shots."""
        if self._seen is None or self._seen[0] != step:
            how: Measure = self._noisy if self.config.noise else self._exact
            how = self._with_shots(step) if self.config.shots else how
            self._seen = step, self._values(theta, self._asks(step), self._fits(step), how)
        return self._seen[1]

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


def _algorithm(config: "CircuitExperiment", device: torch.device, dtype: torch.dtype) -> TwoStageConfig:
    """Return the algorithm, with tau_g filled in where eq. 3 reads it and none was given."""
    c = config.algorithm
    if "threshold" not in c.switching or c.tau_g is not None:
        return c
    seeds = range(THRESHOLD_STARTS)
    task = _Task(replace(config, shots=None, channel=None, strength=0.0), c, seeds, device, dtype)
    theta = starts(config, seeds).to(device, dtype).requires_grad_()
    (grad,) = torch.autograd.grad(task.convex(theta, 0).sum(), theta)
    return replace(c, tau_g=default_threshold(gradient_norm(grad, c.norm)))


def _evaluations(config: "CircuitExperiment", step: np.ndarray, stage: np.ndarray) -> np.ndarray:
    """Return the evaluations behind each record, (runs, records).

    A step of Stage 1 measures the settings of the O_i, their values and all shifted circuits; one of Stage 2
    those that task and O_i need together, and the values of the O_i alone: the gradient of eq. 1 needs them,
    that of the task does not.  Without initialization the O_i are never measured.
    """
    local, c, costs = local_observables(config.qubits, config.paulis), config.algorithm, []
    for t in targets_of(config, config.run_seeds):
        fitted = [] if c.lambda_0 == 0 else local
        residual = len(settings(fitted)) if fitted else 0
        costs.append(
            (
                _cost(config.circuit, len(settings(local)), len(settings(local))),
                _cost(config.circuit, len(settings([t.task, *fitted])), residual),
            )
        )
    if c.switching == "steps":
        first = np.minimum(step, c.stage_1_steps) + np.zeros((len(costs), 1), dtype=int)
    else:  # every step is recorded
        first = np.cumsum(stage == 1, axis=1) - (stage == 1)
    of_1, of_2 = np.array(costs, dtype=float).T[..., None]
    return first * of_1 + (step - first) * of_2


def _cost(circuit: "Circuit", shifted: int, values: int) -> int:
    whole = evaluations(circuit, shifted, gradient=True)
    return whole + (evaluations(circuit, values, gradient=False) if values else 0)
