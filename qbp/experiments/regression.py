"""Regression of the later notebook as an experiment: a convex start against a random one on a real circuit.

Its two methods are Algorithm 1 with the notebook's settings: Stage 1 minimizes E[f(x)**2], Stage 2 the mean
squared error with a penalty on the weights; neither blends or oscillates.  A perceptron is the control.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from torch import Tensor

from qbp import _checks
from qbp._checks import option
from qbp.algorithm_1 import TwoStageConfig
from qbp.experiments.circuits import check_size
from qbp.experiments.regressor import N_FEATURES, CircuitRegressor, regression_data, regression_problem
from qbp.experiments.runner import Training
from qbp.experiments.settings import TASK_ALONE, Recipe, Settings
from qbp.perceptrons.mlp import MLP
from qbp.perceptrons.problems import MiniBatches, perceptron_problem

if TYPE_CHECKING:
    from qbp.problem import Problem

METHODS = {"two-stage": Recipe(), "no-init": Recipe(TASK_ALONE), "mlp": Recipe(TASK_ALONE)}
N_TRAIN = 256
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
OF_CIRCUITS = ("qubits", "layers", "output", "spread", "shots", "depolarizing", "damping")


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
    method: str = option("two-stage", "how to train: two-stage, no-init (alias random) or mlp, the control")
    seeds: int = option(20, "number of runs")
    seed: int = option(0, "seed of the first run; the next ones count up")
    steps: int = option(480, "training steps of every method; 480 are 60 epochs")
    device: str = option("auto", "auto, cpu, cuda, cuda:1 ...; auto means CUDA where there is one")
    dtype: str = option("float64", "float64 or float32")
    record_every: int = option(8, "keep metrics each so many steps; 8 are an epoch")
    qubits: int = option(4, "qubits; four of them take the features")
    layers: int = option(3, "layers of RX, RZ and a ring of CNOTs")
    output: str = option("plain", "pqc: plain, |f| <= 1, or affine, a + b <Z_0> with a and b trained")
    spread: float = option(0.01, "pqc: standard deviation of the starting angles, radians")
    penalty: float = option(5e-4, "pqc: weight of the sum of squared weights in the task")
    batch_size: int = option(32, "samples in a mini-batch, at most the training set")
    data_seed: int = option(0, "seed of the data; the same for every run")
    shots: int = option(1000, "shots of val_loss_shots")
    depolarizing: float = option(0.02, "probability of the depolarizing channel of val_loss_channels")
    damping: float = option(0.03, "probability of the amplitude damping channel of val_loss_channels")
    algorithm: TwoStageConfig | Any = None  # made of a mapping of some of its fields, or None

    experiments, methods = ("pqc",), METHODS
    counts = (*Settings.counts, "batch_size", "shots")
    naturals = (*Settings.naturals, "data_seed")

    def cost(self) -> tuple[float, float]:
        """Estimate seconds and bytes: of the runs, and of the states of all samples."""
        states = 16.0 * 2**self.qubits * (2 * N_TRAIN) * min(self.seeds, RegressionTraining.rows)
        n_params = MLP_SHAPE.n_params + 2 * self.qubits * self.layers
        return seconds(self), self._held(n_params) + 4 * states + 2**26

    def training(self) -> "RegressionTraining":
        """Return what trains it."""
        return RegressionTraining(self)

    @property
    def model(self) -> CircuitRegressor | MLP:
        """What is trained."""
        return MLP_SHAPE if self.method == "mlp" else CircuitRegressor(self.layers, self.qubits, self.output)

    @classmethod
    def foreign(cls, method: str) -> Collection[str]:
        """Return the fields that a method does not have."""
        return OF_CIRCUITS if method == "mlp" else ()

    def _check(self) -> None:
        _checks.integer("qubits", self.qubits, N_FEATURES)
        check_size(self.qubits, _checks.integer("layers", self.layers))
        for name in ("spread", "penalty"):
            _checks.number(name, getattr(self, name), low=0)
        for name in ("depolarizing", "damping"):
            _checks.number(name, getattr(self, name), low=0, high=1)
        CircuitRegressor(self.layers, self.qubits, self.output)
        for name in self.foreign(self.method):
            value, unset = getattr(self, name), type(self).__dataclass_fields__[name].default
            if value != unset:
                raise ValueError(f"{name} is an option of circuits, got {value!r} for the method mlp")

    def _own(self) -> Mapping[str, Any]:
        epoch = N_TRAIN // min(self.batch_size, N_TRAIN)
        return {**NOTEBOOK, "stage_1_steps": epoch, "stage_1_cap": 10 * epoch}


class RegressionTraining(Training):
    """The regression of a configuration: data, problem and starts.

    Its metrics are those of :func:`qbp.experiments.regressor.regression_problem`.
    """

    config: RegressionExperiment

    def __init__(self, config: RegressionExperiment) -> None:
        super().__init__(config)
        self.data = regression_data(config.data_seed, N_TRAIN).to(self.device, self.dtype)
        self.size = 64 * 2**config.qubits * config.batch_size * min(self.rows, config.seeds)

    def problem(self, seeds: range) -> "Problem":
        """Return the problem of the circuit, or of the perceptron with the same penalty."""
        c, data, model = self.config, self.data, self.config.model
        batches = MiniBatches(seeds, N_TRAIN, c.batch_size, self.device)
        if isinstance(model, CircuitRegressor):
            channels = {"depolarizing": c.depolarizing, "damping": c.damping}
            return regression_problem(model, data, batches, penalty=c.penalty, shots=c.shots, **channels)
        plain = perceptron_problem(model, data, batches)

        def energy(theta: Tensor, batch: Tensor) -> Tensor:
            return plain.energy(theta, batch) + c.penalty * theta.square().sum(-1)

        return replace(plain, energy=energy)

    def start(self, seeds: range) -> Tensor:
        """Return angles near zero, or Xavier's weights."""
        model = self.config.model
        if isinstance(model, MLP):
            return model.xavier(seeds)
        return model.start(seeds, self.config.spread)


def seconds(config: RegressionExperiment) -> float:
    """Estimate what a configuration takes on one core of a laptop."""
    larger = 2.0 ** (config.qubits - 4)  # than the notebook's circuit
    return 0.3 + config.seeds * (config.steps * 2.2e-5 * (3 + config.layers) * larger + 1e-3)
