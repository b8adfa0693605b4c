"""Intervals of means and of relative changes over seeds, by the studentized bootstrap.

Pure functions of arrays; a tensor of any device will do.  All of them rest on one interval, of a ratio of two
means over the same seeds (`qbp.statistics._studentized`); a mean is the ratio to ones.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from qbp import _checks
from qbp._arguments import takes
from qbp.statistics._studentized import mean_ends, ratio_ends

if TYPE_CHECKING:
    from qbp.experiments.result import Result

RESAMPLES = 9999
BAND_RESAMPLES = 1999  # at each record of a curve


@dataclass(frozen=True)
class Interval:
    """A mean over n seeds and its interval; low and high are NaN when n is 1.

    Example:
        >>> f"{Interval(0.5, 0.25, 0.75, 20):.2f}"
        '0.50 [0.25, 0.75]'
    """

    mean: float
    low: float
    high: float
    n: int

    def __format__(self, spec: str) -> str:
        """Write "mean [low, high]", each as the format says; the mean alone where there is no interval."""
        mean, low, high = (format(value, spec) for value in (self.mean, self.low, self.high))
        return f"{mean} [{low}, {high}]" if np.isfinite(self.low) else mean


@dataclass(frozen=True)
class Paired(Interval):
    """Mean difference a - b over the same n seeds, its interval, and on how many of them a is below b."""

    wins: int


@takes(values="array ...")
def numbers(values: ArrayLike | Tensor) -> np.ndarray:
    """Return numbers, or those of a tensor on any device, as an array of float64 of the same shape.

    Example:
        >>> numbers(Tensor([1, 2]))
        array([1., 2.])
    """
    if isinstance(values, Tensor):
        values = values.detach().cpu().numpy()
    return np.asarray(values, dtype=float)


@takes(a="array n+", b="array n+")
def pairs(a: ArrayLike | Tensor, b: ArrayLike | Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return two arrays of one number per seed, float64, (n,) each.

    Raises:
        ValueError: they are not one-dimensional, empty, or of two lengths: no pairs.

    Example:
        >>> pairs([1], [2])
        (array([1.]), array([2.]))
    """
    return numbers(a), numbers(b)


@takes(values="array n+")
def bootstrap_interval(values: ArrayLike | Tensor, confidence: float = 0.95) -> Interval:
    """Return the mean of one value per seed and its interval by the studentized bootstrap (Hall 1988).

    At 95 % it held the mean of 2,000 simulated samples of 5, 10 and 20 values in these shares of cases:
    normal 0.96, 0.96, 0.96; exponential 0.97, 0.95, 0.96; lognormal of width 0.5 0.98, 0.96, 0.96, of width
    0.75 0.96, 0.93, 0.96, of width 1 0.96, 0.92, 0.93.  No interval tried holds the mean of wider ones: of
    width 2 this one did in 0.81, 0.81, 0.82.  The resamples are drawn from a fixed seed, so equal values give
    equal intervals.

    Args:
        values: one value per seed, (n,), finite.
        confidence: level of the interval, in (0, 1).

    Returns:
        The interval, in the unit of `values`; above 0 for a positive mean of values none of which is below
        0.

    Raises:
        ValueError: `values` is empty or not one-dimensional, or `confidence` is outside (0, 1).

    Example:
        >>> bootstrap_interval(np.array([2.0, 2.0, 2.0]))
        Interval(mean=2.0, low=2.0, high=2.0, n=3)
    """
    values = numbers(values)
    _checks.share("confidence", confidence)
    low, high = mean_ends(values[:, None], confidence, RESAMPLES)
    return Interval(float(values.mean()), float(low[0]), float(high[0]), len(values))


@takes()
def paired(a: "Result", b: "Result", metric: str) -> Paired:
    """Compare the final values of two methods seed by seed.

    Args:
        a, b: results over the same seeds.
        metric: name of a metric both have.

    Returns:
        The mean of a - b with its interval; for a loss, a win is a seed where `a` ends lower.

    Raises:
        ValueError: the seeds differ, or a metric is missing.
    """
    if a.config.run_seeds != b.config.run_seeds:
        raise ValueError(
            f"a and b must have the same seeds, got {a.config.run_seeds} and {b.config.run_seeds}"
        )
    return paired_difference(a.final(metric), b.final(metric))


