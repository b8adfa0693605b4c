"""The later notebook's regression as an experiment: a convex start against a random one on a real circuit.

Its two methods are Algorithm 1 with the notebook's settings: Stage 1 minimizes E[f(x)**2], Stage 2 the mean
squared error with a penalty on the weights; neither blends or oscillates.  A perceptron is the control.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from qbp import _checks, draws
from qbp._checks import option
from qbp.algorithm_1 import TwoStageConfig, two_stage
from qbp.experiments.regressor import CircuitRegressor, regression_data, regression_problem
from qbp.experiments.result import Result, resolve_device
from qbp.experiments.settings import resolved
from qbp.perceptrons.mlp import MLP
from qbp.perceptrons.problems import MiniBatches, perceptron_problem

if TYPE_CHECKING:
    from qbp.perceptrons.datasets import Dataset
    from qbp.problem import History, Problem

METHODS = ("two-stage", "no-init", "mlp")
ALIASES = {"random": "no-init"}
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
NO_STAGE_1 = {"stage_1_steps": 0, "switching": "steps", "lambda_0": 0.0, "beta_0": 0.0}
PINNED: dict[str, dict[str, Any]] = {"two-stage": {}, "no-init": NO_STAGE_1, "mlp": NO_STAGE_1}
OF_CIRCUITS = ("qubits", "layers", "output", "spread", "shots", "depolarizing", "damping")
ROWS = 100  # runs that go through a step together


@dataclass(frozen=True)
class RegressionExperiment:
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
    algorithm: TwoStageConfig | Any = None  # made of a mapping of some of its fields or None

    def __post_init__(self) -> None:
        """Check every field and fill in the algorithm."""
        object.__setattr__(self, "method", ALIASES.get(self.method, self.method))
        _checks.choice("experiment", self.experiment, ("pqc",))
        _checks.choice("method", self.method, METHODS)
        _checks.choice("dtype", self.dtype, ("float64", "float32"))
        for name in ("seeds", "record_every", "batch_size", "shots"):
            _checks.integer(name, getattr(self, name))
        for name in ("seed", "steps", "data_seed"):
            _checks.integer(name, getattr(self, name), low=0, high=2**63)
        for name in ("spread", "penalty"):
            _checks.number(name, getattr(self, name), low=0)
        for name in ("depolarizing", "damping"):
            _checks.number(name, getattr(self, name), low=0, high=1)
        CircuitRegressor(self.layers, self.qubits, self.output)
        for name in OF_CIRCUITS if self.method == "mlp" else ():
            value, unset = getattr(self, name), type(self).__dataclass_fields__[name].default
            if value != unset:
                raise ValueError(f"{name} is an option of circuits, got {value!r} for the method mlp")
        object.__setattr__(self, "algorithm", self._algorithm())

    @property
    def run_seeds(self) -> range:
        """The seed of each run, where run r of seed S is the run that seed S + r gives alone."""
        return range(self.seed, self.seed + self.seeds)

    @property
    def model(self) -> CircuitRegressor | MLP:
        """What is trained."""
        return MLP_SHAPE if self.method == "mlp" else CircuitRegressor(self.layers, self.qubits, self.output)

    def _algorithm(self) -> TwoStageConfig:
        epoch = N_TRAIN // min(self.batch_size, N_TRAIN)
        pinned = {**PINNED[self.method], "steps": self.steps, "record_every": self.record_every}
        own = {**NOTEBOOK, "stage_1_steps": epoch, "stage_1_cap": 10 * epoch}
        return resolved(self.algorithm, own, pinned, self.method)


def configurations(
    experiment: str, methods: Iterable[str], algorithm: Mapping[str, Any] | None = None, **options: Any
) -> list[RegressionExperiment]:
    """Return a configuration per method; each takes those of the options that it has and does not fix.

    Raises:
        ValueError: an option that none of the methods takes, or takes so.
    """
    algorithm, configs, taken = algorithm or {}, [], set()
    for method in dict.fromkeys(ALIASES.get(name, name) for name in methods):
        _checks.choice("method", method, METHODS)
        foreign = {*PINNED[method], *(OF_CIRCUITS if method == "mlp" else ())}
        own = {k: v for k, v in options.items() if k not in foreign}
        chosen = {k: v for k, v in algorithm.items() if k not in foreign}
        configs.append(RegressionExperiment(experiment, method=method, algorithm=chosen, **own))
        taken |= own.keys() | chosen.keys()
    if untaken := (options.keys() | algorithm.keys()) - taken:
        raise ValueError(f"{min(untaken)} is fixed in or foreign to each of the methods asked for")
    return configs


def run(config: RegressionExperiment, progress: Callable[[int], Any] | None = None) -> Result:
    """Train all runs of a configuration.

    Args:
        config: what to run.
        progress: called with the number of run-steps just done; their total is seeds * (steps + 1).

    Returns:
        The result, with the metrics of :func:`qbp.experiments.regressor.regression_problem`.

    Raises:
        ValueError: the device is not there.
    """
    began = time.perf_counter()
    data = regression_data(config.data_seed, N_TRAIN).to(
        resolve_device(config.device), getattr(torch, config.dtype)
    )
    chunks = [config.run_seeds[first : first + ROWS] for first in range(0, config.seeds, ROWS)]
    thetas, histories = zip(*(_run_chunk(config, data, seeds, progress) for seeds in chunks), strict=True)

    def rows(parts: Iterable[Tensor]) -> np.ndarray:
        return np.concatenate([part.double().cpu().numpy() for part in parts])

    return Result(
        config=config,
        theta=torch.cat(thetas),
        step=np.array(histories[0].step),
        history={m: rows(h.metrics[m] for h in histories) for m in histories[0].metrics},
        minibatch_loss=rows(h.minibatch_loss for h in histories),
        diverged=np.concatenate([h.diverged.cpu().numpy() for h in histories]),
        seconds=time.perf_counter() - began,
    )


def seconds(config: RegressionExperiment) -> float:
    """Estimate what a configuration takes on one core of a laptop."""
    return 0.3 + config.seeds * (config.steps * 2.2e-5 * (3 + config.layers) + 1e-3)


def _run_chunk(
    config: RegressionExperiment, data: "Dataset", seeds: range, progress: Callable[[int], Any] | None
) -> tuple[Tensor, "History"]:
    batches, model = MiniBatches(seeds, N_TRAIN, config.batch_size, data.x.device), config.model  # type: MiniBatches, Any

    def counted(step: int) -> Tensor:
        if progress is not None:
            progress(len(seeds))
        return batches(step)

    start = model.xavier(seeds) if config.method == "mlp" else model.start(seeds, config.spread)
    phi = draws.uniform(seeds, "phi", model.n_params, high=2 * math.pi)  # for who turns eq. 5 on
    problem = _problem(config, data, counted)
    return two_stage(problem, config.algorithm, start.to(data.x), phi=phi.to(data.x))


def _problem(config: RegressionExperiment, data: "Dataset", batches: Callable[[int], Any]) -> "Problem":
    model, penalty = config.model, config.penalty
    if isinstance(model, CircuitRegressor):
        channels = {"depolarizing": config.depolarizing, "damping": config.damping}
        return regression_problem(model, data, batches, penalty=penalty, shots=config.shots, **channels)
    plain = perceptron_problem(model, data, batches)
    return replace(
        plain, energy=lambda theta, batch: plain.energy(theta, batch) + penalty * theta.square().sum(-1)
    )
