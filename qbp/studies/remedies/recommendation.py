"""Recommendation for a task: the remedies that ended lowest on the nearest rows, and what that rests on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qbp import _checks
from qbp.remedies.tasks import TASKS
from qbp.results import store
from qbp.studies.remedies.comparison import LEVEL, best_and_alike, cells
from qbp.studies.remedies.grid import LEVELS, PIECES


@dataclass(frozen=True)
class Recommendation:
    """What to use, and why.

    Attributes:
        asked: the task, qubits and shots that were asked for.
        best: the method with the lowest median error; None without a table.
        alike: methods whose errors cannot be told from the best one's on these seeds, best first.
        median: {method: median error}, ascending.
        rests_on: the table and its row, in words.
    """

    asked: Mapping[str, Any]
    best: str | None
    alike: tuple[str, ...]
    median: Mapping[str, float]
    rests_on: str

    def json(self) -> dict[str, Any]:
        """Return it as `qbp recommend --json` prints it."""
        return {**asdict(self), "asked": dict(self.asked), "median": dict(self.median)}

    def __str__(self) -> str:
        if self.best is None:
            return self.rests_on
        others = f"; not told apart from it: {', '.join(self.alike)}" if self.alike else ""
        rows = "\n".join(f"{name:<18}{value:.3g}" for name, value in self.median.items())
        return f"use {self.best}{others}\n{self.rests_on}\n{'method':<18}median error\n{rows}"


def recommend(
    hamiltonian: str, qubits: int, shots: int | None, directory: Path = store.DIRECTORY
) -> Recommendation:
    """Return the remedies that ended lowest on the rows nearest to a task.

    Args:
        hamiltonian: of ``qbp.remedies.tasks.TASKS``.
        qubits: number of qubits; the nearest size that was computed for the task is read.
        shots: measurements per circuit and setting, None for exact values; the nearest level is read, by
            ratio.
        directory: the results folder.

    Raises:
        ValueError: an argument is none of these.
    """
    _checks.choice("hamiltonian", hamiltonian, TASKS)
    qubits = _checks.integer("qubits", qubits, 2)
    shots = None if shots is None else _checks.integer("shots", shots)
    asked = {"hamiltonian": hamiltonian, "qubits": qubits, "shots": shots}
    found = [cell for cell in cells(directory, (hamiltonian,)) if _fits(cell.level, shots)]
    if not found:
        kind = "exact values" if shots is None else "shots"
        name = next(n for n, p in PIECES.items() if p.task == hamiltonian and _fits(p.level, shots))
        said = f"no committed table has {hamiltonian} with {kind} yet: run `qbp grid {name}`"
        return Recommendation(asked, None, (), {}, said)
    cell = min(found, key=lambda c: (abs(c.qubits - qubits), _apart(LEVELS[c.level], shots)))
    best, alike = best_and_alike(cell)
    median, n = cell.medians, len(cell.errors[best])
    said = (
        f"{', '.join(cell.tables)}: {cell.title}, {cell.qubits} layers, {n} seeds, equal evaluations; "
        f"differences of log errors, signs flipped, Holm over {len(median) - 1} comparisons at {LEVEL:g}"
    )
    return Recommendation(asked, best, alike, median, said)


def _fits(level: str, shots: int | None) -> bool:
    return (LEVELS[level] is None) == (shots is None)


def _apart(level: int | None, shots: int | None) -> float:
    return 0.0 if level is None or shots is None else abs(float(np.log(level / shots)))
