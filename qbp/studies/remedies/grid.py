"""Grid of the remedies: every method on every task and shot level, in pieces of at most an hour.

A piece is a table.  On six qubits all methods meet six tasks, exactly and with 10, 100 and 1,000 shots; on
ten and sixteen some do.  Hamiltonians stand in a random local Clifford frame, so that no start is flattered.
"""

from dataclasses import dataclass
from typing import Any

from qbp import _checks
from qbp.experiments.remedies.configuration import RemedyExperiment
from qbp.remedies.rates import CANDIDATES
from qbp.remedies.registry import remedies
from qbp.remedies.tasks import HAMILTONIANS, TASKS
from qbp.results.table import Table
from qbp.studies.study import Study

LEVELS: dict[str, int | None] = {"exact": None, "10": 10, "100": 100, "1000": 1000}
KEPT = ("error", "task_grad_rms")
SELECTED = (
    "no-init",
    "small-angle",
    "identity",
    "warm",
    "layerwise",
    "two-stage",
)  # on ten and sixteen qubits
TUNED_ON = ("tfim", "regular", "circuit")
TUNING_SEED, TUNING_SEEDS = 2000, 10  # of the rule for step sizes; no other result uses them


@dataclass(frozen=True)
class Piece:
    """Part of the grid that is computed and committed at once.

    Attributes:
        task: of :data:`qbp.remedies.tasks.TASKS`.
        levels: of :data:`LEVELS`.
        qubits: number of qubits, and of layers.
        methods: names; empty for all there are.
        part: (k, m): every m-th method from the k-th on; an hour holds no more.
    """

    task: str
    levels: tuple[str, ...] = tuple(LEVELS)
    qubits: int = 6
    methods: tuple[str, ...] = ()
    part: tuple[int, int] = (0, 1)

    def configs(self) -> dict[str, RemedyExperiment]:
        """Return {label: configuration}."""
        first, every = self.part
        methods = (self.methods or tuple(remedies()))[first::every]
        return {
            f"{method}, {level}": experiment(self.task, method, LEVELS[level], self.qubits)
            for level in self.levels
            for method in methods
        }


def experiment(task: str, method: str, shots: int | None, qubits: int = 6, **more: Any) -> RemedyExperiment:
    """Return the configuration of a cell of the grid, as many layers as qubits."""
    frame = "clifford" if task in HAMILTONIANS else "plain"
    options = {"frame": frame, "qubits": qubits, "layers": qubits, "device": "cpu", **more}
    return RemedyExperiment(method=method, hamiltonian=task, shots=shots, **options)


PIECES: dict[str, Piece] = {f"remedies-{task}": Piece(task) for task in TASKS}
PIECES |= {f"remedies-10-{t}": Piece(t, ("exact",), 10, SELECTED) for t in ("tfim", "heisenberg", "regular")}
PIECES |= {
    f"remedies-10-{t}-shots-{k + 1}": Piece(t, ("100",), 10, SELECTED, (k, 2))
    for t in ("tfim", "heisenberg", "regular")
    for k in range(2)
}
PIECES |= {f"remedies-16-{t}": Piece(t, ("exact",), 16, SELECTED) for t in ("tfim", "regular")}


@dataclass(frozen=True)
class RemedyStudy(Study):
    """The pieces of the grid; a method more is a row more in each that takes all."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of the pieces, without "remedies-"."""
        return tuple(name.removeprefix("remedies-") for name in PIECES)

    def configs(self, task: str) -> dict[str, RemedyExperiment]:
        """Return {"method, level": configuration} of a piece."""
        return PIECES[f"remedies-{_checks.choice('task', task, self.tasks)}"].configs()

    def home(self, config: RemedyExperiment) -> str:
        """Return the piece that has a configuration."""
        return next(name for name, piece in PIECES.items() if _has(piece, config))


@dataclass(frozen=True)
class RateStudy(Study):
    """The step sizes that the rule chooses from (:mod:`qbp.studies.remedies.rates`)."""

    tasks = TUNED_ON

    def configs(self, task: str) -> dict[str, RemedyExperiment]:
        """Return {"method, level, eta": configuration} of a task, of the methods that have a step size."""
        _checks.choice("task", task, self.tasks)
        more: dict[str, Any] = {"seed": TUNING_SEED, "seeds": TUNING_SEEDS, "record_every": 300}
        return {
            f"{name}, {level}, {eta:g}": experiment(task, name, LEVELS[level], algorithm={"eta": eta}, **more)
            for name, remedy in remedies().items()
            if remedy.rated
            for level in ("exact", "100")
            for eta in CANDIDATES
        }

    def home(self, config: RemedyExperiment) -> str:
        """Return `remedies-rates`."""
        return "remedies-rates"


STUDY = RemedyStudy("remedies", "What helps, on one budget of shots?")
RATES = RateStudy("remedies-rates", "Which step size does each remedy take?")
TABLES = {name: Table("abstract, V: what helps", {}, KEPT, "remedies") for name in PIECES}
TABLES["remedies-rates"] = Table("abstract, V: step sizes", {}, ("error",), "remedies")


def _has(piece: Piece, config: RemedyExperiment) -> bool:
    first, every = piece.part
    methods = (piece.methods or tuple(remedies()))[first::every]
    shots = {LEVELS[level] for level in piece.levels}
    return (
        piece.task == config.hamiltonian
        and piece.qubits == config.qubits
        and config.method in methods
        and config.shots in shots
    )
