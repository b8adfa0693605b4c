"""Regression of the later notebook as an experiment: a convex start against a random one on a real circuit.

Its two methods are Algorithm 1 with the notebook's settings: Stage 1 minimizes E[f(x)**2], Stage 2 the mean
squared error with a penalty on the weights; neither blends or oscillates.  A perceptron is the control.

With the output "local" the readout a + sum_k w_k <O_k> of the circuit's local expectations is trained, too.
Eq. 2 is then a Stage 1 of its own, two-stage-ridge, on the notebook's data and on digits.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from qbp import _checks
from qbp._arguments import takes
from qbp._checks import option
from qbp.algorithm_1 import TwoStageConfig
from qbp.convex import gradient_metrics, ridge
from qbp.experiments.circuits import check_size
from qbp.experiments.regressor import N_FEATURES, CircuitRegressor, regression_data, regression_problem
from qbp.experiments.runner import Training
from qbp.experiments.settings import NO_STAGE_1, TASK_ALONE, Recipe, Settings
from qbp.perceptrons.digits import different_digits, digit_angles
from qbp.perceptrons.mlp import MLP, accuracy, cross_entropy, mean_squared_error
from qbp.perceptrons.problems import MiniBatches, perceptron_problem, surrogate_targets
from qbp.problem import Problem

if TYPE_CHECKING:
    from qbp.perceptrons.datasets import Dataset

METHODS = {
    "two-stage": Recipe(),
    "two-stage-ridge": Recipe(NO_STAGE_1),  # eq. 2 before the first step
    "no-init": Recipe(TASK_ALONE),
    "mlp": Recipe(TASK_ALONE),
}
TASKS, CRITERIA = ("regression", "digits"), ("squared", "cross-entropy")
N_TRAIN, PER_CLASS = 256, 100  # training points; training digits of each class
MLP_SHAPE = MLP(1, 32, 1, n_layers=2)  # the control: 1-32-32-1
NOTEBOOK = {  # settings of Algorithm 1 that are its Stage 1 and Stage 2
    "optimizer": "adam",
    "eta_c": 0.02,
    "eta_n": 0.01,
    "lambda_0": 0.0,
    "beta_0": 0.0,
    "norm": "mean-square",
    "tau_g": 1e-4,
}
NOISE = ("shots", "depolarizing", "damping")
OF_CIRCUITS = ("qubits", "layers", "output", "spread", *NOISE)


@dataclass(frozen=True)
class RegressionExperiment(Settings):
    """Everything that determines a run of the four-qubit regression; the defaults are the later notebook's.

    Its Stage 1 ends with the first epoch after which the mean of ||grad||**2 / dim is 1e-4 or more, which is
    the first: the default is one epoch of steps.  `algorithm={"switching": "threshold"}` asks at each step.

    Example:
        >>> config = RegressionExperiment(method="random")
        >>> config.method, config.algorithm.eta_n, RegressionExperiment().algorithm.stage_1_steps
        ('no-init', 0.01, 8)
    """

    experiment: str = "pqc"
    method: str = option("two-stage", "two-stage, two-stage-ridge, no-init (alias random) or mlp, a control")
    seeds: int = option(20, "number of runs")
    seed: int = option(0, "seed of the first run; the next ones count up")
    steps: int = option(480, "training steps of every method; 480 are 60 epochs")
    device: str = option("auto", "auto, cpu, cuda, cuda:1 ...; auto means CUDA where there is one")
    dtype: str = option("float64", "float64 or float32")
    record_every: int = option(8, "keep metrics each so many steps; 8 are an epoch")
    qubits: int = option(4, "qubits; four of them take the features")
    layers: int = option(3, "layers of RX, RZ and a ring of CNOTs")
    output: str | Any = option(
        None,
        "pqc: plain, |f| <= 1; or trained: affine, a + b <Z_0>; local, a + sum_k w_k <O_k>, of X, Y and Z on "
        "every qubit (default plain; local for two-stage-ridge and for digits)",
    )
    spread: float = option(0.01, "pqc: standard deviation of the starting angles, radians")
    penalty: float = option(5e-4, "pqc: weight of the sum of squared weights in the task")
    batch_size: int = option(32, "samples in a mini-batch, at most the training set")
    data_seed: int = option(0, "seed of the data; the same for every run")
    shots: int = option(1000, "shots of val_loss_shots")
    depolarizing: float = option(0.02, "probability of the depolarizing channel of val_loss_channels")
    damping: float = option(0.03, "probability of the amplitude damping channel of val_loss_channels")
    ridge: float = option(1e-3, "two-stage-ridge: strength of eq. 2", later=True)
    task: str = option("regression", "the notebook's regression, or digits: classes of them", later=True)
    classes: str = option("3,5,8", "digits: which, two or more", later=True)
    criterion: str = option("squared", "digits: loss, squared as in eq. 2, or cross-entropy", later=True)
    algorithm: TwoStageConfig | Any = None  # made of a mapping of some of its fields, or None

    experiments, methods = ("pqc",), METHODS
    counts = (*Settings.counts, "batch_size", "shots")
    naturals = (*Settings.naturals, "data_seed")

    def cost(self) -> tuple[float, float]:
        """Estimate seconds and bytes: of the runs, and of the states of all samples."""
        samples = 2 * N_TRAIN if self.task == "regression" else 500 * len(self.digits)
        states = 16.0 * 2**self.qubits * samples * min(self.seeds, RegressionTraining.rows)
        n_params = MLP_SHAPE.n_params + 2 * self.qubits * self.layers
        return seconds(self), self._held(n_params) + 4 * states + 2**26

    def training(self) -> "RegressionTraining":
        """Return what trains it."""
        return RegressionTraining(self)

    @property
    def model(self) -> CircuitRegressor | MLP:
        """What is trained."""
        if self.method == "mlp":
            return MLP_SHAPE
        return CircuitRegressor(self.layers, self.qubits, self.output, len(self.digits))

    @property
    def digits(self) -> list[int]:
        """Classes of the digits, none for the regression."""
        if self.task == "regression":
            return []
        words = [word.strip() for word in self.classes.split(",")]
        if not all(word.isdecimal() for word in words):
            raise ValueError(f"classes must be digits such as 3,5,8, got {self.classes!r}")
        return different_digits([int(word) for word in words])

    @classmethod
    def foreign(cls, method: str) -> Collection[str]:
        """Return the fields that a method does not have."""
        without = () if method == "two-stage-ridge" else ("ridge",)
        return (*OF_CIRCUITS, *without) if method == "mlp" else without

    def _usual(self) -> dict[str, Any]:
        local = self.method == "two-stage-ridge" or self.task == "digits"
        return {"output": "local" if local else "plain"}

    def _check(self) -> None:
        _checks.integer("qubits", self.qubits, N_FEATURES)
        check_size(self.qubits, _checks.integer("layers", self.layers))
        for name in ("spread", "penalty"):
            _checks.number(name, getattr(self, name), low=0)
        for name in ("depolarizing", "damping"):
            _checks.number(name, getattr(self, name), low=0, high=1)
        _checks.number("ridge", self.ridge, low=0, strict=True)
        _checks.choice("task", self.task, TASKS)
        _checks.choice("criterion", self.criterion, CRITERIA)
        CircuitRegressor(self.layers, self.qubits, self.output, len(self.digits))
        self._check_owners()

    def _check_owners(self) -> None:
        """Raise ValueError where an option is set that the method, the task or the output does not have."""
        if self.method == "mlp" and self.task != "regression":
            raise ValueError(f"task is an option of circuits, got {self.task!r} for the method mlp")
        if self.method == "two-stage-ridge" and self.output == "plain":
            raise ValueError("output must be affine or local for two-stage-ridge to set it, got 'plain'")
        without, method = dict[str, tuple[str, str]](), f"the method {self.method}"
        if not self.digits:
            without |= dict.fromkeys(("classes", "criterion"), ("digits", self.task))
        if self.output == "local":
            without |= dict.fromkeys(NOISE, ("plain and affine output", "local output"))
        if self.method == "mlp":
            without |= dict.fromkeys(OF_CIRCUITS, ("circuits", method))
        if self.method != "two-stage-ridge":
            without["ridge"] = "two-stage-ridge", method
        for name, (owner, got) in without.items():
            value, unset = getattr(self, name), type(self).__dataclass_fields__[name].default
            if value != self._usual().get(name, unset):
                raise ValueError(f"{name} is an option of {owner}, got {value!r} for {got}")

    def _own(self) -> Mapping[str, Any]:
        epoch = N_TRAIN // min(self.batch_size, N_TRAIN)
        return {**NOTEBOOK, "stage_1_steps": epoch, "stage_1_cap": 10 * epoch}


class RegressionTraining(Training):
    """The regression of a configuration: data, problem and starts.

    Its metrics are those of :func:`qbp.experiments.regressor.regression_problem`, or of
    :func:`readout_problem` for the output "local".
    """

    config: RegressionExperiment

    def __init__(self, config: RegressionExperiment) -> None:
        super().__init__(config)
        data = regression_data(config.data_seed, N_TRAIN)
        if config.digits:
            data = digit_angles(config.digits, config.qubits, PER_CLASS, seed=config.data_seed)
        self.data = data.to(self.device, self.dtype)
        self.size = 64 * 2**config.qubits * config.batch_size * min(self.rows, config.seeds)

    def problem(self, seeds: range) -> "Problem":
        """Return the problem of the circuit, or of the perceptron with the same penalty."""
        c, data, model = self.config, self.data, self.config.model
        batches = MiniBatches(seeds, len(data.train), c.batch_size, self.device)
        if isinstance(model, CircuitRegressor) and c.output == "local":
            return readout_problem(model, data, batches, penalty=c.penalty, criterion=c.criterion)
        if isinstance(model, CircuitRegressor):
            channels = {"depolarizing": c.depolarizing, "damping": c.damping}
            return regression_problem(model, data, batches, penalty=c.penalty, shots=c.shots, **channels)
        plain = perceptron_problem(model, data, batches)

        def energy(theta: Tensor, batch: Tensor) -> Tensor:
            return plain.energy(theta, batch) + c.penalty * theta.square().sum(-1)

        return replace(plain, energy=energy)

    def start(self, seeds: range) -> Tensor:
        """Return angles near zero, or Xavier's weights; with a readout from eq. 2 for two-stage-ridge."""
        c, model = self.config, self.config.model
        if isinstance(model, MLP):
            return model.xavier(seeds)
        theta0 = model.start(seeds, c.spread)
        if c.method == "two-stage-ridge":
            theta0 = ridge_readout(model, self.data, theta0.to(self.data.x), c.ridge)
        return theta0