@takes(a="array n+", b="array n+")
def paired_difference(a: np.ndarray, b: np.ndarray) -> Paired:
    """Compare two arrays of one value per seed, (n,) each, in the same order.

    Raises:
        ValueError: as for :func:`pairs`.

    Example:
        >>> paired_difference(np.array([1.0, 2.0]), np.array([2.0, 3.0]))
        Paired(mean=-1.0, low=-1.0, high=-1.0, n=2, wins=2)
    """
    a, b = pairs(a, b)
    found = bootstrap_interval(a - b)
    return Paired(found.mean, found.low, found.high, found.n, int((a < b).sum()))


@takes(a="array n+", b="array n+")
def relative_change(a: np.ndarray, b: np.ndarray) -> Interval:
    """Return the change of the mean, mean(a) / mean(b) - 1, with a paired 95 % interval over seeds by the
    studentized bootstrap (Hall 1988).

    It held the true change of 2,000 simulated samples of 5, 10 and 20 seeds in these shares of cases, the
    least over correlations of 0 to 0.99: normal 0.98, 0.97, 0.96; lognormal of width up to 0.75, the same in
    both, 0.96, 0.94, 0.95, of width 1 0.95, 0.94, 0.95; squared distances, for a variance, 0.94, 0.93, 0.94;
    lognormal of widths 0.1 and 0.5 0.97, 0.95, 0.95, of 0.3 and 0.75 0.94, 0.93, 0.94.  Where one method
    spreads much more than the other it holds less, and more than any other that was tried: widths 0.5 and 1
    0.92, 0.90, 0.91.  An end that is not determined within a factor of UNBOUNDED is -1 or infinite.

    Args:
        a, b: one value per seed, (n,) each, in the same order; from a mean(b) of 0 the change is infinite.

    Returns:
        Dimensionless; -0.25 says that a's mean is a quarter below b's.  Where mean(b) is below 0, as of an
        energy, the sign would say the contrary: compare errors, which are not.

    Raises:
        ValueError: as for :func:`pairs`.

    Example:
        >>> relative_change(np.array([1.0]), np.array([2.0])).mean
        -0.5
    """
    a, b = pairs(a, b)
    if np.array_equal(a, b):  # among them 0 and 0, as roughness may be
        end = 0.0 if len(a) > 1 else np.nan
        return Interval(0.0, end, end, len(a))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = float(a.mean() / b.mean() - 1)
    low, high = ratio_ends(a[:, None], b[:, None], 0.95, RESAMPLES)
    return Interval(ratio, float(low[0] - 1), float(high[0] - 1), len(a))


@takes(values="array runs+ records")
def band(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, low and high over seeds at each record: :func:`bootstrap_interval` at 95 %, from fewer
    resamples.

    Args:
        values: (runs, records).

    Returns:
        Three arrays (records,); low and high equal the mean when there is one run.
    """
    values = numbers(values)
    mean = values.mean(0)
    if len(values) == 1:
        return mean, mean.copy(), mean.copy()
    return mean, *mean_ends(values, 0.95, BAND_RESAMPLES)


@takes(values="array runs records+", step="array records")
def steps_to_target(values: np.ndarray, step: np.ndarray, target: float) -> np.ndarray:
    """Return the first recorded step at which each run is at or below a target, infinity where it never is.

    Args:
        values: (runs, records).
        step: recorded steps, (records,).
        target: in the unit of `values`.

    Example:
        >>> steps_to_target(np.array([[3.0, 1.0], [3.0, 2.0]]), np.array([0, 10]), 1.5)
        array([10., inf])
    """
    hit = numbers(values) <= target
    return np.where(hit.any(1), numbers(step)[hit.argmax(1)], np.inf)
