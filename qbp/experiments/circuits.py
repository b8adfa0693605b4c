"""Training runs of a circuit: experiment "vqe", the claim where it belongs.

The paper trains no circuit, so there is no reading to choose: Algorithm 1 on an ansatz, a task, and targets.
Beside what Algorithm 1 records of its own loss, a history has what
:meth:`~qbp.experiments.circuit_losses.CircuitLosses.evaluate` returns, and `evaluations` so far: what a
quantum computer would have been asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from qbp import _checks, draws
from qbp._checks import option
from qbp.algorithm_1 import TwoStageConfig
from qbp.circuits.ansatz import HardwareEfficient
from qbp.circuits.hardware.noise import Channel, amplitude_damping, depolarizing
from qbp.circuits.hardware.parameter_shift import AMPLITUDES
from qbp.circuits.hardware.shots import evaluations, settings
from qbp.circuits.observables import local_observables
from qbp.circuits.targets import FRAMES, STATES, TARGETS, Target, target
from qbp.circuits.training import compiled
from qbp.experiments.circuit_losses import CircuitLosses
from qbp.experiments.runner import Training
from qbp.experiments.settings import TASK_ALONE, Recipe, Settings

if TYPE_CHECKING:
    from qbp.circuits.circuit import Circuit
    from qbp.problem import History, Problem

METHODS = {"two-stage": Recipe(), "no-init": Recipe(TASK_ALONE)}
PAULIS = ("X", "Y", "Z", "XY", "XZ", "YZ", "XYZ")
CHANNELS = {"depolarizing": depolarizing, "damping": amplitude_damping}

# A state of 20 qubits takes 16 MB, and the exact lowest energy that errors are measured from about 7 GB.
MOST_QUBITS = 20
MOST_LAYERS = 10_000

# The step size of all methods.  Of 0.01, 0.02, 0.05, 0.1 and 0.2 on ten seeds from 1000 on, which no result
# uses, it is the largest that serves every task (6 qubits, 6 layers, exact): 0.2 ends higher without
# initialization on maxcut and circuit, the smaller ones end higher for both methods on tfim and random.
ETA = 0.1
OWN = {"optimizer": "adam", "eta_c": ETA, "eta_n": ETA}


@dataclass(frozen=True)
class CircuitExperiment(Settings):
    """Everything that determines a run on a circuit.

    Run r starts at angles uniform on [0, 2 pi) and has a target of its own, both drawn from its seed, the
    same for every method: what is random in a target (the frame, the state) varies with the start, so that an
    interval over seeds speaks of the kind of target and not of one example of it.

    Example:
        >>> config = CircuitExperiment(method="random", hamiltonian="heisenberg", frame="clifford")
        >>> config.method, config.circuit.n_params, config.algorithm.eta_c
        ('no-init', 72, 0.1)
    """

    experiment: str = "vqe"
    method: str = option("two-stage", "how to train")
    hamiltonian: str = option(
        "tfim", "the task: the ground state of tfim, heisenberg or maxcut (a ring), or to prepare a state: "
        "product, circuit or random"
    )  # fmt: skip
    frame: str = option("plain", "clifford: the Hamiltonian in a random local Clifford frame of each run")
    target_layers: int = option(2, "layers of the circuit that prepares the target circuit")
    qubits: int = option(6, "number of qubits")
    layers: int = option(6, "layers of the trained circuit")
    rotations: str = option("ry,rz", "rotations of a layer, in order")
    entangler: str = option("cz", "cz or cnot")
    topology: str = option("ladder", "ladder, ring or brick")
    paulis: str = option("XYZ", "which local expectations Stage 1 fits (eq. 1)")
    shots: int | None = option(
        None, "measurements per shifted circuit and setting (default exact expectations)"
    )
    channel: str | None = option(
        None, "noise on every qubit after each layer: depolarizing or damping (default none)"
    )
    strength: float = option(0.0, "probability of the channel, per qubit and layer")
    seeds: int = option(20, "number of runs")
    seed: int = option(0, "seed of the first run; the next ones count up")
    steps: int = option(300, "training steps of every method")
    device: str = option("auto", "auto, cpu, cuda, cuda:1 ...; auto means CUDA where there is one")
    dtype: str = option("float64", "float64 or float32")
    record_every: int = option(10, "keep metrics each so many steps")
    algorithm: TwoStageConfig | Any = None  # made of a mapping of some of its fields, or None

    experiments, methods = ("vqe",), METHODS
    counts = (*Settings.counts, "qubits", "layers", "target_layers")

    def cost(self) -> tuple[float, float]:
        """Estimate seconds and bytes: of the runs, and of the states and the lowest energy of a target."""
        state = 16.0 * (4 if self.channel else 2) ** self.qubits
        return seconds(self), self._held(self.circuit.n_params) + 30 * state + 2**26

    def training(self) -> "CircuitTraining":
        """Return what trains it."""
        return CircuitTraining(self)

    @cached_property
    def circuit(self) -> HardwareEfficient:
        """The ansatz."""
        rotations = tuple(str(self.rotations).split(","))
        return HardwareEfficient(self.qubits, self.layers, rotations, self.entangler, self.topology)

    @cached_property
    def noise(self) -> Channel | None:
        """The channel after each layer, None without noise."""
        return None if self.channel is None else CHANNELS[self.channel](self.strength)

    def _check(self) -> None:
        check_size(self.qubits, self.layers)
        check_size(1, self.target_layers, "target_layers")
        _checks.choice("hamiltonian", self.hamiltonian, TARGETS)
        _checks.choice("frame", self.frame, FRAMES)
        if self.frame != "plain" and self.hamiltonian in STATES:
            raise ValueError(f"frame is an option of Hamiltonians, got {self.frame!r} for {self.hamiltonian}")
        if self.target_layers != 2 and self.hamiltonian != "circuit":
            raise ValueError(
                f"target_layers is an option of circuit, got {self.target_layers} for {self.hamiltonian}"
            )
        _checks.choice("paulis", self.paulis, PAULIS)
        self._check_noise()
        self.circuit  # noqa: B018  checks the rest

    def _check_noise(self) -> None:
        if self.shots is not None:
            _checks.integer("shots", self.shots)
        if self.channel is None:
            if self.strength != 0:
                raise ValueError(f"strength is an option of a channel, got {self.strength} without one")
            return
        _checks.choice("channel", self.channel, CHANNELS)
        _checks.number("strength", self.strength, low=0, high=1)
        if self.qubits > 6:
            raise ValueError(f"channel trains density matrices of at most 6 qubits, got {self.qubits}")

    def _own(self) -> Mapping[str, Any]:
        return OWN

    def _resolved(self) -> TwoStageConfig:
        algorithm = super()._resolved()
        if algorithm.switching != "steps" and self.record_every != 1:
            raise ValueError(
                f"record_every must be 1 for switching {algorithm.switching!r}, whose steps are counted from "
                f"the records, got {self.record_every}"
            )
        return algorithm


def check_size(qubits: int, layers: int, name: str = "layers") -> None:
    """Raise ValueError where a circuit is too large to be trained on state vectors."""
    if qubits > MOST_QUBITS:
        raise ValueError(
            f"qubits must be at most {MOST_QUBITS} to train on state vectors, got {qubits}; "
            "`qbp variance` takes a thousand"
        )
    if layers > MOST_LAYERS:
        raise ValueError(f"{name} must be at most {MOST_LAYERS} to train on state vectors, got {layers}")


class CircuitTraining(Training):
    """The circuits of a configuration: problem, starts and cost."""

    config: CircuitExperiment

    def __init__(self, config: CircuitExperiment) -> None:
        super().__init__(config)
        states = 1 + config.circuit.n_params if config.shots else 4
        self.rows = max(1, AMPLITUDES // (2**config.qubits * states))
        self.size = 16 * 2**config.qubits * states * min(self.rows, config.seeds)
        self.costs: dict[int, tuple[int, int]] = {}  # of each run, see :func:`_costs`
        self.fill_in_threshold(self._convex, 100)

    def problem(self, seeds: range) -> "Problem":
        """Return the losses of some runs, each with a target of its own."""
        targets = targets_of(self.config, seeds)
        self.costs |= {s: _costs(self.config, t) for s, t in zip(seeds, targets, strict=True)}
        self.losses = CircuitLosses(self.config, seeds, targets, self.device, self.dtype)
        return self.losses.problem()

    def train(self, seeds: range, problem: "Problem") -> tuple[Tensor, "History"]:
        """Train some runs: in the kernel, if it can, those of :meth:`problem` just now."""
        losses, config = self.losses.compiled, self.config
        if losses is None or config.shots or config.noise or self.algorithm.switching != "steps":
            return super().train(seeds, problem)
        start = self.start(seeds).to(self.dtype)
        return compiled.train(losses, problem, self.algorithm, start, self.phases(seeds, start.shape[-1]))

    def start(self, seeds: range) -> Tensor:
        """Return the random starts."""
        return starts(self.config, seeds)

    def more(self, step: np.ndarray, history: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the threshold, if there is one, and the evaluations so far, (runs, records)."""
        tau_g = self.algorithm.tau_g
        threshold = {} if tau_g is None else {"tau_g": np.full_like(history["loss"], tau_g)}
        costs = [self.costs[seed] for seed in self.config.run_seeds]
        return threshold | {"evaluations": _evaluations(self.config, costs, step, history["stage"])}

    def _convex(self, seeds: range) -> tuple[Tensor, Tensor]:
        exact = replace(self.config, shots=None, channel=None, strength=0.0)
        theta = starts(exact, seeds).to(self.device, self.dtype).requires_grad_()
        losses = CircuitLosses(exact, seeds, targets_of(exact, seeds), self.device, self.dtype)
        return theta, losses.losses(theta, 0, task=False, convex=True)[1]


