"""Rule for the step sizes of the remedies, from the table that is computed on seeds of its own.

For each remedy, exact values and shots apart: the candidates are ranked on each task by the median error at
the end; the one with the lowest mean rank is taken, the larger one of equals.
"""

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qbp.remedies.rates import CANDIDATES
from qbp.results import store
from qbp.studies.remedies.grid import RATES

if TYPE_CHECKING:
    from qbp.experiments.result import Result


def chosen(directory: Path = store.DIRECTORY) -> dict[str, tuple[float, float]]:
    """Return {method: (step size with exact values, with shots)}, by the rule.

    Args:
        directory: holds the tables `remedies-rates-TASK`.

    Raises:
        ValueError: the table is not there.
    """
    ranks: dict[tuple[str, bool], list[np.ndarray]] = defaultdict(list)
    for task in RATES.tasks:
        medians: dict[tuple[str, bool], dict[float, float]] = defaultdict(dict)
        for result in RATES.load(task, directory).values():
            c = result.config
            medians[c.method, c.shots is not None][c.algorithm.eta] = median_error(result)
        for key, by_rate in medians.items():
            ranks[key].append(rank([by_rate[eta] for eta in CANDIDATES]))
    best = {key: CANDIDATES[best_of(np.mean(rows, axis=0))] for key, rows in ranks.items()}
    return {method: (best[method, False], best[method, True]) for method, shots in best if not shots}


def median_error(result: "Result") -> float:
    """Return the median error at the end, infinity for more than half of the runs diverged."""
    return float(np.median(np.where(result.diverged, np.inf, result.final("error"))))


def rank(values: list[float]) -> np.ndarray:
    """Return ranks from 1, the mean one of equals.

    Example:
        >>> rank([0.5, 0.1, 0.5]).tolist()
        [2.5, 1.0, 2.5]
    """
    v = np.asarray(values)
    return (v[:, None] > v).sum(1) + ((v[:, None] == v).sum(1) + 1) / 2


def best_of(means: np.ndarray) -> int:
    """Return the place of the lowest mean rank, the last one of equals: step sizes ascend."""
    return int(np.flatnonzero(means == means.min())[-1])
