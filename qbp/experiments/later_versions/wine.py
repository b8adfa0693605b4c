"""Regression on the Wine data with a circuit of 60 weights, as far as the repository says how.

Stored are three errors and two numbers of weights; the program is not there.  60 weights are three layers of
RX and RZ on ten qubits, as in the version before it, and 1,537 those of a perceptron 13-32-32-1, so that
there are 13 features: the Wine data of scikit-learn.  The settings are those of the version before; the
split, the scale of the features, which of them enter the circuit and the numbers for the three classes are
our choice.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qbp import _checks, draws
from qbp._checks import option
from qbp.algorithm_1 import TwoStageConfig
from qbp.circuits.ansatz import HardwareEfficient
from qbp.circuits.observables import PauliSum
from qbp.experiments.circuits import check_size
from qbp.experiments.runner import Training
from qbp.experiments.settings import TASK_ALONE, Recipe, Settings
from qbp.perceptrons.mlp import MLP, mean_squared_error
from qbp.perceptrons.problems import MiniBatches
from qbp.problem import Problem

METHODS = {"two-stage": Recipe(), "no-init": Recipe(TASK_ALONE), "mlp": Recipe(TASK_ALONE)}
FEATURES = ("first", "components")
N_TRAIN, N_FEATURES = 142, 13  # of 178 samples: four of five
MLP_SHAPE = MLP(N_FEATURES, 32, 1, n_layers=2)
PENALTIES = {"two-stage": 5e-7, "no-init": 5e-4, "mlp": 1e-4}  # of the version with 60 weights
EPOCH = 4  # steps: batches of 32 in 142 samples
NOTEBOOK = {
    "optimizer": "adam",
    "eta_c": 0.02,
    "eta_n": 0.01,
    "stage_1_steps": EPOCH,
    "lambda_0": 0.5,
    "lambda_decay": 0.98 ** (1 / EPOCH),  # 0.98 an epoch
    "beta_0": 0.0,
    "moments": "restarted",
}
OF_CIRCUITS = ("qubits", "layers", "spread", "features")


@dataclass(frozen=True)
class WineExperiment(Settings):
    """Everything that determines a run on the Wine data.  Each run has a split of its own.

    The repository's penalties differ by method: `qbp run` compares methods at one, so it asks for --penalty.

    Example:
        >>> WineExperiment().penalty, WineExperiment(method="no-init").penalty
        (5e-07, 0.0005)
    """

    experiment: str = "wine"
    method: str = option("two-stage", "two-stage, no-init (alias random) or mlp, a control")
    seeds: int = option(20, "number of runs")
    seed: int = option(0, "seed of the first run; the next ones count up")
    steps: int = option(240, "training steps of every method; 240 are 60 epochs")
    device: str = option("auto", "auto, cpu, cuda, cuda:1 ...; auto means CUDA where there is one")
    dtype: str = option("float64", "float64 or float32")
    record_every: int = option(60, "keep metrics each so many steps")
    qubits: int = option(10, "qubits, as many as features enter")
    layers: int = option(3, "layers of RX, RZ and a ring of CNOTs")
    features: str = option("first", "wine: the first features, or their leading principal components")
    spread: float = option(0.01, "standard deviation of the starting angles, radians")
    penalty: float | Any = option(
        None, "weight of the sum of squared weights (default 5e-7 two-stage, 5e-4 no-init, 1e-4 mlp)"
    )
    batch_size: int = option(32, "samples in a mini-batch")
    algorithm: TwoStageConfig | Any = None  # made of a mapping of some of its fields, or None

    experiments, methods = ("wine",), METHODS
    counts = (*Settings.counts, "qubits", "layers", "batch_size")

    def cost(self) -> tuple[float, float]:
        """Estimate seconds and bytes: of the runs, and of the states of all samples."""
        larger = 0.02 if self.method == "mlp" else 2.0 ** (self.qubits - 10) * (1 + self.layers) / 4
        states = 16.0 * 2**self.qubits * 178 * min(self.seeds, WineTraining.rows)
        step = 4e-3 * larger
        return 0.5 + self.seeds * self.budget * step, self._held(MLP_SHAPE.n_params) + 4 * states + 2**26

    def training(self) -> "WineTraining":
        """Return what trains it."""
        return WineTraining(self)

    @cached_property
    def circuit(self) -> HardwareEfficient:
        """The circuit after the features."""
        return HardwareEfficient(self.qubits, self.layers, ("rx", "rz"), "cnot", "ring")

    @property
    def n_weights(self) -> int:
        """The number of weights that are trained."""
        return MLP_SHAPE.n_params if self.method == "mlp" else self.circuit.n_params

    @classmethod
    def foreign(cls, method: str) -> Collection[str]:
        """Return the fields that a method does not have; the penalty is a method's own."""
        return (*OF_CIRCUITS,) if method == "mlp" else ()

    def _usual(self) -> dict[str, Any]:
        return {"penalty": PENALTIES[self.method]}

    def _check(self) -> None:
        _checks.integer("qubits", self.qubits, 1, N_FEATURES)
        check_size(self.qubits, self.layers)
        _checks.choice("features", self.features, FEATURES)
        for name in ("spread", "penalty"):
            _checks.number(name, getattr(self, name), low=0)
        if self.method == "mlp":
            for name in OF_CIRCUITS:
                if getattr(self, name) != type(self).__dataclass_fields__[name].default:
                    raise ValueError(f"{name} is an option of circuits, got {getattr(self, name)!r} for mlp")

    def _own(self) -> Mapping[str, Any]:
        return NOTEBOOK