def targets_of(config: CircuitExperiment, seeds: Sequence[int]) -> list[Target]:
    """Return the target of each run."""
    how: dict[str, Any] = {"frame": config.frame, "layers": config.target_layers}
    return [target(config.hamiltonian, config.circuit, seed, **how) for seed in seeds]


def starts(config: CircuitExperiment, seeds: Sequence[int]) -> Tensor:
    """Return the random starts, angles uniform on [0, 2 pi), (runs, n_params) float64 on the CPU."""
    return draws.uniform(seeds, "start", config.circuit.n_params, high=2 * np.pi)


def seconds(config: CircuitExperiment) -> float:
    """Estimate what a configuration takes on one core of a laptop."""
    gates, size = config.circuit.n_params, 2**config.qubits
    local = 6e-8 + 4e-10 * size  # a gate of a gradient, in a batch
    alone = config.frame != "plain" or config.hamiltonian in STATES
    task = 2 * local if alone else local  # of the task, where each run has its own
    if config.algorithm.switching != "steps":  # the listing, step by step
        local, task = 5 * local, 50 * task if alone else 5 * task
    if config.channel:
        local = task = 1.2e-5 + 6e-8 * size**2
    if config.shots:
        shifted = 3e-8 * size**2 if config.channel else 1e-9 * size  # to prepare a shifted circuit
        local = task = 5e-8 * config.shots + 3e-7 * size + gates * shifted
    n_1 = min(config.budget, config.algorithm.stage_1_steps)
    records = 2 * config.budget / config.record_every + 2
    of_gates = n_1 * local + (config.budget - n_1) * (local + task) + records * (local + task)
    return 0.5 + config.seeds * gates * of_gates


