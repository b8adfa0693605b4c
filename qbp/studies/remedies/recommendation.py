"""Recommendation for a task: the remedies that ended lowest on the nearest rows, and what that rests on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qbp import _checks
from qbp.experiments.settings import ALIASES
from qbp.remedies.tasks import TASKS
from qbp.results import store
from qbp.statistics.hypothesis_tests import holm, sign_flip_p
from qbp.studies.remedies.grid import LEVELS, PIECES, STUDY

if TYPE_CHECKING:
    from qbp.experiments.result import Result

LEVEL = 0.05  # of the family of comparisons with the best
NAMES = {method: name for name, method in ALIASES.items()}  # as the command line shows them


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
    there = store.manifest(directory)
    pieces = {n: p for n, p in PIECES.items() if p.task == hamiltonian and n in there}
    cells = {
        (p.qubits, p.level): [n for n, q in pieces.items() if (q.qubits, q.level) == (p.qubits, p.level)]
        for p in pieces.values()
        if _fits(p.level, shots)
    }
    if not cells:
        kind = "exact values" if shots is None else "shots"
        name = next(n for n, p in PIECES.items() if p.task == hamiltonian and _fits(p.level, shots))
        said = f"no committed table has {hamiltonian} with {kind} yet: run `qbp grid {name}`"
        return Recommendation(asked, None, (), {}, said)
    size, level = min(cells, key=lambda cell: (abs(cell[0] - qubits), _apart(LEVELS[cell[1]], shots)))
    found: dict[str, Result] = {}
    for name in cells[size, level]:
        found |= STUDY.load(name.removeprefix("remedies-"), directory)
    errors = {NAMES.get(m, m): np.where(r.diverged, np.inf, r.final("error")) for m, r in found.items()}
    median = dict(sorted(((m, float(np.median(e))) for m, e in errors.items()), key=lambda row: row[1]))
    best = next(iter(median))
    others = [m for m in median if m != best]
    p_values = [sign_flip_p(np.log(_positive(errors[m]) / _positive(errors[best]))) for m in others]
    alike = tuple(m for m, p in zip(others, holm(p_values), strict=True) if p > LEVEL) if others else ()
    n, config = len(errors[best]), next(iter(found.values())).config
    said = (
        f"{', '.join(cells[size, level])}: {hamiltonian}, {size} qubits, {config.layers} layers, "
        f"{'exact values' if level == 'exact' else f'{level} shots'}, {n} seeds, equal evaluations; "
        f"differences of log errors, signs flipped, Holm over {len(others)} comparisons at {LEVEL:g}"
    )
    return Recommendation(asked, best, alike, median, said)


def _positive(errors: np.ndarray) -> np.ndarray:
    """Return errors that a logarithm takes: rounding may leave one at or below zero."""
    return np.clip(np.where(np.isfinite(errors), errors, 1e6), 1e-15, None)


def _fits(level: str, shots: int | None) -> bool:
    return (LEVELS[level] is None) == (shots is None)


def _apart(level: int | None, shots: int | None) -> float:
    return 0.0 if level is None or shots is None else abs(float(np.log(level / shots)))
