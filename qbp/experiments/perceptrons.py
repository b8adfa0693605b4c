"""Experiments of the paper with perceptrons (Section IV), in two readings.

"as-released" is what the released notebook computes: penalties on the weights for its first two methods, its
start and batches, float32.  "as-written" is what the text says: the data loss as the task of every method.
Whatever a method minimizes, every method is also measured on the data: `train_loss`, `val_loss`, `accuracy`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from qbp import _checks
from qbp._checks import option
from qbp.algorithm_1 import TwoStageConfig
from qbp.baseline.loop import SellierConfig, sellier
from qbp.baseline.waves import WaveConfig
from qbp.experiments.runner import Training
from qbp.experiments.settings import NO_STAGE_1, TASK_ALONE, Recipe, Settings
from qbp.perceptrons import datasets
from qbp.perceptrons.mlp import MLP
from qbp.perceptrons.problems import MiniBatches, perceptron_problem, ridge_start
from qbp.perceptrons.released import (
    ReleasedBatches,
    convex_penalty,
    replay_start,
    replay_starts,
    task_penalty,
)

if TYPE_CHECKING:
    from qbp.perceptrons.datasets import Dataset
    from qbp.problem import History, Problem

CHUNK_BYTES = 2**22  # state of the runs that go through a step together: small enough to stay in the cache

READINGS = ("as-written", "as-released")
WAVES = WaveConfig()
NEWTON = {"eta_n": (WAVES.kinetic * WAVES.dt) ** 2}  # the step of a packet's mean per unit of force
RELEASED = {"amplitude": 0.1, "anneal": "before"}
METHODS: dict[str, dict[str, Recipe]] = {  # method -> reading -> recipe
    "two-stage": {
        "as-written": Recipe(),
        "as-released": Recipe({"stage_1_steps": 102, **RELEASED}),
    },
    "two-stage-ridge": {"as-written": Recipe(NO_STAGE_1)},
    "no-init": {
        "as-written": Recipe(TASK_ALONE),
        "as-released": Recipe({**NO_STAGE_1, "lambda_0": 0.3, **RELEASED}),
    },
    "heavy-ball": {"as-written": Recipe({**TASK_ALONE, "optimizer": "heavy-ball"}, NEWTON)},
    # the notebook's packets from the shared start, in float64
    "sellier-released": {"as-written": Recipe(algorithm=SellierConfig)},
    "sellier": {
        "as-written": Recipe(algorithm=WaveConfig),
        "as-released": Recipe(algorithm=SellierConfig),
    },
}
Algorithm = TwoStageConfig | WaveConfig | SellierConfig


def _curve(config: "Experiment") -> "Dataset":
    return datasets.curve(config.points, seed=config.data_seed)


def _telecom(config: "Experiment") -> "Dataset":
    # the notebook's noise has seed 42 for every run: one data set
    noise = replay_start("telecom")[1] if config.reading == "as-released" else None
    return datasets.telecom(noise, seed=config.data_seed, as_released=config.data == "as-released")


def _mnist(config: "Experiment") -> "Dataset":
    return datasets.mnist(config.per_class, seed=config.data_seed, path=config.mnist)


@dataclass(frozen=True)
class Task:
    """A data set to train on.

    Attributes:
        load: configuration -> data set, float64 on the CPU.
        n_hidden: hidden units (Section IV.B-D).
        where: its place in the paper.
        record_every: metrics are kept each so many steps.
        waves: own defaults of the waves.
        sizes: inputs, outputs, training and validation samples, roughly, for an estimate of the time.
    """

    load: Callable[["Experiment"], "Dataset"]
    n_hidden: int
    where: str
    record_every: int = 10
    waves: Mapping[str, Any] = field(default_factory=dict)
    sizes: tuple[int, int, int, int] = (1, 1, 1000, 1000)


EXPERIMENTS = {
    "curve": Task(_curve, 250, "IV.B, Fig. 1a", record_every=1, sizes=(1, 1, 3, 2)),
    "telecom": Task(_telecom, 250, "IV.C, Fig. 1b", sizes=(12, 1, 1024, 256)),
    "mnist": Task(  # too many weights for a wave each
        _mnist, 128, "IV.D, Fig. 1c", waves={"form": "closure"}, sizes=(784, 10, 2000, 3000)
    ),
}


@dataclass(frozen=True)
class Experiment(Settings):
    """Everything that determines a run; fields left at None take the value of the experiment and the reading.

    Example:
        >>> config = Experiment("curve", method="two-stage", reading="as-released")
        >>> config.seed, config.dtype, config.algorithm.stage_1_steps
        (42, 'float32', 102)
    """

    experiment: str
    method: str = option("two-stage", "how to train")
    reading: str = option(
        "as-written", "as-written: the data loss; as-released: what the released notebook computes"
    )
    seeds: int = option(20, "number of runs")
    seed: int | Any = option(
        None, "seed of the first run; the next ones count up (default 0; 42 as released)"
    )
    steps: int = option(500, "training steps of every method")
    device: str = option("auto", "auto, cpu, cuda, cuda:1 ...; auto means CUDA where there is one")
    dtype: str | Any = option(None, "float64 or float32 (default float64; float32 as released)")
    record_every: int | Any = option(
        None, "keep metrics each so many steps (default 1 for curve, 10 otherwise)"
    )
    n_hidden: int | Any = option(None, "hidden units (default 250; 128 for mnist)")
    n_layers: int = option(1, "hidden layers")
    batch_size: int = option(16, "samples in a mini-batch, at most the training set")
    points: int = option(3, "curve: training points; 3 are the released notebook's")
    per_class: int | Any = option(
        None, "mnist: training digits per class (default 200; as released 400, or 500 with --mnist)"
    )
    mnist: str | None = option(None, "mnist: folder with the four IDX files of the full set")
    data: str | None = option(
        None, "telecom: as-written or as-released windows and scale (default those of the reading)"
    )
    holdout: float = option(
        0.0, "share of the training samples kept from training; their loss is recorded as held_loss"
    )
    data_seed: int = option(
        0, "seed of the data, the same for every run: curve points (0: the paper's), telecom noise, digits"
    )
    ridge: float = option(1e-3, "two-stage-ridge: strength of eq. 2")
    phi: float | None = option(
        None, "phase of R_osc in radians (default uniform on [0, 2 pi) per run; 0 as released)"
    )
    algorithm: Algorithm | Any = None  # made of a mapping of some of its fields, or None

    experiments, methods = EXPERIMENTS, METHODS
    counts = (*Settings.counts, "n_hidden", "n_layers", "batch_size")
    naturals = (*Settings.naturals, "data_seed")

    def training(self) -> "PerceptronTraining":
        """Return what trains it."""
        return PerceptronTraining(self)

    def cost(self) -> tuple[float, float]:
        """Estimate seconds and bytes: of the runs, and of the samples that go through the layers at once."""
        n_in, n_out, train, val = sizes(self)
        kept = (train + val) * (n_in + n_out + 3 * self.n_hidden * self.n_layers)
        return seconds(self), self._held(n_weights(self)) + 8.0 * (kept + 10 * n_weights(self))

    @property
    def recipe(self) -> Recipe:
        """The recipe of the method in this reading."""
        if self.reading not in METHODS[self.method]:
            raise ValueError(f"method {self.method!r} is not in the released notebook: take it as-written")
        return METHODS[self.method][self.reading]

    def _usual(self) -> dict[str, Any]:
        released, task = self.reading == "as-released", EXPERIMENTS[self.experiment]
        usual = {
            "seed": 42 if released else 0,
            "dtype": "float32" if released else "float64",
            "record_every": task.record_every,
            "n_hidden": task.n_hidden,
            "data": self.reading,
        }
        if self.experiment == "mnist":
            usual["per_class"] = (400 if self.mnist is None else 500) if released else 200
        return usual

    def _check(self) -> None:
        _checks.choice("reading", self.reading, READINGS)
        for name, owner in {"points": "curve", "per_class": "mnist", "mnist": "mnist"}.items():
            value, unset = getattr(self, name), type(self).__dataclass_fields__[name].default
            if self.experiment != owner and value != unset:
                raise ValueError(f"{name} is an option of {owner}, got {value!r} for {self.experiment}")
        _checks.choice("data", self.data, READINGS)
        if self.data != self.reading and self.experiment != "telecom":
            raise ValueError(f"data is an option of telecom, got {self.data!r} for {self.experiment}")
        if self.reading == "as-released" and self.n_layers != 1:
            raise ValueError(f"n_layers is 1 in the released notebook, got {self.n_layers!r}")
        if not 0 <= _checks.number("holdout", self.holdout) < 1:
            raise ValueError(f"holdout must be at least 0 and below 1, got {self.holdout}")
        if self.per_class is not None:
            _checks.integer("per_class", self.per_class)
        _checks.integer("points", self.points, low=2)
        _checks.number("ridge", self.ridge, low=0, strict=True)
        if self.phi is not None:
            _checks.number("phi", self.phi)

    def _own(self) -> Mapping[str, Any]:
        return EXPERIMENTS[self.experiment].waves if self.recipe.algorithm is WaveConfig else {}


def load_data(config: Experiment) -> "Dataset":
    """Return the data set of a configuration, float64 on the CPU."""
    data = EXPERIMENTS[config.experiment].load(config)
    return datasets.hold_out(data, config.holdout, seed=config.data_seed)


def sizes(config: Experiment) -> tuple[int, int, int, int]:
    """Return inputs, outputs, training and validation samples of a configuration's data, roughly."""
    n_in, n_out, train, val = EXPERIMENTS[config.experiment].sizes
    train, val = (config.points, config.points) if config.experiment == "curve" else (train, val)
    return n_in, n_out, 10 * config.per_class if config.per_class else train, val