def _costs(config: CircuitExperiment, own: Target) -> tuple[int, int]:
    """Return the evaluations of a run in a step of Stage 1, and in one of Stage 2.

    A step of Stage 1 measures the settings of the O_i, their values and all shifted circuits; one of Stage 2
    those that task and O_i need together, and the values of the O_i alone: the gradient of eq. 1 needs them,
    that of the task does not.  Without initialization the O_i are never measured.
    """
    local = local_observables(config.qubits, config.paulis)
    fitted = [] if config.algorithm.lambda_0 == 0 else local
    residual = len(settings(fitted)) if fitted else 0
    return (
        _cost(config.circuit, len(settings(local)), len(settings(local))),
        _cost(config.circuit, len(settings([own.task, *fitted])), residual),
    )


def _evaluations(
    config: CircuitExperiment, costs: Sequence[tuple[int, int]], step: np.ndarray, stage: np.ndarray
) -> np.ndarray:
    """Return the evaluations behind each record, (runs, records), from the costs of each run."""
    c = config.algorithm
    if c.switching == "steps":
        first = np.minimum(step, c.stage_1_steps) + np.zeros((len(costs), 1), dtype=int)
    else:  # every step is recorded
        first = np.cumsum(stage == 1, axis=1) - (stage == 1)
    of_1, of_2 = np.array(costs, dtype=float).T[..., None]
    return first * of_1 + (step - first) * of_2


def _cost(circuit: "Circuit", shifted: int, values: int) -> int:
    whole = evaluations(circuit, shifted, gradient=True)
    return whole + (evaluations(circuit, values, gradient=False) if values else 0)
