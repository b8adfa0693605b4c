"""The kinds of experiments: for each, its configuration, what runs it, and the code its numbers rest on.

Whatever stores, lists or recomputes runs asks here, so that a new kind of experiment is one entry.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qbp.experiments import (
    circuit_configs,
    circuit_runs,
    perceptron_configs,
    perceptrons,
    regression,
    terrain,
)
from qbp.experiments.circuit_configs import CircuitExperiment
from qbp.experiments.perceptron_configs import EXPERIMENTS, Experiment
from qbp.experiments.result import Result

# Modules that change no number: checks let a run happen or not, a result is what it leaves behind.
APART = frozenset({"qbp._checks", "qbp.experiments.result"})
# Paths of one engine, held together by tests: which of them runs changes rounding only.
PATHS = frozenset(
    {
        "qbp.circuits.adjoint",
        "qbp.circuits.layers",
        "qbp.circuits.kernel.plan",
        "qbp.circuits.kernel.evolution",
        "qbp.circuits.kernel.loops",
    }
)


@dataclass(frozen=True)
class Kind:
    """A kind of experiment.

    Attributes:
        config: its frozen configuration; it has `experiment`, `method`, `seeds`, `seed`, `steps`,
            `record_every`, `device` and `dtype`.
        run: configuration -> :class:`~qbp.experiments.result.Result`.
        apart: modules whose code no number depends on.
        verb: the subcommand of `qbp` that runs it.
        records: configuration -> the steps it records, ascending.
        configurations: (experiment, methods, options by name) -> a configuration for each method.
        seconds: configuration -> what it takes on one core, estimated; None for :mod:`qbp.results.grid`'s
            own.
        metrics: what a summary shows, as far as a run has it.
        targets: {experiment: where in the paper}.
        among: runs in a batch that adds up its sums in another order than one run alone does.
    """

    config: type
    run: Callable[..., Result]
    apart: frozenset[str] = APART
    verb: str = "run"
    records: Callable[[Any], Sequence[int]] = lambda c: [*range(0, c.steps, c.record_every), c.steps]
    configurations: Callable[..., list] = field(default_factory=lambda: perceptron_configs.configurations)
    seconds: Callable[[Any], float] | None = None
    metrics: tuple[str, ...] = ("loss", "train_loss", "val_loss", "accuracy")
    targets: Mapping[str, str] = field(default_factory=dict)
    among: int = 3

    @property
    def roots(self) -> tuple[str, ...]:
        """Dotted names of the configuration and of what runs it, on which every number depends."""
        return tuple(f"{root.__module__}.{root.__qualname__}" for root in (self.config, self.run))


PERCEPTRONS = Kind(
    Experiment,
    perceptrons.run,
    targets={"curve": "IV.B, Fig. 1a", "telecom": "IV.C, Fig. 1b", "mnist": "IV.D, Fig. 1c"},
)
SURVEYS = Kind(Experiment, terrain.survey, verb="terrain", records=terrain.records)
CIRCUITS = Kind(
    CircuitExperiment,
    circuit_runs.run,
    APART | PATHS,
    configurations=circuit_configs.configurations,
    seconds=circuit_runs.seconds,
    metrics=("energy", "error", "convex", "snr", "evaluations"),
    targets={"vqe": "title, III: Algorithm 1 on circuits"},
    among=20,  # the kernel puts few runs into its vectors as it puts one
)
REGRESSION = Kind(
    regression.RegressionExperiment,
    regression.run,
    APART | PATHS,
    configurations=regression.configurations,
    seconds=regression.seconds,
    metrics=("loss", "train_loss", "val_loss", "val_loss_shots", "val_loss_channels"),
    targets={"pqc": "the later notebook"},
)
KINDS: dict[str, Kind] = {
    **dict.fromkeys(EXPERIMENTS, PERCEPTRONS),
    "vqe": CIRCUITS,
    "pqc": REGRESSION,
}


def of(experiment: str, table: str = "") -> Kind:
    """Return the kind of an experiment; in a table named terrain-... it is a survey.

    Raises:
        ValueError: there is none of this name.
    """
    if experiment not in KINDS:
        raise ValueError(f"experiment must be one of {', '.join(KINDS)}, got {experiment!r}")
    return SURVEYS if table.startswith("terrain-") else KINDS[experiment]


def configuration(plain: Mapping[str, Any], **more: Any) -> Any:
    """Return the configuration that plain data stand for, as a table stores them.

    Args:
        plain: {field: value}, with "experiment" among them.
        more: further fields, such as `seed` and `seeds`.

    Example:
        >>> configuration({"experiment": "curve"}, seeds=3).seeds
        3
    """
    return of(plain.get("experiment", "")).config(**plain, **more)


def run(config: Any, progress: Callable[[int], Any] | None = None, table: str = "") -> Result:
    """Run a configuration of any kind, as the rows of a table need it; see
    :func:`qbp.experiments.perceptrons.run`.

    Raises:
        TypeError: `config` is no configuration.

    Example:
        >>> config = circuit_configs.CircuitExperiment(qubits=2, layers=1, seeds=3, steps=1)
        >>> run(config).final("error").shape
        (3,)
    """
    if not hasattr(config, "experiment"):
        raise TypeError(f"config must be a configuration such as qbp.Experiment('curve'), got {config!r}")
    return of(config.experiment, table).run(config, progress)
