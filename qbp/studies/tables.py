"""Committed tables, and the studies whose rows they hold, each listed once.

A table is an entry of `TABLES`, a study one of `STUDIES`; what `qbp grid` computes, what a claim is measured
on and what a chapter loads is looked up here.
"""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from qbp import _checks
from qbp.experiments import registry
from qbp.experiments.perceptrons import EXPERIMENTS
from qbp.experiments.terrain import circuits as circuit_terrain
from qbp.experiments.terrain import perceptrons as terrain
from qbp.results import store
from qbp.results.table import Table
from qbp.studies import circuit_studies, perceptron_studies, regression_studies, start_studies
from qbp.studies.circuit_studies import TASKS as CIRCUITS
from qbp.studies.fits import two_steps
from qbp.studies.later_versions import later_studies
from qbp.studies.perceptron_studies import COMPARISONS, FEW, TASKS
from qbp.studies.remedies import grid as remedy_grid
from qbp.studies.study import Study, Whole

if TYPE_CHECKING:
    from qbp.experiments.result import Result

_WALKED: dict[str, list[Any]] = {f"terrain-{name}": terrain.configs(name) for name in EXPERIMENTS}
_WALKED |= {f"terrain-{name}": circuit_terrain.configs(**CIRCUITS[name]) for name in ("tfim", "circuit")}
SURVEYS = {
    name: Table(
        "I, III.B, IV.D",
        {store.key(config): config for config in configs},
        kind="surveys",
        command=f"{store.command(configs[0], registry.SURVEYS.verb)} --save results",
    )
    for name, configs in _WALKED.items()
}
_CHOICES, _GRADIENTS = "III, IV: every choice", "abstract, III: gradients where Stage 2 begins"
_DEPTHS = "the abstract: across varying circuit depths"
_CIRCUITS, _REGRESSION = circuit_studies.KEPT, regression_studies.METRICS
TABLES: dict[str, Table] = {  # those without configurations of their own are filled by the studies
    **COMPARISONS,
    **{f"ablations-{task}": Table(_CHOICES, {}, FEW) for task in sorted(TASKS)},
    "sellier-variants": Table("IV, [6]", {}, FEW),
    "sellier-tuning": Table("IV, [6]: its constants", {}, ("train_loss", "val_loss")),
    "pqc": Table("the later notebook", {}, _REGRESSION, "regression"),
    "pqc-depth": Table(_DEPTHS, {}, _REGRESSION, "regression"),
    "pqc-ridge": Table("title, eq. 2: on a circuit", {}, regression_studies.RIDGE_METRICS, "regression"),
    "vqe": Table("title, III: on circuits", {}, _CIRCUITS),
    "vqe-length": Table("title, III: on circuits, longer", {}, _CIRCUITS),
    "vqe-8": Table("title, III: on eight qubits", {}, _CIRCUITS),
    "vqe-shots": Table("abstract: noise of shots", {}, _CIRCUITS),
    "vqe-plateau": Table("title, III: on a plateau", {}, _CIRCUITS),
    "vqe-noise": Table("abstract: noise channels", {}, _CIRCUITS),
    "starts": Table(_GRADIENTS, {}, start_studies.METRICS, "starts"),
    "starts-switching": Table("III.A, eq. 3", {}, ("stage", "task_grad_rms", "error"), "starts"),
    "two-steps": Table("title: two steps of least squares", {}, two_steps.METRICS, "fits"),
    "two-steps-ground": Table("title: least squares for ground states", {}, two_steps.OF_GROUND, "fits"),
    "cloning": Table("versions 1 and 3: BB84", {}, later_studies.METRICS, "later"),
    "wine": Table("the later versions: Wine", {}, later_studies.WINE_METRICS, "later"),
    **remedy_grid.TABLES,
    **SURVEYS,
}
STUDIES: tuple[Study, ...] = (
    *perceptron_studies.STUDIES,
    *circuit_studies.STUDIES,
    regression_studies.STUDY,
    regression_studies.RIDGE,
    start_studies.STUDY,
    two_steps.STUDY,
    later_studies.CLONING,
    later_studies.WINE,
    remedy_grid.STUDY,
    remedy_grid.RATES,
    Whole("comparisons", "How does the method compare with the paper's baselines?", COMPARISONS),
    Whole("surveys", "What terrain does a method walk?", SURVEYS),
)


class Source(NamedTuple):
    """A study on one of its tasks: what a name of a claim stands for."""

    study: Study
    task: str

    @property
    def configs(self) -> dict[str, Any]:
        """Configurations by their label."""
        return self.study.configs(self.task)

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the committed tables that it reads."""
        return self.study.tables(self.task)

    def load(self, directory: Path = store.DIRECTORY) -> "dict[str, Result]":
        """Read its rows, {label: Result}."""
        return self.study.load(self.task, directory)


@cache
def tables() -> dict[str, Table]:
    """Return every table with all its configurations, {name: table}.

    Raises:
        ValueError: a table is no study's home, or the home of a study is no table.
    """
    held = {name: dict(table.configs) for name, table in TABLES.items()}
    for study in STUDIES:
        for config in (c for task in study.tasks for c in study.configs(task).values()):
            rows, key = held[_checks.choice("table", study.home(config), held)], store.key(config)
            if key not in rows or rows[key].seeds < config.seeds:
                rows[key] = config
    if empty := [name for name, configs in held.items() if not configs]:
        raise ValueError(f"a table must be the home of a study's rows (Study.home), got {', '.join(empty)}")
    return {name: replace(table, configs=held[name]) for name, table in TABLES.items()}


def gridded() -> dict[str, Table]:
    """Return the tables that `qbp grid` makes: all but those with a command of their own."""
    return {name: table for name, table in tables().items() if not table.command}


@cache
def _sources() -> dict[str, Source]:
    return {study.called(task): Source(study, task) for study in STUDIES for task in study.tasks}


def resolve(name: str) -> Source:
    """Return what a name stands for: a table with a row per method, or a study on a task.

    Example:
        >>> resolve("vqe/noise/tfim").tables, resolve("curve").tables
        (('vqe-noise',), ('curve',))
    """
    return _sources()[_checks.choice("name", name, _sources())]


def load(name: str, directory: Path = store.DIRECTORY) -> "dict[str, Result]":
    """Read what a name stands for, {label: Result}.

    Raises:
        ValueError: there is no such name, or a table or a row is not there.
    """
    return resolve(name).load(directory)
