"""Training of the cloning circuit: the later notebook's three arms, as released and as described.

The notebook's Stage 1 computes one ridge-regularized Gauss-Newton step and the loss behind it.  As released
the step makes new weights: the loss is a function of those, so its gradient never reaches the trained ones,
and Stage 1 leaves them where they are.  As described, here, each step of Stage 1 is taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from qbp import _checks, draws
from qbp._checks import option
from qbp.algorithm_1 import TwoStageConfig, two_stage
from qbp.experiments.circuits import check_size
from qbp.experiments.later_versions.cloner import (
    EVE,
    Cloner,
    behind_channels,
    fidelities,
    replayed_starts,
    shots_deviation,
    square_loss,
    surrogate,
)
from qbp.experiments.runner import Training
from qbp.experiments.settings import TASK_ALONE, Recipe, Settings
from qbp.problem import History, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

METHODS = {"two-stage": Recipe(), "convex": Recipe(), "no-init": Recipe(TASK_ALONE)}
ARMS = ("convex", "two-stage", "no-init")  # in the order in which the notebook draws their starts
READINGS, STARTS = ("as-released", "as-described"), ("replayed", "shared")
NOTEBOOK = {  # its Adam has no state for weights without a gradient: it begins with Stage 2
    "optimizer": "adam",
    "eta_c": 0.02,
    "eta_n": 0.02,
    "lambda_0": 1.0,
    "beta_0": 0.0,
    "moments": "restarted",
}


@dataclass(frozen=True)
class CloningExperiment(Settings):
    """Everything that determines a run of the cloning circuit; the defaults are the later notebook's.

    Method "no-init" is its nonconvex arm and "convex" its Stage 1 alone; as described, that is where the
    record of "two-stage" stands at the end of Stage 1.

    Example:
        >>> config = CloningExperiment()
        >>> config.seed, config.starts, config.algorithm.stage_1_steps
        (42, 'replayed', 100)
        >>> CloningExperiment(reading="as-described").starts
        'shared'
    """

    experiment: str = "cloning"
    method: str = option("two-stage", "two-stage, no-init (alias random) or convex, Stage 1 alone")
    reading: str = option(
        "as-released", "as-released: Stage 1 moves no weight; as-described: it takes its ridge steps"
    )
    seeds: int = option(20, "number of runs")
    seed: int | Any = option(
        None, "seed of the first run; the next ones count up (default 42 for replayed starts, 0 for shared)"
    )
    steps: int = option(550, "training steps of every method, both stages")
    device: str = option("auto", "auto, cpu, cuda, cuda:1 ...; auto means CUDA where there is one")
    dtype: str = option("float64", "float64 or float32")
    record_every: int = option(50, "keep metrics each so many steps")
    qubits: int = option(10, "qubits; Alice's is 0, Bob's 1, Eve's 2")
    layers: int = option(5, "layers of RX, RZ and a ring of CNOTs")
    spread: float = option(0.1, "standard deviation of the starting angles, radians")
    starts: str | Any = option(
        None,
        "cloning: replayed, what the notebook draws, other numbers for each method; or shared by all methods "
        "(default replayed as released, shared as described)",
    )
    first_layers: int = option(1, "cloning: depth with which the replayed program begins")
    ridge: float = option(0.01, "cloning: strength of the ridge in a step of Stage 1")
    shots: int = option(1000, "shots behind shots_sd")
    depolarizing: float = option(0.02, "probability of the depolarizing channel of fidelity_channels")
    damping: float = option(0.03, "probability of the amplitude damping channel of fidelity_channels")
    algorithm: TwoStageConfig | Any = None  # made of a mapping of some of its fields, or None

    experiments, methods = ("cloning",), METHODS
    counts = (*Settings.counts, "qubits", "layers", "first_layers", "shots")

    def cost(self) -> tuple[float, float]:
        """Estimate seconds and bytes: of the runs, and of the states of Alice's four."""
        larger = 2.0 ** (self.qubits - 10)
        step = 6e-3 / self.seeds + (9e-4 + 2e-4 * self.layers) * larger
        moved = 0 if self.method == "convex" and not self.is_described else 1
        states = 16.0 * 2**self.qubits * 4 * 4 * min(self.seeds, CloningTraining.rows)
        return 0.3 + self.seeds * self.budget * step * moved, self._held(self.model.n_params) + states + 2**26

    def training(self) -> "CloningTraining":
        """Return what trains it."""
        return CloningTraining(self)

    @cached_property
    def model(self) -> Cloner:
        """The circuit."""
        return Cloner(self.layers, self.qubits)

    @property
    def is_described(self) -> bool:
        """Whether Stage 1 takes its ridge steps."""
        return self.reading == "as-described"

    def _usual(self) -> dict[str, Any]:
        starts = self.starts or ("shared" if self.is_described else "replayed")
        return {"starts": starts, "seed": 42 if starts == "replayed" else 0}

    def _check(self) -> None:
        _checks.choice("reading", self.reading, READINGS)
        _checks.choice("starts", self.starts, STARTS)
        _checks.integer("qubits", self.qubits, EVE + 1)
        check_size(self.qubits, self.layers)
        _checks.number("spread", self.spread, low=0)
        _checks.number("ridge", self.ridge, low=0, strict=True)
        for name in ("depolarizing", "damping"):
            _checks.number(name, getattr(self, name), low=0, high=1)
        _checks.integer("first_layers", self.first_layers, 1, self.layers)
        if self.first_layers != 1 and self.starts != "replayed":
            raise ValueError(f"first_layers is an option of replayed starts, got {self.first_layers}")
        if self.method == "convex" and self.is_described:
            raise ValueError("method 'convex' is as-released: as-described, read two-stage after Stage 1")

    def _own(self) -> Mapping[str, Any]:
        return {**NOTEBOOK, "stage_1_steps": self.steps if self.method == "convex" else 100}

    def _resolved(self) -> TwoStageConfig:
        algorithm = super()._resolved()
        if algorithm.switching != "steps" or algorithm.counting != "within":
            raise ValueError(
                "switching must be steps and counting within for cloning, as the notebook has it"
            )
        return algorithm


