"""Configuration of a remedy on a task: experiment "remedies", every method on one budget of evaluations."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from qbp import _checks
from qbp._checks import option
from qbp.circuits.ansatz import HardwareEfficient
from qbp.experiments.circuits import check_size
from qbp.experiments.remedies.training import RemedyTraining
from qbp.experiments.settings import Recipe, Settings
from qbp.remedies.rates import rate
from qbp.remedies.registry import remedies
from qbp.remedies.tasks import STATES, TASKS

FRAMES = ("plain", "clifford")


@dataclass(frozen=True, kw_only=True)
class RemedyConfig:
    """What a remedy is told beside its task."""

    steps: int = option(300, "the budget, in gradients of the task by all angles")
    eta: float = option(0.1, "step size of a remedy that has one (default by a rule, see qbp.remedies.rates)")
    record_every: int = option(15, "keep metrics each so many gradients' worth")

    def __post_init__(self) -> None:
        """Check every field."""
        _checks.plain(self)
        _checks.number("eta", self.eta, low=0, strict=True)


METHODS = {name: Recipe(algorithm=RemedyConfig) for name in remedies()}


@dataclass(frozen=True)
class RemedyExperiment(Settings):
    """Everything that determines a run of a remedy.

    The budget is what `steps` gradients of the task cost by parameter shifts, whatever a method spends it on;
    a record stands at equal parts of the budget.  With shots all methods so take as many of them.

    Example:
        >>> config = RemedyExperiment(method="random", hamiltonian="regular", frame="clifford")
        >>> config.method, config.circuit.n_params, config.budget
        ('no-init', 72, 300)
    """

    experiment: str = "remedies"
    method: str = option("no-init", "how to train")
    hamiltonian: str = option(
        "tfim",
        "the task: the ground state of tfim, heisenberg, regular (the cut of a random 3-regular graph) or "
        "molecule; or to prepare a state: circuit (of two layers) or random",
    )
    frame: str = option("plain", "clifford: the Hamiltonian in a random local Clifford frame of each run")
    qubits: int = option(6, "number of qubits")
    layers: int = option(6, "layers of the trained circuit")
    shots: int | None = option(None, "measurements per circuit and setting (default exact expectations)")
    seeds: int = option(20, "number of runs")
    seed: int = option(0, "seed of the first run; the next ones count up")
    steps: int = option(300, "the budget of every method, in gradients of the task by all angles")
    device: str = option("auto", "auto, cpu, cuda, cuda:1 ...; auto means CUDA where there is one")
    dtype: str = option("float64", "float64 or float32")
    record_every: int = option(15, "keep metrics each so many gradients' worth")
    algorithm: RemedyConfig | Any = None  # made of a mapping of some of its fields, or None

    experiments, methods = ("remedies",), METHODS
    counts = (*Settings.counts, "qubits", "layers", "steps")

    def cost(self) -> tuple[float, float]:
        """Estimate seconds and bytes: of the runs, and of the states and the lowest energy of a target."""
        state = 16.0 * 2**self.qubits
        held = self.seeds * self.circuit.n_params if self.shots else 2 * self.seeds
        return seconds(self), self._held(self.circuit.n_params) * 20 + (60 + 4 * held) * state + 2**26

    def training(self) -> RemedyTraining:
        """Return what trains it."""
        return RemedyTraining(self)

    @cached_property
    def circuit(self) -> HardwareEfficient:
        """The ansatz, RY and RZ on each qubit, then a ladder of CZs."""
        return HardwareEfficient(self.qubits, self.layers)

    def _check(self) -> None:
        check_size(self.qubits, self.layers)
        _checks.choice("hamiltonian", self.hamiltonian, TASKS)
        _checks.choice("frame", self.frame, FRAMES)
        if self.frame != "plain" and self.hamiltonian in STATES:
            raise ValueError(f"frame is an option of Hamiltonians, got {self.frame!r} for {self.hamiltonian}")
        if self.qubits < 2:
            raise ValueError(f"qubits must be at least 2 for remedies, got {self.qubits}")
        if self.hamiltonian == "regular" and (self.qubits < 4 or self.qubits % 2):
            raise ValueError(f"qubits must be even and at least 4 for regular, got {self.qubits}")
        if self.hamiltonian == "molecule" and self.qubits not in (4, 6, 8):
            raise ValueError(f"qubits must be 4, 6 or 8 for molecule, got {self.qubits}")
        if self.method == "warm" and self.layers < 2:
            raise ValueError(f"layers must be at least 2 for method warm, got {self.layers}")
        if self.shots is not None:
            _checks.integer("shots", self.shots)

    def _own(self) -> Mapping[str, Any]:
        return {"eta": rate(self.method, self.shots is not None)}


# Measured on one core of a laptop, 6 qubits and 6 layers: seconds more for a step of a run than Adam takes,
# and how much longer an exact run is.
MORE = {"adapt": 0.0065, "rotosolve": 0.0026, "fraxis": 0.0031, "clifford": 0.002, "bandit": 0.0013}
MORE |= {"natural-block": 0.0007, "layerwise": 0.0006, "two-stage": 0.001, "two-stage-plain": 0.001}
EXACTLY = {"layerwise": 3.0, "bandit": 6.0}
SETTINGS = {"tfim": 2, "heisenberg": 3, "molecule": 25}  # of a task; others have one
TORCH = {"regular": 0.0015, "circuit": 0.003, "random": 0.003, "molecule": 0.0044}  # seconds of a step


def seconds(config: RemedyExperiment) -> float:
    """Estimate what a configuration takes on one core of a laptop."""
    size, angles = 2.0**config.qubits, config.circuit.n_params
    more, scale = MORE.get(config.method, 0.0), angles * size / (72 * 64)
    if config.shots is None:
        step = 1e-4 + angles * 1.2e-9 * size + TORCH.get(config.hamiltonian, 0.0)
        step = step * EXACTLY.get(config.method, 1.2)
        step += 0.8 * more * (config.method not in ("layerwise", "two-stage", "two-stage-plain"))
    else:
        draws = 2 * angles * (config.shots if config.shots <= 256 else 40)  # of many, the levels alone
        step = 2.4e-4 + SETTINGS.get(config.hamiltonian, 1) * (1.6e-4 * scale + 2.7e-8 * draws) + more
    return 2.0 + config.seeds * config.steps * step
