"""Ground states in a small span as an experiment: the best combination of a circuit's state and of strings
applied to it, inside the training loop or once at its end, on one budget of circuit evaluations.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from qbp import _checks, draws
from qbp._checks import option
from qbp.circuits.ansatz import HardwareEfficient
from qbp.circuits.hardware.measurement import evaluations, settings
from qbp.circuits.observables import PauliSum
from qbp.circuits.targets import ground_energy
from qbp.experiments.circuits import ETA, check_size
from qbp.experiments.fits.methods import SQUARES, SquaresConfig
from qbp.experiments.fits.molecules import HAMILTONIANS
from qbp.experiments.runner import Training
from qbp.experiments.settings import Recipe, Settings
from qbp.optimizers import Moments, adam
from qbp.problem import History, Problem, Recorder
from qbp.remedies.least_squares.ritz import CUTOFF, local_span, ritz_energy, ritz_settings

METHODS: dict[str, Recipe] = dict.fromkeys(("no-init", "rotosolve", "ritz-once", "ritz"), SQUARES)
LETTERS = ("X", "Y", "Z", "XY", "XZ", "YZ", "XYZ")


@dataclass(frozen=True)
class GroundExperiment(Settings):
    """Everything that determines a search for a ground state, with exact expectations.

    Run r starts at angles uniform on [0, 2 pi) drawn from its seed, the same for every method.  All methods
    may ask for as many circuit evaluations as `steps` gradients of the energy do.

    Example:
        >>> config = GroundExperiment(method="ritz", hamiltonian="h2", qubits=4, layers=2)
        >>> config.unit, config.ritz_cost
        (160, 81)
    """

    experiment: str = "ground"
    method: str = option("ritz", "how to search")
    hamiltonian: str = option("tfim", "ground: tfim, heisenberg or h2 (four qubits)")
    qubits: int = option(6, "number of qubits")
    layers: int = option(6, "layers of RY, RZ and a ladder of CZ")
    span: str = option(
        "XYZ", "ground: letters of the single-qubit strings that span, beside the state itself"
    )
    cutoff: float = option(CUTOFF, "ground: least squared norm of a direction of the span that is kept")
    seeds: int = option(20, "number of runs")
    seed: int = option(0, "seed of the first run; the next ones count up")
    steps: int = option(300, "the budget, in gradients of the energy")
    device: str = option("auto", "auto, cpu, cuda, cuda:1 ...; auto means CUDA where there is one")
    dtype: str = option("float64", "float64 or float32")
    record_every: int = option(10, "keep metrics each so many steps")
    algorithm: SquaresConfig | Any = None  # made of a mapping of its fields, or None

    experiments, methods = ("ground",), METHODS
    counts = (*Settings.counts, "qubits", "layers")

    def cost(self) -> tuple[float, float]:
        """Estimate seconds and bytes: of the runs, and of the states of the span."""
        states = 16.0 * 2**self.qubits * self.seeds * len(self.strings)
        of_gates = 4e-8 * 2**self.qubits * self.seeds * self.circuit.n_params
        taken = self.steps * (1 + self.unit / self.ritz_cost) * of_gates
        return 0.5 + taken, self._held(self.circuit.n_params) + 8 * states + 2**26

    def training(self) -> "GroundTraining":
        """Return what trains it."""
        return GroundTraining(self)

    @property
    def circuit(self) -> HardwareEfficient:
        """The ansatz."""
        return HardwareEfficient(self.qubits, self.layers)

    @property
    def observable(self) -> PauliSum:
        """The Hamiltonian."""
        return HAMILTONIANS[self.hamiltonian](self.qubits)

    @property
    def strings(self) -> tuple[str, ...]:
        """What is applied to the state, the identity first."""
        return local_span(self.qubits, self.span)

    @property
    def unit(self) -> int:
        """Circuit evaluations of a gradient of the energy."""
        return evaluations(self.circuit, len(settings([self.observable])), gradient=True)

    @property
    def ritz_cost(self) -> int:
        """Circuit evaluations of a Ritz value, with the settings of all matrix elements."""
        return ritz_settings(self.observable, self.strings)

    def _check(self) -> None:
        _checks.choice("hamiltonian", self.hamiltonian, HAMILTONIANS)
        check_size(self.qubits, self.layers)
        _checks.integer("qubits", self.qubits, 2, 10)
        _checks.choice("span", self.span, LETTERS)
        _checks.number("cutoff", self.cutoff, low=0, high=1)
        self.observable  # noqa: B018  checks the number of qubits

    def _own(self) -> Mapping[str, Any]:
        return {"eta": ETA}


class GroundTraining(Training):
    """The search of a configuration: energies, starts and cost."""

    config: GroundExperiment

    def __init__(self, config: GroundExperiment) -> None:
        super().__init__(config)
        self.circuit, self.observable = config.circuit, config.observable
        self.lowest = ground_energy(self.observable)
        self.size = 16 * 2**config.qubits * len(config.strings) * min(self.rows, config.seeds)

    def problem(self, seeds: range) -> Problem:
        """Return a problem that counts the steps."""
        return Problem(batches=lambda step: step)

    def start(self, seeds: range) -> Tensor:
        """Return the random starts, (runs, n_params)."""
        return draws.uniform(seeds, "start", self.circuit.n_params, high=2 * math.pi)

    def train(self, seeds: range, problem: Problem) -> tuple[Tensor, History]:
        """Search some runs."""
        with _checks.trusted():  # a run that is not finite is marked, and its neighbours go on
            return self.search(seeds, problem)

    def search(self, seeds: range, problem: Problem) -> tuple[Tensor, History]:
        """Go as far at each step as the evaluations reach, and record what was found."""
        c, theta = self.config, self.start(seeds).to(self.device, self.dtype)
        first, each, move = self._method()
        log, done, state = Recorder(c.steps, c.record_every, like=theta[:, 0]), 0, None
        for step in range(c.steps + 1):
            problem.batches(step)
            for _ in range(done, max(done, (step * c.unit - first) // each)):
                theta, state = move(theta, state, done)
                done += 1
            if log.due(step):
                metrics = self.evaluate(theta) | {
                    "evaluations": torch.full_like(theta[:, 0], first + done * each)
                }
                log.watch(metrics["energy"])
                log.add(step, {"loss": metrics["energy"], **metrics})
            log.loss(metrics["energy"])
        return theta, log.history()

    def evaluate(self, theta: Tensor) -> dict[str, Tensor]:
        """Return the energy that a method answers with, its error, and the error of the state alone."""
        with torch.no_grad():
            plain = self.circuit.expectation(theta, self.observable)
            energy = self.ritz(theta) if self.config.method.startswith("ritz") else plain
        return {"energy": energy, "error": energy - self.lowest, "plain_error": plain - self.lowest}

    def ritz(self, theta: Tensor) -> Tensor:
        """Return the Ritz value at angles (runs, n_params), (runs,)."""
        c = self.config
        return ritz_energy(self.circuit.state(theta), self.observable, c.strings, c.cutoff)

    def _method(self) -> tuple[int, int, Callable[[Tensor, Any, int], tuple[Tensor, Any]]]:
        """Return the evaluations before the first step and of each, and the step."""
        c, plain = self.config, len(settings([self.observable]))
        if c.method == "rotosolve":
            return plain, 2 * plain, self._turn
        if c.method == "ritz":
            return c.ritz_cost, (1 + 2 * self.circuit.n_params) * c.ritz_cost, self._descend
        return (c.ritz_cost if c.method == "ritz-once" else 0), c.unit, self._descend

    def _descend(self, theta: Tensor, state: Moments | None, done: int) -> tuple[Tensor, Moments]:
        theta = theta.detach().requires_grad_()
        of_span = self.config.method == "ritz"
        energy = self.ritz(theta) if of_span else self.circuit.expectation(theta, self.observable)
        (gradient,) = torch.autograd.grad(energy.sum(), theta)
        rate = torch.full_like(energy, self.algorithm.eta).detach()
        return adam(theta.detach(), gradient, state, lr=rate, active=gradient.isfinite().all(-1))

    def _turn(self, theta: Tensor, state: None, done: int) -> tuple[Tensor, None]:
        """Set one angle to its best value (Ostaszewski et al. 2021); the energy is A + B cos t + C sin t."""
        which, quarter = done % theta.shape[-1], math.pi / 2
        shift = torch.zeros_like(theta)
        shift[:, which] = quarter
        with torch.no_grad():
            present, up, down = (
                self.circuit.expectation(theta + k * shift, self.observable) for k in (0, 1, -1)
            )
        t = torch.atan2(down - up, up + down - 2 * present)  # opposite to (B, C)
        return theta + (t / quarter).unsqueeze(-1) * shift, None
