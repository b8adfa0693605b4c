"""Studies on circuits, read from circuit_studies.toml: a question each, on tasks, with rows to compare.

The counterpart of :mod:`qbp.studies.perceptron_studies`.  Hamiltonians stand in a random local Clifford
frame, except where a task says plain.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from qbp import _checks
from qbp.experiments.circuits import CircuitExperiment
from qbp.studies.study import Study, read_studies, stored

FRAMED = {"frame": "clifford"}
TASKS: dict[str, dict[str, Any]] = {
    "tfim": {"hamiltonian": "tfim", **FRAMED},
    "heisenberg": {"hamiltonian": "heisenberg", **FRAMED},
    "maxcut": {"hamiltonian": "maxcut", **FRAMED},
    "product": {"hamiltonian": "product"},
    "circuit": {"hamiltonian": "circuit"},
    "random": {"hamiltonian": "random"},
    "tfim, plain": {"hamiltonian": "tfim"},
}
SIX = tuple(TASKS)[:6]
KEPT: tuple[str, ...] = ("energy", "error", "convex", "task_grad_rms", "evaluations")
KEPT += ("target_information", "product_error", "snr", "noisy_energy")


@dataclass(frozen=True)
class CircuitStudy(Study):
    """A question on circuits and the rows that answer it.

    Attributes:
        rows: {label: options of :class:`~qbp.experiments.circuits.CircuitExperiment`}, baselines
            first.
        tasks: where it is asked, of TASKS.
        shared: options of all its rows.
        table: file of the results.
    """

    rows: Mapping[str, Mapping[str, Any]]
    tasks: tuple[str, ...]
    table: str
    shared: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def configs(self, task: str) -> dict[str, CircuitExperiment]:
        """Return {label: configuration} of one task."""
        _checks.choice("task", task, self.tasks)
        return {
            label: CircuitExperiment(**{**TASKS[task], **self.shared, **options})
            for label, options in self.rows.items()
        }

    def home(self, config: CircuitExperiment) -> str:
        """Return the study's table."""
        return self.table

    def called(self, task: str) -> str:
        """Return the name with "vqe" before it."""
        return f"vqe/{self.name}/{task}"


def read(text: str) -> tuple[CircuitStudy, ...]:
    """Return the studies of a text like circuit_studies.toml, in its order.

    Raises:
        ValueError: as :func:`qbp.studies.study.read_studies`.
    """
    return read_studies(CircuitStudy, text, lambda rows: {row.label: row.options for row in rows})


STUDIES = read(stored("qbp.studies", "circuit_studies.toml"))


def study(name: str) -> CircuitStudy:
    """Return a study by its name; raise ValueError if there is none."""
    return {s.name: s for s in STUDIES}[_checks.choice("study", name, [s.name for s in STUDIES])]
