"""Configuration of a fit: data, circuit, readout and method."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from qbp import _checks
from qbp._checks import option
from qbp.algorithm_1 import TwoStageConfig
from qbp.circuits.ansatz import HardwareEfficient
from qbp.experiments.circuits import check_size
from qbp.experiments.fits.data import DATA
from qbp.experiments.fits.methods import ADAM, ETA, METHODS, NO_CIRCUIT, SOLVED, SQUARES, SquaresConfig
from qbp.experiments.fits.training import FitTraining
from qbp.experiments.regression import NOTEBOOK
from qbp.experiments.regressor import N_FEATURES
from qbp.experiments.settings import Settings
from qbp.remedies.least_squares.readout import OUTPUTS, LinearReadout


@dataclass(frozen=True)
class FitExperiment(Settings):
    """Everything that determines a fit of a circuit's readout; the circuit is the later notebook's.

    All methods start at the same angles, see the same data, and may ask for as many circuit evaluations as
    `steps` steps of Adam on mini-batches do.

    Example:
        >>> config = FitExperiment(method="varpro", data="wine")
        >>> config.model.n_params, config.unit, config.algorithm.damping
        (63, 4704, 1.0)
    """

    experiment: str = "fit"
    method: str = option("varpro", "how to fit")
    data: str = option("sine", "fit: sine, the later notebook's regression; telecom, wine or cancer")
    seeds: int = option(20, "number of runs")
    seed: int = option(0, "seed of the first run; the next ones count up")
    steps: int = option(480, "the budget of circuit evaluations, in steps of Adam on a mini-batch")
    device: str = option("auto", "auto, cpu, cuda, cuda:1 ...; auto means CUDA where there is one")
    dtype: str = option("float64", "float64 or float32")
    record_every: int = option(8, "keep metrics each so many steps")
    qubits: int = option(4, "qubits; the first take the features")
    layers: int = option(3, "layers of RX, RZ and a ring of CNOTs")
    output: str = option("local", "what is read out: plain, affine or local")
    spread: float = option(0.01, "standard deviation of the starting angles, radians")
    penalty: float = option(5e-4, "weight of the sum of squared angles in the task")
    ridge: float = option(1e-3, "strength of eq. 2, where the weights are solved by it")
    batch_size: int = option(32, "samples in a mini-batch, at most the training set")
    data_seed: int = option(0, "seed of the data; the same for every run")
    shots: int | None = option(None, "measurements of each circuit and setting in training (default exact)")
    algorithm: TwoStageConfig | SquaresConfig | Any = None  # made of a mapping of its fields, or None

    experiments, methods = ("fit",), METHODS
    counts = (*Settings.counts, "batch_size")
    naturals = (*Settings.naturals, "data_seed")

    def cost(self) -> tuple[float, float]:
        """Estimate seconds and bytes: of the runs, and of the derivatives on all samples."""
        shifted = 16.0 * 2**self.qubits * 600 * 2 * self.circuit.n_params * self.seeds
        return seconds(self), self._held(self.model.n_params) + shifted + 2**26

    def training(self) -> FitTraining:
        """Return what trains it."""
        return FitTraining(self)

    @property
    def circuit(self) -> HardwareEfficient:
        """The circuit after the features."""
        return HardwareEfficient(self.qubits, self.layers, ("rx", "rz"), "cnot", "ring")

    @property
    def model(self) -> LinearReadout:
        """The circuit with its readout."""
        return LinearReadout(self.circuit, self.output, {"wine": 3, "cancer": 2}.get(self.data, 1))

    @property
    def unit(self) -> int:
        """Circuit evaluations of a step of Adam on a mini-batch, with the values that its residual needs."""
        return self.model.cost(self.batch_size, value=True, gradient=True)

    @classmethod
    def foreign(cls, method: str) -> Collection[str]:
        """Return the fields that a method does not have."""
        without: tuple[str, ...] = () if method in SOLVED else ("ridge",)
        without += () if method in ADAM else ("batch_size",)
        return (*without, "shots", "spread") if method in NO_CIRCUIT else without

    def _check(self) -> None:
        _checks.choice("data", self.data, DATA)
        _checks.choice("output", self.output, OUTPUTS)
        _checks.integer("qubits", self.qubits, N_FEATURES, 12)
        check_size(self.qubits, _checks.integer("layers", self.layers))
        for name in ("spread", "penalty"):
            _checks.number(name, getattr(self, name), low=0)
        _checks.number("ridge", self.ridge, low=0, strict=True)
        if self.shots is not None:
            _checks.integer("shots", self.shots)
        self._check_owners()

    def _check_owners(self) -> None:
        """Raise ValueError where an option is set that the method does not have."""
        if self.method in SOLVED and self.output == "plain":
            raise ValueError(f"output must be affine or local for {self.method} to solve it, got 'plain'")
        if self.method == "rotosolve" and self.shots:
            raise ValueError(f"shots must be None for rotosolve, whose waves are exact, got {self.shots}")
        for name in self.foreign(self.method):
            value, usual = getattr(self, name), type(self).__dataclass_fields__[name].default
            if value != usual and name != "batch_size":  # which says how large a step of the budget is
                raise ValueError(f"{name} is no option of the method {self.method}, got {value!r}")

    def _own(self) -> Mapping[str, Any]:
        if self.recipe is SQUARES:
            return {}
        epoch = max(1, 256 // self.batch_size)
        rates = {"eta_c": 2 * ETA, "eta_n": ETA}
        return {**NOTEBOOK, **rates, "stage_1_steps": epoch, "stage_1_cap": 10 * epoch}


def seconds(config: FitExperiment) -> float:
    """Estimate what a configuration takes on one core of a laptop."""
    circuits = config.steps * config.unit / config.model.settings * config.seeds
    each = 3e-8 * 2**config.qubits * (4 + config.circuit.n_params) / 28
    if config.shots:
        each += 3e-8 * config.model.settings * config.shots
    elif config.method in ADAM:
        each /= 10  # the adjoint gradient, in place of shifted circuits
    if config.method in (*NO_CIRCUIT, "ridge-only", "post-variational"):
        circuits = 0.01 * circuits
    return 0.3 + circuits * each + 1e-3 * config.steps
