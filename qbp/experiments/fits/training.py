"""Training of a fit: Algorithm 1 where the method is one of its arms, else least squares up to the budget."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from qbp import _checks
from qbp.circuits.hardware.shots import shot_expectations
from qbp.convex import ridge
from qbp.experiments.fits.data import data_angles
from qbp.experiments.fits.methods import ADAM
from qbp.experiments.fits.paths import PATHS, Path
from qbp.experiments.runner import Training
from qbp.perceptrons.mlp import MLP, accuracy, mean_squared_error
from qbp.perceptrons.problems import MiniBatches, surrogate_targets
from qbp.problem import History, Problem, Recorder
from qbp.remedies.least_squares.measured import Measured

if TYPE_CHECKING:
    from qbp.experiments.fits.settings import FitExperiment

Predict = Callable[[Tensor, Tensor], Tensor]  # theta, indices of samples -> f(x)


class FitTraining(Training):
    """The fit of a configuration: data, losses, starts and cost."""

    config: "FitExperiment"

    def __init__(self, config: "FitExperiment") -> None:
        super().__init__(config)
        self.data = data_angles(config.data, config.qubits, config.data_seed).to(self.device, self.dtype)
        self.targets = surrogate_targets(self.data)
        self.model = config.model
        self.perceptron = MLP(self.data.x.shape[-1], 32, self.model.n_outputs, n_layers=2)
        self.size = 64 * 2**config.qubits * config.batch_size * min(self.rows, config.seeds)

    def problem(self, seeds: range) -> Problem:
        """Return the problem of some runs: the squared error on a mini-batch, and the notebook's Stage 1."""
        batches = MiniBatches(seeds, len(self.data.train), self.config.batch_size, self.device)
        return Problem(
            batches=lambda step: (step, self.data.train[batches(step)]),
            evaluate=lambda theta: self.errors(theta, self.predict),
            both=lambda theta, batch, task, convex: self._losses(seeds, theta, *batch),
        )

    def start(self, seeds: range) -> Tensor:
        """Return angles near zero and the readout <Z_c>, of ridge-once that of eq. 2; or Xavier's."""
        if self.config.method == "mlp":
            return self.perceptron.xavier(seeds)
        theta = self.model.start(seeds, self.config.spread)
        if self.config.method != "ridge-once":
            return theta
        angles, _ = self.model.split(theta.to(self.device, self.dtype))
        found = self.measured(seeds, self.data.train).values(angles, purpose="ridge")
        return self.model.join(angles, ridge(found, self.targets[self.data.train], self.config.ridge))

    def train(self, seeds: range, problem: Problem) -> tuple[Tensor, History]:
        """Train some runs."""
        if self.config.method in ADAM:
            return super().train(seeds, problem)
        start = self.start(seeds).to(self.device, self.dtype)
        with _checks.trusted():  # a run that is not finite is marked, and its neighbours go on
            return self.follow(PATHS[self.config.method](self, seeds, start), problem)

    def follow(self, path: Path, problem: Problem) -> tuple[Tensor, History]:
        """Go along a path, as far at each step as its evaluations reach, and record where it stands."""
        c, unit = self.algorithm, self.config.unit
        log, done = Recorder(c.steps, c.record_every, like=path.theta[..., 0]), 0
        for step in range(c.steps + 1):
            problem.batches(step)
            reach = (step * unit - path.first) // path.each if path.each else 0
            for _ in range(done, max(done, reach)):
                done += 1
                path.advance(done)
            loss = path.loss
            log.watch(loss)
            log.loss(loss)
            if log.due(step):
                spent = torch.full_like(loss, path.first + done * path.each)
                log.add(step, {"loss": loss, **path.evaluate(), "evaluations": spent})
        return path.theta, log.history()

    def more(self, step: np.ndarray, history: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the evaluations so far, where the path does not count them, (runs, records)."""
        if "evaluations" in history:
            return {}
        each = 0 if self.config.method == "mlp" else self.config.unit
        once = self.model.cost(len(self.data.train), value=True, gradient=False)
        first = once if self.config.method == "ridge-once" else 0
        return {"evaluations": first + each * step + np.zeros_like(history["loss"])}

    def measured(self, seeds: range, samples: Tensor) -> Measured:
        """Return what is measured on some samples, as the configuration has it."""
        return Measured(
            self.model.circuit, self.model.observables, self.data.x[samples], self.config.shots, tuple(seeds)
        )

    def predict(self, theta: Tensor, samples: Tensor) -> Tensor:
        """Return f(x) of samples (n,), exact, differentiable: (runs, n, n_outputs)."""
        if self.config.method == "mlp":
            return self.perceptron(theta, self.data.x[samples])
        angles, weights = self.model.split(theta)
        found = self.model.circuit.expectations(angles, self.model.observables, self.data.x[samples])
        return self.model.predict(found, weights)

    def errors(self, theta: Tensor, predict: Predict) -> dict[str, Tensor]:
        """Return the exact squared error on training and other samples, and of labels the accuracy."""
        with torch.no_grad():
            trained = predict(theta, self.data.train)
            output = predict(theta, self.data.val)
        found = {
            "train_loss": mean_squared_error(trained, self.targets[self.data.train]),
            "val_loss": mean_squared_error(output, self.targets[self.data.val]),
        }
        if self.data.is_classification:
            found["accuracy"] = accuracy(output, self.data.y[self.data.val])
        return found

    def _losses(self, seeds: range, theta: Tensor, step: int, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Return the task and what Stage 1 minimizes, on a mini-batch (runs, batch) of the pool."""
        target, x = self.targets[samples], self.data.x[samples]
        if self.config.method == "mlp":
            error = mean_squared_error(self.perceptron(theta, x), target)
            return error + self.config.penalty * theta.square().sum(-1), error
        angles, weights = self.model.split(theta)
        found = self._expectations(seeds, angles, x, step)
        error = mean_squared_error(self.model.predict(found, weights), target)
        convex = error if self.model.output == "local" else found.square().mean((-2, -1))
        return error + self.config.penalty * angles.square().sum(-1), convex

    def _expectations(self, seeds: range, angles: Tensor, x: Tensor, step: int) -> Any:
        circuit, observables, shots = self.model.circuit, self.model.observables, self.config.shots
        if shots is None:
            return circuit.expectations(angles, observables, x)
        key = tuple(seeds), "fit", step
        return shot_expectations(circuit, angles, observables, shots, key, inputs=x)
