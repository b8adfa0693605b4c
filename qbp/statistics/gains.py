"""Costs and gains of training a circuit: errors at equal cost, cost to a target, success.  Pure functions.

A result is one of :mod:`qbp.experiments.circuits`, with `error` and `evaluations` at every record.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from qbp import _checks
from qbp._arguments import takes
from qbp.statistics.curves import common_target
from qbp.statistics.hypothesis_tests import Comparison, compare_pairs
from qbp.statistics.intervals import numbers

if TYPE_CHECKING:
    import pandas as pd

    from qbp.experiments.result import Result

SUCCESS = 0.01  # of the distance from the mean random start to the lowest value: a run that is left this far


@takes()
def errors(result: "Result") -> np.ndarray:
    """Return the error of each run at each record, (runs, records), 0 where rounding has put it below."""
    return np.maximum(result.history["error"], 0)


@takes()
def evaluations_to(result: "Result", target: float | np.ndarray) -> np.ndarray:
    """Return the evaluations of each run at its first record with an error at or below a target.

    Args:
        result: its history has `error` and `evaluations`.
        target: in the unit of the error, one for all runs or one for each, (runs,).

    Returns:
        (runs,); infinity where it never is.
    """
    hit = result.history["error"] <= _of_runs("target", target, result)
    first = np.take_along_axis(result.history["evaluations"], hit.argmax(1)[:, None], axis=1)[:, 0]
    return np.where(hit.any(1), first, np.inf)


@takes()
def error_within(result: "Result", budget: float | np.ndarray) -> np.ndarray:
    """Return the error of each run at its last record with at most so many evaluations, (runs,).

    Args:
        result: as for :func:`evaluations_to`.
        budget: evaluations, one for all runs or one for each, (runs,), at least 0.
    """
    inside = result.history["evaluations"] <= _of_runs("budget", budget, result)
    last = inside.sum(1)[:, None] - 1  # evaluations never fall
    return np.take_along_axis(errors(result), last, axis=1)[:, 0]


def _of_runs(name: str, value: float | np.ndarray, result: "Result") -> np.ndarray:
    """Return one number, or one for each run, as a column, (runs, 1)."""
    found, runs = numbers(value), len(result.diverged)
    if found.shape not in ((), (runs,)):
        raise ValueError(f"{name} must be one number, or one for each of {runs} runs, got {found.shape}")
    return np.broadcast_to(found, runs)[:, None]


@takes()
def successes(result: "Result") -> np.ndarray:
    """Return which runs end within SUCCESS of the mean error at the start, boolean, (runs,): 99 % of the way.

    The mean is over the runs of this result, so that a lucky start makes no success harder.
    """
    error = result.history["error"]
    return error[:, -1] <= SUCCESS * error[:, 0].mean()


@dataclass(frozen=True)
class Gain:
    """Stage 1 against none on one task.

    Attributes:
        task: name of the task.
        label: row that has Stage 1.
        steps: change of the mean error at equal steps, from the row without.
        cost: the same at equal evaluations: those that the row with Stage 1 has in the end, where there is a
            longer run of the task alone; else those of the task alone, where the row with Stage 1 is cut
            short.
        to_target: change of the mean of the evaluations to the lowest error that every run of both reaches.
        information: mean of what the targets b_i know, in [0, 1].
        errors: mean error of the row without and of the row with Stage 1, after the last step.
        success: how many runs succeed without and with Stage 1.
    """

    task: str
    label: str
    steps: Comparison
    cost: Comparison
    to_target: Comparison
    information: float
    errors: tuple[float, float]
    success: tuple[int, int]


@takes()
def gain(task: str, label: str, ours: "Result", others: "Result", longer: "Result | None" = None) -> Gain:
    """Compare a row with Stage 1 and the task alone, seed by seed.

    Args:
        task, label: names.
        ours, others: results on the same seeds and steps.
        longer: the task alone with more steps, from which equal cost is read; default `others`, and then the
            cost that both have spent.
    """
    alone = others if longer is None else longer
    budget = np.minimum(ours.final("evaluations"), alone.final("evaluations"))
    target = common_target(ours.history["error"], others.history["error"])
    return Gain(
        task,
        label,
        compare_pairs(errors(ours)[:, -1], errors(others)[:, -1]),
        compare_pairs(error_within(ours, budget), error_within(alone, budget)),
        compare_pairs(evaluations_to(ours, target), evaluations_to(others, target)),
        float(ours.history["target_information"].mean()),
        (float(others.final("error").mean()), float(ours.final("error").mean())),
        (int(successes(others).sum()), int(successes(ours).sum())),
    )


@takes()
def factor_words(low: float, factor: float, high: float, digits: int = 2) -> str:
    """Return a factor with its interval, so many digits each, for tables and prose.

    Example:
        >>> factor_words(0.123, 1234.5, 56789.0)
        '1,200 [0.12, 57,000]'
    """
    _checks.integer("digits", digits)
    rounded = [float(f"{x:.{digits}g}") for x in (low, factor, high)]
    texts = [f"{x:,.{0 if x >= 10 ** (digits - 1) else 4}f}" for x in rounded]
    low_, factor_, high_ = (text.rstrip("0").rstrip(".") if "." in text else text for text in texts)
    return f"{factor_} [{low_}, {high_}]"


@takes()
def factor_of(change: Comparison) -> str:
    """Write a relative change with its interval, where it has one, as a factor: 1 + change.

    Three digits: an interval that ends close to 1 shows on which side.
    """
    if not np.isfinite(change.low):
        factor = 1 + change.mean
        return factor_words(factor, factor, factor, digits=3).partition(" ")[0]
    return factor_words(1 + change.low, 1 + change.mean, 1 + change.high, digits=3)


COLUMNS: dict[str, Callable[[Gain], Any]] = {
    "n": lambda g: g.steps.n,
    "error without": lambda g: f"{g.errors[0]:.2g}",
    "with": lambda g: f"{g.errors[1]:.2g}",
    "equal steps": lambda g: factor_of(g.steps),
    "equal evaluations": lambda g: factor_of(g.cost),
    "equal evaluations, cut short": lambda g: factor_of(g.cost),
    "evaluations to a target": lambda g: factor_of(g.to_target),
    "success": lambda g: f"{g.success[0]} / {g.success[1]}",
}
EXACT = ("equal evaluations",)  # there is a longer run of the task alone
CUT = ("equal evaluations, cut short",)


@takes()
def table(
    gains: Mapping[tuple[Any, ...], Gain], names: tuple[str, ...], columns: tuple[str, ...] = EXACT
) -> "pd.DataFrame":
    """Return gains as a table: runs, mean errors without and with Stage 1, factors, success without / with.

    Args:
        gains: {(task, what is varied): gain}.
        names: of the levels of the keys.
        columns: how equal cost is read, EXACT or CUT.
    """
    import pandas as pd

    left_out = set(EXACT + CUT) - set(columns)
    rows = {
        key: {head: of(one) for head, of in COLUMNS.items() if head not in left_out}
        for key, one in gains.items()
    }
    index = pd.MultiIndex.from_tuples(rows, names=names)
    return pd.DataFrame(list(rows.values()), index if len(names) > 1 else index.get_level_values(0))


@takes()
def gains(task: str, results: Mapping[str, "Result"]) -> list[Gain]:
    """Return every row with Stage 1 of study "methods" against no-init, {label: Result} as it is loaded."""
    if "no-init" not in results:
        raise ValueError(f"results must have a row 'no-init', got {', '.join(results) or 'none'}")
    others, longer = results["no-init"], results.get("no-init, longer")
    rows = [label for label in results if label not in ("no-init", "no-init, longer")]
    return [gain(task, label, results[label], others, longer) for label in rows]