def n_weights(config: Experiment) -> int:
    """Return the weights of a configuration's perceptron, without building it."""
    (n_in, n_out, *_), h = sizes(config), config.n_hidden
    return h * (n_in + 1) + (config.n_layers - 1) * h * (h + 1) + n_out * (h + 1)


def seconds(config: Experiment) -> float:
    """Estimate what a configuration takes on one core of a laptop."""
    _, _, train, val = sizes(config)
    size, c = n_weights(config), config.algorithm
    step = 5e-5 * (1 + config.n_layers) + 6e-8 * size * (0.5 + min(config.batch_size, train) / 32)
    if isinstance(c, WaveConfig):
        step += size * (2.6e-6 * c.points / 64 if c.form == "wave" else 1.1e-7)
    units = (train + val) * config.n_hidden * config.n_layers
    record = 2.2e-8 * units + 2e-11 * (3 * train + val) * size
    return config.seeds * (config.budget * step + (config.budget / config.record_every + 2) * record)


class PerceptronTraining(Training):
    """The perceptrons of a configuration: data set, model, problem and starts."""

    config: Experiment

    def __init__(self, config: Experiment) -> None:
        super().__init__(config)
        self.released = config.reading == "as-released"
        self.data = data = load_data(config).to(self.device, self.dtype)
        self.model = MLP(data.x.shape[-1], config.n_hidden, data.n_outputs, config.n_layers)
        floats = getattr(self.algorithm, "floats_per_weight", 1)
        row_bytes = self.model.n_params * self.dtype.itemsize * floats
        self.rows = min(config.seeds, max(1, CHUNK_BYTES // row_bytes))
        self.size = self.rows * row_bytes
        self.fill_in_threshold(self._convex, 10)  # the whole training set goes through each

    def problem(self, seeds: range) -> "Problem":
        """Return the losses on the data or, where the notebook has them, on the weights alone."""
        data, size, model = self.data, self.config.batch_size, self.model
        if self.released:
            batches: Callable[[int], Tensor] = ReleasedBatches(len(data.train), size, self.device)
        else:
            batches = MiniBatches(seeds, len(data.train), size, self.device)
        penalties = None
        if self.released and isinstance(self.algorithm, TwoStageConfig):
            penalties = partial(task_penalty, model), partial(convex_penalty, model)
        return perceptron_problem(model, data, batches, penalties)

    def start(self, seeds: range) -> Tensor:
        """Return the shared starts, or the notebook's; with a readout from eq. 2 for two-stage-ridge."""
        drawn = replay_starts(self.config.experiment, seeds) if self.released else self.model.xavier(seeds)
        theta0 = drawn.to(self.data.x)
        if self.config.method == "two-stage-ridge":
            theta0 = ridge_start(self.model, self.data, theta0, self.config.ridge)
        return theta0

    def phases(self, seeds: range, n_params: int) -> Tensor | float:
        """Return the phase that was given, 0 as released, or one drawn for each run and weight."""
        if self.config.phi is not None:
            return self.config.phi
        return 0.0 if self.released else super().phases(seeds, n_params)

    def train(self, seeds: range, problem: "Problem") -> tuple[Tensor, "History"]:
        """Train some runs by Algorithm 1 or by packets."""
        if isinstance(self.algorithm, TwoStageConfig):
            return super().train(seeds, problem)
        return sellier(problem, self.algorithm, self.start(seeds), model=self.model)

    def _convex(self, seeds: range) -> tuple[Tensor, Tensor]:
        theta = self.model.xavier(seeds, self.dtype).to(self.device).requires_grad_()
        whole = torch.arange(len(self.data.train), device=self.device)
        return theta, self.problem(seeds).convex(theta, whole)
