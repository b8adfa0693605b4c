"""Bootstrap intervals and paired differences over seeds.

Pure functions of arrays; a tensor of any device will do.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from qbp import _checks
from qbp._arguments import takes

if TYPE_CHECKING:
    from qbp.experiments.result import Result

RESAMPLES = 9999


@dataclass(frozen=True)
class Interval:
    """A mean over n seeds and its bootstrap interval; low and high are NaN when n is 1.

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
    """Return the mean of one value per seed and its bias-corrected accelerated bootstrap interval (Efron
    1987).

    The resamples are drawn from a fixed seed, so equal values give equal intervals.  It holds the mean a
    little less often than stated: at 95 %, for about 93 of 100 samples of 20 normal values, 84 of 5.

    Args:
        values: one value per seed, (n,), finite.
        confidence: level of the interval, in (0, 1).

    Returns:
        The interval, in the unit of `values`.

    Raises:
        ValueError: `values` is empty or not one-dimensional, or `confidence` is outside (0, 1).

    Example:
        >>> bootstrap_interval(np.array([2.0, 2.0, 2.0]))
        Interval(mean=2.0, low=2.0, high=2.0, n=3)
    """
    values = numbers(values)
    _checks.share("confidence", confidence)
    mean, n = float(values.mean()), len(values)
    if n == 1 or not np.isfinite(values).all():
        return Interval(mean, np.nan, np.nan, n)
    if np.ptp(values) == 0:
        return Interval(mean, mean, mean, n)
    from scipy.stats import bootstrap  # slow to import, so not with the package

    shift, scale = (
        values.min(),
        np.ptp(values),
    )  # on [0, 1], so that no spread is too small for the cubes in BCa
    unit, rng = (values - shift) / scale, np.random.default_rng(0)
    found = bootstrap((unit,), np.mean, confidence_level=confidence, n_resamples=RESAMPLES, rng=rng)
    low, high = (float(shift + scale * end) for end in found.confidence_interval)
    return Interval(mean, low, high, n)


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
    """Return the change of the mean, mean(a) / mean(b) - 1, with a paired bootstrap interval over seeds.

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
        if len(a) == 1 or not (np.isfinite(a).all() and np.isfinite(b).all()):
            return Interval(ratio, np.nan, np.nan, len(a))
        pick = np.random.default_rng(0).integers(len(a), size=(RESAMPLES, len(a)))
        ratios = a[pick].mean(1) / b[pick].mean(1) - 1
    ratios = np.where(np.isnan(ratios), 0.0, ratios)  # 0 to 0 is no change
    how: Literal["linear", "inverted_cdf"] = "linear"
    if not np.isfinite(ratios).all():  # there is no mean of infinities
        how = "inverted_cdf"
    low, high = np.quantile(ratios, [0.025, 0.975], method=how)
    return Interval(ratio, float(low), float(high), len(a))


@takes(values="array runs+ records")
def band(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, low and high over seeds at each record: the 95 % percentile bootstrap of the mean.

    Args:
        values: (runs, records).

    Returns:
        Three arrays (records,); low and high equal the mean when there is one run.
    """
    values = numbers(values)
    pick = np.random.default_rng(0).integers(len(values), size=(999, len(values)))
    weights = np.stack([np.bincount(row, minlength=len(values)) for row in pick]) / len(values)
    low, high = np.quantile(weights @ values, [0.025, 0.975], axis=0)
    return values.mean(0), low, high


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
