"""Algorithm 1 on circuits in the compiled kernel: the steps of :mod:`qbp.algorithm_1`, and the same numbers.

From one record to the next nothing of Python stands between two steps.  Expectations are exact, and Stage 1
ends after a number of steps; for all else the listing runs step by step.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from qbp.algorithm_1 import TwoStageConfig
from qbp.circuits.circuit import Circuit
from qbp.circuits.kernel import evolution as native
from qbp.circuits.kernel.plan import Outside
from qbp.circuits.kernel.preparation import alone
from qbp.circuits.kernel.training import Loss, Optimizer, Runs, Steps
from qbp.circuits.observables import Observable
from qbp.circuits.problems import Infidelity
from qbp.convex import gradient_metrics
from qbp.problem import History, Problem
from qbp.refinement import oscillatory_regularizer


def losses(
    circuit: Circuit,
    tasks: Sequence[tuple[slice, Observable]],
    local: Sequence[Observable],
    targets: Tensor,
    steps: int = 1,
) -> "Losses | None":
    """Return :class:`Losses` of some runs, None where torch computes: on a GPU, or what the kernel cannot.

    Args:
        circuit, tasks, local, targets, steps: as for :class:`Losses`; `targets` on any device.
    """
    if targets.device.type != "cpu":
        return None
    found = Losses(circuit, tasks, local, targets, steps)
    return found if found.supported() else None


class Losses:
    """Task and eq. 1 of some runs: values, gradients and steps of Algorithm 1 in the kernel.

    Args:
        circuit: prepares psi(theta).
        tasks: (runs, their task) in order: a Pauli sum, a projector or an
            :class:`~qbp.circuits.problems.Infidelity`.
        local: the observables O_i of eq. 1, m of them.
        targets: b of each run, (runs, m), on the CPU.
        steps: how many are taken from one record to the next, about.
    """

    def __init__(
        self,
        circuit: Circuit,
        tasks: Sequence[tuple[slice, Observable]],
        local: Sequence[Observable],
        targets: Tensor,
        steps: int = 1,
    ) -> None:
        self.circuit, self.tasks, self.local, self.steps = circuit, tasks, tuple(local), steps
        self.targets, self._loss = native.array(targets), lru_cache(maxsize=None)(self._made)

    def supported(self) -> bool:
        """Whether the kernel computes all of them, and no threads have to share a state."""
        n, like = self.circuit.n_qubits, torch.from_numpy(self.targets)
        sums = [task for _, task in self.tasks if not isinstance(task, Infidelity)]
        fewest = min(len(self.targets[rows]) for rows, _ in self.tasks)
        return (
            native.supports(self.circuit.program, n, like, [*sums, *self.local])
            and self.circuit.n_params > 0
            and alone(fewest, n, self.targets.dtype.char)
        )

    def gradients(self, theta: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the task, eq. 1, both (runs,), and their gradients, both (runs, n_params)."""
        at = native.array(theta)
        parts = [
            self._loss(number, True, False).value_and_gradient(at[rows])
            for number, (rows, _) in enumerate(self.tasks)
        ]
        energy, of_task = (torch.from_numpy(np.concatenate(part)) for part in zip(*parts, strict=True))
        convex, of_convex = map(torch.from_numpy, self._loss(None, False, True).value_and_gradient(at))
        return energy, convex, of_task, of_convex

    def train(self, runs: Runs, optimizer: Optimizer, steps: Steps, task: bool, convex: bool) -> None:
        """Take steps with all runs on a loss that may have the task, eq. 1, or both."""
        if not task:
            self._loss(None, False, True).train(runs, optimizer, steps)
            return
        for number, (rows, _) in enumerate(self.tasks):
            self._loss(number, True, convex).train(runs.part(rows), optimizer, steps)

    def _made(self, number: int | None, task: bool, convex: bool) -> Loss:
        """Return the loss of the runs with one of the tasks, or of all."""
        rows, observable = (slice(None), None) if number is None else self.tasks[number]
        targets, states = self.targets[rows], None
        if isinstance(observable, Infidelity):
            states = np.broadcast_to(native.array(observable.target), (len(targets), 2**observable.n_qubits))
            observable = Outside(observable.n_qubits)
        program, like = self.circuit.program, torch.from_numpy(targets)
        qubits = native.array(self.circuit._start(like, None)[1])
        linear = (observable,) if task and observable is not None else ()
        local = self.local if convex else ()
        shape = len(targets), self.circuit.n_params
        return Loss(program, qubits, shape, targets.dtype.char, linear, local, targets, states, self.steps)


