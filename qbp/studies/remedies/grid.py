"""Grid of the remedies: every method on every task and shot level, in pieces of at most an hour.

A piece is a table.  On six qubits all methods meet six tasks, exactly and with 10, 100 and 1,000 shots; on
ten and sixteen some do.  Hamiltonians stand in a random local Clifford frame, so that no start is flattered.
"""

from collections.abc import Iterator
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
        task: of ``qbp.remedies.tasks.TASKS``.
        level: of ``LEVELS``.
        qubits: number of qubits, and of layers.
        methods: names; empty for all there are.
        part: (k, m): every m-th method from the k-th on.
    """

    task: str
    level: str
    qubits: int = 6
    methods: tuple[str, ...] = ()
    part: tuple[int, int] = (0, 1)

    @property
    def chosen(self) -> tuple[str, ...]:
        """Names of its methods."""
        first, every = self.part
        return (self.methods or tuple(remedies()))[first::every]

    def configs(self) -> dict[str, RemedyExperiment]:
        """Return {method: configuration}."""
        shots = LEVELS[self.level]
        return {method: experiment(self.task, method, shots, self.qubits) for method in self.chosen}


def experiment(task: str, method: str, shots: int | None, qubits: int = 6, **more: Any) -> RemedyExperiment:
    """Return the configuration of a cell of the grid, with as many layers as qubits.

    The molecule, with its many settings, has a third of the usual budget.
    """
    options: dict[str, Any] = {"qubits": qubits, "layers": qubits, "device": "cpu"}
    options |= {"frame": "clifford" if task in HAMILTONIANS else "plain"}
    options |= {"steps": 100, "record_every": 5} if task == "molecule" else {}
    return RemedyExperiment(method=method, hamiltonian=task, shots=shots, **{**options, **more})


def _pieces() -> Iterator[Piece]:
    for task in TASKS:
        for level, shots in LEVELS.items():
            parts = 2 if task == "molecule" and shots else 1
            yield from (Piece(task, level, part=(k, parts)) for k in range(parts))
    for task in ("tfim", "heisenberg", "regular"):
        yield Piece(task, "exact", 10, SELECTED)
        yield from (Piece(task, "100", 10, SELECTED, (k, 3)) for k in range(3))
    for task in ("tfim", "regular"):
        yield from (Piece(task, "exact", 16, SELECTED, (k, 2)) for k in range(2))


def _named(piece: Piece) -> str:
    size = f"-{piece.qubits}q" if piece.qubits != 6 else ""
    part = f"-part-{piece.part[0] + 1}" if piece.part[1] > 1 else ""
    return f"remedies-{piece.task}-{piece.level}{size}{part}"


PIECES: dict[str, Piece] = {_named(piece): piece for piece in _pieces()}


@dataclass(frozen=True)
class RemedyStudy(Study):
    """The pieces of the grid; a method more is a row more in each that takes all."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of the pieces, without "remedies-"."""
        return tuple(name.removeprefix("remedies-") for name in PIECES)

    def configs(self, task: str) -> dict[str, RemedyExperiment]:
        """Return {method: configuration} of a piece."""
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
        """Return the table of its task."""
        return f"remedies-rates-{config.hamiltonian}"


STUDY = RemedyStudy("remedies", "What helps, on one budget of shots?")
RATES = RateStudy("remedies-rates", "Which step size does each remedy take?")
TABLES = {name: Table("abstract, V: what helps", {}, KEPT, "remedies") for name in PIECES}
TABLES |= {f"remedies-rates-{task}": Table("V: step sizes", {}, ("error",), "remedies") for task in TUNED_ON}


def _has(piece: Piece, config: RemedyExperiment) -> bool:
    cell = config.hamiltonian, config.qubits, config.shots
    return cell == (piece.task, piece.qubits, LEVELS[piece.level]) and config.method in piece.chosen