@takes(theta0="... model.n_params")
def ridge_readout(model: CircuitRegressor, data: "Dataset", theta0: Tensor, strength: float) -> Tensor:
    """Replace the readout of each start by the solution of eq. 2 on the whole training set.

    Args:
        model: its local expectations at `theta0` and a constant are Phi.
        data: targets y are its y, or one-hot vectors of its labels.
        theta0: starts, (..., n_params).
        strength: ridge parameter of eq. 2.

    Returns:
        (..., n_params).
    """
    phi = model.readout(theta0, data.x[data.train])
    return model.with_readout(theta0, ridge(phi, surrogate_targets(data)[data.train], strength))


@takes()
def readout_problem(
    model: CircuitRegressor,
    data: "Dataset",
    batches: Callable[[int], Any],
    *,
    penalty: float = 0.0,
    criterion: str = "squared",
) -> Problem:
    """Build the problem of a circuit whose readout is trained: the task, and the squared error of eq. 2.

    Args:
        model: the circuit.
        data: real targets, or labels, which eq. 2 and the squared error fit as one-hot vectors.
        batches: step -> indices into the training set, (batch,) or (runs, batch).
        penalty: the task has this times the sum of squared angles added; the readout has no penalty.
        criterion: the task is the error "squared", the mean over samples and outputs, or of labels the
            "cross-entropy".

    Returns:
        The problem; L_convex is the mean squared error.  It evaluates the task without its penalty on the
        training and validation samples (`train_loss`, `val_loss`), `task_grad_norm` and `task_grad_var` of
        the gradient of `train_loss` in all of theta, and for labels `accuracy` (validation).
    """
    _checks.choice("criterion", criterion, CRITERIA)
    targets = surrogate_targets(data)

    def measured(theta: Tensor, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the task, the squared error and the outputs."""
        output = model(theta, data.x[index])
        error = mean_squared_error(output, targets[index])
        return error if criterion == "squared" else cross_entropy(output, data.y[index]), error, output

    def both(theta: Tensor, batch: Tensor, task: bool, convex: bool) -> tuple[Tensor, Tensor]:
        loss, error, _ = measured(theta, data.train[batch])
        return loss + penalty * model.angles(theta).square().sum(-1), error

    def evaluate(theta: Tensor) -> dict[str, Tensor]:
        theta = theta.detach().requires_grad_()
        train_loss = measured(theta, data.train)[0]
        (grad,) = torch.autograd.grad(train_loss.sum(), theta)
        with torch.no_grad():
            val_loss, _, output = measured(theta, data.val)
        found = {"train_loss": train_loss, "val_loss": val_loss}
        if data.is_classification:
            found["accuracy"] = accuracy(output, data.y[data.val])
        metrics = gradient_metrics(grad)
        return found | {"task_grad_norm": metrics["grad_norm"], "task_grad_var": metrics["grad_var"]}

    return Problem(batches=batches, evaluate=evaluate, both=both)


def seconds(config: RegressionExperiment) -> float:
    """Estimate what a configuration takes on one core of a laptop."""
    larger = 2.0 ** (config.qubits - 4)  # than the notebook's circuit
    larger *= (1.5 if config.output == "local" else 1) * (1.4 if config.digits else 1)
    return 0.3 + config.seeds * (config.budget * 2.2e-5 * (3 + config.layers) * larger + 1e-3)