class CloningTraining(Training):
    """The cloning circuit of a configuration: problem, starts, and a Stage 1 that moves or does not.

    Its metrics are the mean fidelity over states and clones (`fidelity`), Bob's (`fidelity_bob`), that behind
    both channels (`fidelity_channels`), and the standard deviation of an estimate from shots (`shots_sd`).
    """

    config: CloningExperiment
    rows = 20

    def __init__(self, config: CloningExperiment) -> None:
        super().__init__(config)
        self.size = 64 * 2**config.qubits * 4 * min(self.rows, config.seeds)

    def problem(self, seeds: range) -> Problem:
        """Return the losses and metrics, the same for all runs."""
        config, model = self.config, self.config.model

        def both(theta: Tensor, batch: Any, task: bool, convex: bool) -> tuple[Tensor, Tensor]:
            nothing = 0 * theta.sum(-1)
            if not task and not config.is_described:  # the loss of other weights
                return nothing, nothing
            signals = model.signals(theta)
            return square_loss(signals), surrogate(signals) if config.is_described else nothing

        def evaluate(theta: Tensor) -> dict[str, Tensor]:
            with torch.no_grad():
                signals = model.signals(theta)
                noisy = behind_channels(signals, config.depolarizing, config.damping)
                bob, eve = fidelities(signals)
                return {
                    "fidelity": (bob + eve) / 2,
                    "fidelity_bob": bob,
                    "fidelity_channels": sum(fidelities(noisy)) / 2,  # type: ignore[dict-item]  # of two
                    "shots_sd": shots_deviation(signals, config.shots),
                }

        return Problem(both=both, evaluate=evaluate)

    def start(self, seeds: "Sequence[int]") -> Tensor:
        """Return the starts: those of the notebook's program for this arm, or one for all methods."""
        c = self.config
        if c.starts == "shared":
            return c.spread * draws.normal(seeds, "start", c.model.n_params)
        arm = ARMS.index(c.method)
        return replayed_starts(seeds, c.layers, arm, first=c.first_layers, qubits=c.qubits, spread=c.spread)

    def phases(self, seeds: range, n_params: int) -> float:
        """Return no phases: there is no oscillation."""
        return 0.0

    def train(self, seeds: range, problem: Problem) -> tuple[Tensor, History]:
        """Train some runs; as described, Stage 1 takes ridge steps, and what follows is Stage 2."""
        c = self.algorithm
        if not self.config.is_described or not c.stage_1_steps:
            return super().train(seeds, problem)
        theta, parts = self.start(seeds).to(self.device, self.dtype), []
        length = min(c.stage_1_steps, c.steps)
        for _ in range(length):  # a step of Stage 1: its record, then its ridge step
            parts.append(two_stage(problem, replace(c, steps=0, stage_1_steps=1), theta)[1])
            theta = self.config.model.ridge_step(theta, self.config.ridge)
        every = c.record_every if length % c.record_every == 0 else 1
        rest = replace(c, steps=c.steps - length, stage_1_steps=0, record_every=every)
        theta, last = two_stage(problem, rest, theta)
        return theta, joined(parts, last, self.config.record_every)


def joined(parts: list[History], last: History, every: int) -> History:
    """Return one history of two stages, with the records that are due and the last.

    Args:
        parts: of the steps 0, 1, ..., one each.
        last: of all steps from ``len(parts)`` on.
        every: a record is due each so many steps.
    """
    steps = [*range(len(parts)), *(len(parts) + step for step in last.step)]
    due = [k for k, step in enumerate(steps) if step % every == 0 or step == steps[-1]]
    metrics = {
        name: torch.cat([*(part.metrics[name] for part in parts), values], -1)[..., due]
        for name, values in last.metrics.items()
    }
    return History(
        [steps[k] for k in due],
        metrics,
        torch.cat([part.minibatch_loss for part in (*parts, last)], -1),
        torch.stack([part.diverged for part in (*parts, last)]).any(0),
    )
