"""Studies on circuits, as data: a question each, on tasks, with rows to compare.

The counterpart of :mod:`qbp.studies.perceptron_studies`.  Hamiltonians stand in a random local Clifford
frame, except where a task says plain.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from qbp import _checks
from qbp.experiments.circuits import CircuitExperiment
from qbp.studies.study import Study

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
TWO: dict[str, dict[str, Any]] = {"no-init": {"method": "no-init"}, "two-stage": {"method": "two-stage"}}
Z_ONLY = {"method": "two-stage", "paulis": "Z"}
STEPS, LONGER = CircuitExperiment.steps, 1200  # of a run; of the task alone at two-stage's cost or above
KEPT = ("energy", "error", "convex", "task_grad_rms", "evaluations")
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


def each(what: str, choices: Mapping[Any, Mapping[str, Any]], methods: Mapping[str, Any] = TWO) -> dict:
    """Return a row per choice and method, labelled "method, what choice"."""
    return {
        f"{name}, {what.format(choice)}": {**method, **options}
        for choice, options in choices.items()
        for name, method in methods.items()
    }


COMPARED = {
    **TWO,
    "two-stage, Z": Z_ONLY,
    "Stage 1 only": {"method": "two-stage", "algorithm": {"stage_1_steps": STEPS + 1}},
    "no-init, longer": {"method": "no-init", "steps": LONGER, "record_every": 20},
}

STUDIES: tuple[CircuitStudy, ...] = (
    CircuitStudy("methods", "Does Stage 1 help?", COMPARED, tuple(TASKS), "vqe"),
    CircuitStudy(
        "methods-8",
        "Does it help on eight qubits and eight layers?",
        COMPARED,
        SIX,
        "vqe-8",
        {"qubits": 8, "layers": 8},
    ),
    CircuitStudy(
        "layers",
        "Does it hold across depths?",
        each("{} layers", {n: {"layers": n} for n in (1, 2, 4, 8, 12)}),
        ("tfim", "circuit"),
        "vqe",
    ),
    CircuitStudy(
        "information",
        "Does the gain follow what the local targets know?",
        each("target of {} layers", {n: {"target_layers": n} for n in (1, 3, 4, 6, 10)}),
        ("circuit",),
        "vqe",
    ),
    CircuitStudy(
        "stage-1",
        "What do the blend, the oscillation and the length of Stage 1 do?",
        {
            label: {"method": "two-stage", "algorithm": options}
            for label, options in {
                "beta = 0": {"beta_0": 0.0},
                "lam = beta = 0": {"lambda_0": 0.0, "beta_0": 0.0},
                "25 steps": {"stage_1_steps": 25},
                "25 steps, lam = beta = 0": {"stage_1_steps": 25, "lambda_0": 0.0, "beta_0": 0.0},
            }.items()
        },
        ("tfim", "circuit", "random"),
        "vqe",
    ),
    CircuitStudy(
        "optimizer",
        "Does plain gradient descent, as in the listing, change the outcome?",
        each("{}", {"gd": {"algorithm": {"optimizer": "gd", "eta_c": 0.1, "eta_n": 0.1}}}),
        ("tfim", "circuit"),
        "vqe",
    ),
    CircuitStudy(
        "shots",
        "Does it hold with finite shots, where plateaus bite?",
        {
            **each("{} shots", {10: {"shots": 10}, 100: {"shots": 100}}, {**TWO, "two-stage, Z": Z_ONLY}),
            **each("{} shots", {1000: {"shots": 1000}}),
        },
        ("tfim", "circuit"),
        "vqe-shots",
    ),
    CircuitStudy(
        "plateau",
        "And where the random start is on a plateau: ten qubits, a global cost, few shots?",
        {**TWO, **each("{} shots", {10: {"shots": 10}, 100: {"shots": 100}})},
        ("product", "circuit"),
        "vqe-plateau",
        {"qubits": 10, "layers": 2},
    ),
    CircuitStudy(
        "noise",
        "Does it hold with noise after each layer, and with shots of what is behind it?",
        {
            **TWO,
            **each(
                "{}",
                {
                    f"{name} {p:g}": {"channel": name, "strength": p}
                    for name, p in (("depolarizing", 0.01), ("depolarizing", 0.05), ("damping", 0.05))
                },
            ),
            **each(
                "{}",
                {
                    f"{name} 0.05, {shots} shots": {"channel": name, "strength": 0.05, "shots": shots}
                    for name, shots in (("depolarizing", 10), ("depolarizing", 100), ("damping", 100))
                },
            ),
        },
        ("tfim", "circuit"),
        "vqe-noise",
        {"qubits": 4, "layers": 4},
    ),
)


def study(name: str) -> CircuitStudy:
    """Return a study by its name; raise ValueError if there is none."""
    return {s.name: s for s in STUDIES}[_checks.choice("study", name, [s.name for s in STUDIES])]
