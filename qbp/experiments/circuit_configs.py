"""A training run of a circuit as a frozen configuration: experiment "vqe", the claim where it belongs.

The paper trains no circuit, so there is no reading to choose: Algorithm 1 on an ansatz, a task, and targets.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from qbp import _checks
from qbp._checks import option
from qbp.algorithm_1 import TwoStageConfig
from qbp.circuits.ansatz import HardwareEfficient
from qbp.circuits.hardware.noise import Channel, amplitude_damping, depolarizing
from qbp.circuits.targets import FRAMES, STATES, TARGETS
from qbp.experiments.settings import resolved

METHODS = ("two-stage", "no-init")
ALIASES = {"random": "no-init"}
PAULIS = ("X", "Y", "Z", "XY", "XZ", "YZ", "XYZ")
CHANNELS = {"depolarizing": depolarizing, "damping": amplitude_damping}

NO_STAGE_1 = {"stage_1_steps": 0, "switching": "steps"}
PINNED: dict[str, dict[str, Any]] = {
    "two-stage": {},
    "no-init": {**NO_STAGE_1, "lambda_0": 0.0, "beta_0": 0.0},  # the task alone, from the same random start
}
# The step size of all methods.  Of 0.01, 0.02, 0.05, 0.1 and 0.2 on ten seeds from 1000 on, which no result
# uses, it is the largest that serves every task (6 qubits, 6 layers, exact): 0.2 ends higher without
# initialization on maxcut and circuit, the smaller ones end higher for both methods on tfim and random.
ETA = 0.1
OWN = {"optimizer": "adam", "eta_c": ETA, "eta_n": ETA}


@dataclass(frozen=True)
class CircuitExperiment:
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
    algorithm: TwoStageConfig | Any = None  # made of a mapping of some of its fields or None

    def __post_init__(self) -> None:
        """Check every field and fill in the algorithm."""
        object.__setattr__(self, "method", ALIASES.get(self.method, self.method))
        _checks.choice("experiment", self.experiment, ("vqe",))
        _checks.choice("method", self.method, METHODS)
        _checks.choice("hamiltonian", self.hamiltonian, TARGETS)
        _checks.choice("frame", self.frame, FRAMES)
        if self.frame != "plain" and self.hamiltonian in STATES:
            raise ValueError(f"frame is an option of Hamiltonians, got {self.frame!r} for {self.hamiltonian}")
        if self.target_layers != 2 and self.hamiltonian != "circuit":
            raise ValueError(
                f"target_layers is an option of circuit, got {self.target_layers} for {self.hamiltonian}"
            )
        _checks.choice("paulis", self.paulis, PAULIS)
        _checks.choice("dtype", self.dtype, ("float64", "float32"))
        for name in ("seeds", "record_every", "qubits", "layers", "target_layers"):
            _checks.integer(name, getattr(self, name))
        for name in ("seed", "steps"):
            _checks.integer(name, getattr(self, name), low=0, high=2**63)
        self._check_noise()
        self.circuit  # noqa: B018  checks the rest
        object.__setattr__(self, "algorithm", self._algorithm())

    @property
    def run_seeds(self) -> range:
        """The seed of each run, where run r of seed S is the run that seed S + r gives alone."""
        return range(self.seed, self.seed + self.seeds)

    @cached_property
    def circuit(self) -> HardwareEfficient:
        """The ansatz."""
        rotations = tuple(str(self.rotations).split(","))
        return HardwareEfficient(self.qubits, self.layers, rotations, self.entangler, self.topology)

    @cached_property
    def noise(self) -> Channel | None:
        """The channel after each layer, None without noise."""
        return None if self.channel is None else CHANNELS[self.channel](self.strength)

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

    def _algorithm(self) -> TwoStageConfig:
        pinned = {**PINNED[self.method], "steps": self.steps, "record_every": self.record_every}
        found = resolved(self.algorithm, OWN, pinned, self.method)
        if found.switching != "steps" and self.record_every != 1:
            raise ValueError(
                f"record_every must be 1 for switching {found.switching!r}, whose steps are counted from the "
                f"records, got {self.record_every}"
            )
        return found


def configurations(experiment: str, methods: Iterable[str], **options: Any) -> list[CircuitExperiment]:
    """Return one configuration per method, all with these options; as
    :func:`qbp.experiments.perceptron_configs.configurations`.

    An option of the algorithm that a method fixes itself goes to the others alone.
    """
    chosen = dict(options.pop("algorithm", None) or {})
    names = list(dict.fromkeys(ALIASES.get(name, name) for name in methods))
    for name in names:
        _checks.choice("method", name, METHODS)
    free = {name: {k: v for k, v in chosen.items() if k not in PINNED[name]} for name in names}
    if untaken := chosen.keys() - {k for own in free.values() for k in own}:
        raise ValueError(f"{min(untaken)} is fixed in each of the methods asked for")
    return [CircuitExperiment(experiment, method=n, algorithm=free[n], **options) for n in names]
