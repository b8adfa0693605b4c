"""Comparison of the remedies: what each one's error at the end is against that of random angles.

A cell is a task, a number of qubits and a level of shots.  In it all methods have the same seeds, tasks and
budget of evaluations, so errors are compared seed by seed, on a logarithmic scale.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qbp.experiments.settings import ALIASES
from qbp.remedies.tasks import TASKS
from qbp.results import store
from qbp.statistics.hypothesis_tests import holm, sign_flip_p
from qbp.statistics.intervals import Interval, bootstrap_interval, paired_difference
from qbp.studies.remedies.grid import PIECES, STUDY

if TYPE_CHECKING:
    from qbp.experiments.result import Result

LEVEL = 0.05  # of a family of comparisons
SOLVED = 1e-8  # errors below are equal: both found the state
FAILED = 1e6  # the error of a run that diverged
BASELINE = "random"
NAMES = {method: name for name, method in ALIASES.items()}  # as the command line shows them


@dataclass(frozen=True)
class Cell:
    """What the methods did on one task, size and level of shots.

    Attributes:
        task: of ``qbp.remedies.tasks.TASKS``.
        qubits: number of qubits, and of layers.
        level: of ``qbp.studies.remedies.grid.LEVELS``.
        tables: the tables that it is read from.
        errors: {method: error of each run at the end of the budget, (n,)}; those of runs that diverged are
            ``FAILED``, none is below ``SOLVED``.
        gradients: {method: root mean square of the task's gradient where training begins, (n,)}.
    """

    task: str
    qubits: int
    level: str
    tables: tuple[str, ...]
    errors: Mapping[str, np.ndarray]
    gradients: Mapping[str, np.ndarray]

    @property
    def title(self) -> str:
        """The cell in words."""
        shots = "exact values" if self.level == "exact" else f"{self.level} shots"
        return f"{self.task}, {self.qubits} qubits, {shots}"

    @property
    def medians(self) -> dict[str, float]:
        """The median error of each method, lowest first."""
        found = {method: float(np.median(error)) for method, error in self.errors.items()}
        return dict(sorted(found.items(), key=lambda row: row[1]))


@dataclass(frozen=True)
class Row:
    """A method against random angles in one cell.

    Attributes:
        cell: where.
        method: its name on the command line.
        median: of its error.
        factor: its error over that of random angles, geometric mean over seeds with its interval.
        p: two-sided, signs flipped, corrected by Holm for all rows of the table.
        verdict: "lower", "higher" or "not told apart".
    """

    cell: Cell
    method: str
    median: float
    factor: Interval
    p: float
    verdict: str


def cells(directory: Path = store.DIRECTORY, tasks: Sequence[str] = tuple(TASKS)) -> list[Cell]:
    """Return the cells of which every piece is committed, in the order of the grid.

    Args:
        directory: the results folder.
        tasks: of ``qbp.remedies.tasks.TASKS``; cells of others are not read.
    """
    there = store.manifest(directory)
    groups: dict[tuple[str, int, str], list[str]] = {}
    for name, piece in PIECES.items():
        if piece.task not in tasks:
            continue
        groups.setdefault((piece.task, piece.qubits, piece.level), []).append(name)
    whole = {key: names for key, names in groups.items() if all(name in there for name in names)}
    return [_cell(key, names, directory) for key, names in whole.items()]


def _cell(key: tuple[str, int, str], names: Sequence[str], directory: Path) -> Cell:
    found: dict[str, Result] = {}
    for name in names:
        found |= STUDY.load(name.removeprefix("remedies-"), directory)
    results = {NAMES.get(method, method): result for method, result in found.items()}
    errors = {method: final_errors(result) for method, result in results.items()}
    gradients = {method: result.history["task_grad_rms"][:, 0] for method, result in results.items()}
    return Cell(*key, tuple(names), errors, gradients)


def final_errors(result: "Result") -> np.ndarray:
    """Return the error of each run at the end, (n,), within [``SOLVED``, ``FAILED``]."""
    error = np.where(result.diverged, FAILED, result.final("error"))
    return np.clip(np.where(np.isfinite(error), error, FAILED), SOLVED, FAILED)


def compared(found: Sequence[Cell], baseline: str = BASELINE) -> list[Row]:
    """Return a row for each method but the baseline in each cell, corrected by Holm over all of them.

    Args:
        found: as of :func:`cells`.
        baseline: a method that each cell has.

    Raises:
        ValueError: a cell has no such method.
    """
    for cell in found:
        if baseline not in cell.errors:
            raise ValueError(f"baseline must be a method of {cell.title}, got {baseline!r}")
    pairs = [(cell, method) for cell in found for method in cell.errors if method != baseline]
    logs = [(np.log(cell.errors[method]), np.log(cell.errors[baseline])) for cell, method in pairs]
    p_values = holm([sign_flip_p(a - b) for a, b in logs]) if pairs else ()
    rows = []
    for (cell, method), (a, b), p in zip(pairs, logs, p_values, strict=True):
        change = paired_difference(a, b)
        mean, low, high = np.exp([change.mean, change.low, change.high]).tolist()
        factor = Interval(mean, low, high, change.n)
        verdict = "not told apart" if not p <= LEVEL else "lower" if change.mean < 0 else "higher"
        rows.append(Row(cell, method, float(np.median(cell.errors[method])), factor, float(p), verdict))
    return rows


def start_against_end(cell: Cell) -> Interval:
    """Return Spearman's correlation, over methods, of the gradient at the start with the error at the end.

    It is taken for each seed, since seeds have tasks of their own, and averaged; the interval is that of the
    mean over seeds.  Below zero: a larger gradient went with a smaller error.  A seed on which all gradients
    or all errors are equal has none and is left out.

    Args:
        cell: with three methods or more.

    Raises:
        ValueError: it has fewer methods, or no seed has a correlation.
    """
    from scipy.stats import rankdata

    methods = list(cell.errors)
    if len(methods) < 3:
        raise ValueError(f"cell must have three methods or more, got {len(methods)}")
    ranks = [
        rankdata(np.stack([of[method] for method in methods]), axis=0).T
        for of in (cell.gradients, cell.errors)
    ]
    x, y = (rank - rank.mean(1, keepdims=True) for rank in ranks)
    spread = np.sqrt((x**2).sum(1) * (y**2).sum(1))
    if not (spread > 0).any():
        raise ValueError("cell must have a seed on which methods differ, got none")
    return bootstrap_interval((x * y).sum(1)[spread > 0] / spread[spread > 0])


def best_and_alike(cell: Cell) -> tuple[str, tuple[str, ...]]:
    """Return the method with the lowest median error, and those that cannot be told from it, best first.

    The differences of their logarithms of errors are tested by flipping signs, corrected by Holm over the
    methods of the cell.
    """
    best, *others = cell.medians
    if not others:
        return best, ()
    p = holm([sign_flip_p(np.log(cell.errors[m]) - np.log(cell.errors[best])) for m in others])
    return best, tuple(m for m, value in zip(others, p, strict=True) if not value <= LEVEL)