def train(
    losses: Losses, problem: Problem, config: TwoStageConfig, theta0: Tensor, phi: Tensor | float
) -> tuple[Tensor, History]:
    """Run Algorithm 1 as :func:`qbp.algorithm_1.two_stage` does, on losses that the kernel supports.

    Args:
        losses: of the runs.
        problem: `batches` is called with every step, `evaluate` gives what a record holds, the task as
            `energy` and eq. 1 as `convex` among it.
        config: its `switching` is "steps".
        theta0: finite starts in radians, (runs, n_params), on the CPU.
        phi: phases of the oscillation in radians, broadcast against `theta0`.

    Returns:
        theta after the last update, (runs, n_params), and the history.
    """
    c, end = config, config.budget + 1  # in the last step only what is before the update counts
    phases = torch.as_tensor(phi, dtype=theta0.dtype).expand(theta0.shape)
    runs = Runs.start(native.array(theta0), end, native.array(phases))
    optimizer = Optimizer(c.optimizer, float(c.weight_decay or 0), friction=c.friction)
    table, state = _schedule(c, end, theta0.dtype)
    kept: dict[int, tuple[Tensor, Tensor, dict[str, Tensor]]] = {}
    records = {*range(0, c.budget, c.record_every), c.budget}
    for since, until in pairwise(sorted({*records, min(c.stage_1_steps, end), end})):
        theta = torch.from_numpy(runs.theta.copy())
        terms = since >= c.stage_1_steps, since < c.stage_1_steps or c.lambda_0 > 0
        losses.train(runs, optimizer, Steps(table, since, until, c.omega), *terms)
        for step in range(since, until):
            problem.batches(step)
        if since in records:
            kept[since] = theta, torch.from_numpy(runs.noted.copy()), problem.evaluate(theta)
    loss, at = torch.from_numpy(runs.loss), torch.tensor(list(kept))
    thetas, grads, found = zip(*kept.values(), strict=True)
    osc = c.amplitude * oscillatory_regularizer(torch.stack(thetas), omega=c.omega, phi=phases)
    seen = {name: torch.stack([row[name] for row in found]) for name in found[0]}
    own = {"loss": loss[:, at].mT, "energy": seen["energy"], "convex": seen["convex"], "osc": osc}
    same = {name: values[at, None].expand_as(osc) for name, values in state.items()}
    metrics = own | same | gradient_metrics(torch.stack(grads)) | seen  # each (records, runs)
    alive = torch.from_numpy(runs.done)[:, None] > at
    last = (alive * torch.arange(len(at))).cummax(-1).values  # of a run that diverged the last finite record
    return torch.from_numpy(runs.before), History(
        step=list(kept),
        metrics={name: values.mT.gather(-1, last) for name, values in metrics.items()},
        minibatch_loss=loss,
        diverged=torch.from_numpy(runs.done) < end,
    )


def _schedule(c: TwoStageConfig, end: int, dtype: torch.dtype) -> tuple[np.ndarray, dict[str, Tensor]]:
    """Return what each step does, see :class:`~qbp.circuits.kernel.training.Steps`, and lam, beta and stage.

    lam and beta are annealed step by step in the precision of the runs, as lines 7 to 11 do.
    """
    step, kind = np.arange(end), np.float32 if dtype == torch.float32 else np.float64
    stage_2, since = step >= c.stage_1_steps, np.maximum(step - c.stage_1_steps, 0)
    since = since + (c.anneal == "before")
    lam, beta = (
        np.multiply.accumulate(np.array([first] + [decay] * (end + 1), kind))[since]
        for first, decay in ((c.lambda_0, c.lambda_decay), (c.beta_0, c.beta_decay))
    )
    lam, beta = np.where(stage_2, lam, kind(1)), np.where(stage_2, beta, kind(0))
    eta = np.where(stage_2, kind(c.eta_n), kind(c.eta_c))
    restarts = [0, c.restart_step or 0, c.stage_1_steps if c.moments == "restarted" else 0]
    count = 1 + step - np.max([np.where(step >= restart, restart, 0) for restart in restarts], 0)
    table = np.stack([1 - lam, lam, beta * np.float64(c.amplitude), eta, count], 1).astype(np.float64)
    values = lam, beta, 1 + stage_2.astype(kind)
    return table, dict(zip(("lam", "beta", "stage"), map(torch.from_numpy, values), strict=True))