@cache
def wine() -> tuple[np.ndarray, np.ndarray]:
    """Return the 13 features, (178, 13), and the classes as -1, 0 and 1, (178,).

    Raises:
        ModuleNotFoundError: the package scikit-learn, which ships the data, is not installed.
    """
    try:
        from sklearn.datasets import load_wine  # type: ignore[import-untyped]  # it has no hints
    except ModuleNotFoundError as error:
        said = "the Wine data ship with the package scikit-learn, which is not installed"
        raise ModuleNotFoundError(f"{said}: run `pip install scikit-learn`") from error
    found = load_wine()
    return found.data, found.target - 1.0


def splits(seeds: range) -> tuple[Tensor, Tensor]:
    """Return each run's samples, the first 142 of them for training: float64 on the CPU.

    Args:
        seeds: of the runs.

    Returns:
        Features scaled by the training samples of the run, (runs, 178, 13), and targets (runs, 178, 1).
    """
    x, y = (torch.from_numpy(part) for part in wine())
    order = draws.permutations(seeds, "split", len(x))
    x, y = x[order], y[order].unsqueeze(-1)
    train = x[:, :N_TRAIN]
    return (x - train.mean(1, keepdim=True)) / train.std(1, keepdim=True, correction=0), y


def components(x: Tensor, count: int) -> Tensor:
    """Return the leading principal components of each run's training samples, (runs, 178, count), scaled
    to the standard deviation 1 on them."""
    axes = torch.linalg.svd(x[:, :N_TRAIN], full_matrices=False).Vh[:, :count]
    peak = axes.gather(-1, axes.abs().argmax(-1, keepdim=True))  # positive: a library may choose the sign
    found = x @ (axes * peak.sign()).mT
    return found / found[:, :N_TRAIN].std(1, keepdim=True, correction=0)


class WineTraining(Training):
    """The Wine data of a configuration: the mean squared error on a mini-batch, and E[f(x)^2] in Stage 1."""

    config: WineExperiment
    rows = 10

    def __init__(self, config: WineExperiment) -> None:
        super().__init__(config)
        self.size = 64 * 2**config.qubits * config.batch_size * min(self.rows, config.seeds)

    def problem(self, seeds: range) -> Problem:
        """Return the problem of some runs, each on its own split."""
        c, (x, y) = self.config, splits(seeds)
        if c.method != "mlp":
            x = components(x, c.qubits) if c.features == "components" else x[..., : c.qubits]
        x, y = (part.to(self.device, self.dtype) for part in (x, y))
        batches = MiniBatches(seeds, N_TRAIN, c.batch_size, self.device)
        run = torch.arange(len(seeds), device=self.device).unsqueeze(-1)
        readout = PauliSum({"Z" + "I" * (c.qubits - 1): 1.0})

        def output(theta: Tensor, x: Tensor) -> Tensor:
            if c.method == "mlp":
                return MLP_SHAPE(theta, x)
            return c.circuit.expectation(theta, readout, inputs=x).unsqueeze(-1)

        def both(theta: Tensor, batch: Tensor, task: bool, convex: bool) -> tuple[Tensor, Tensor]:
            found = output(theta, x[run, batch])
            penalty = c.penalty * theta.square().sum(-1)
            error = mean_squared_error(found, y[run, batch]) + penalty
            return error, found.square().mean((-2, -1)) + (0 * penalty if not task else penalty)

        def evaluate(theta: Tensor) -> dict[str, Tensor]:
            with torch.no_grad():
                off = (output(theta, x) - y).square().squeeze(-1)
            return {"train_loss": off[:, :N_TRAIN].mean(-1), "val_loss": off[:, N_TRAIN:].mean(-1)}

        return Problem(batches=batches, evaluate=evaluate, both=both)

    def start(self, seeds: range) -> Tensor:
        """Return angles near zero, or Xavier's weights."""
        if self.config.method == "mlp":
            return MLP_SHAPE.xavier(seeds)
        return self.config.spread * draws.normal(seeds, "start", self.config.circuit.n_params)
