"""Variance of an effect that was measured on several data sets with several starts each: how much of it each
of the two makes, and an interval that covers both.  Pure functions of arrays.
"""

from dataclasses import dataclass

import numpy as np

from qbp import _checks
from qbp._arguments import takes
from qbp.statistics.intervals import Interval, numbers


@dataclass(frozen=True)
class Crossed(Interval):
    """A mean over data sets and starts, its interval over both, and components of the variance.

    Attributes:
        n: number of data sets.
        starts: number of starts on each.
        of_data, of_start, of_both: variances of one value in the square of its unit: from data set to data
            set, from start to start, and what neither explains alone.
    """

    starts: int = 0
    of_data: float = np.nan
    of_start: float = np.nan
    of_both: float = np.nan

    @property
    def shares(self) -> tuple[float, float, float]:
        """The components as shares of their sum; NaN where nothing varies."""
        whole = self.of_data + self.of_start + self.of_both
        if not whole > 0:
            return np.nan, np.nan, np.nan
        return self.of_data / whole, self.of_start / whole, self.of_both / whole


@takes(values="array data starts")
def crossed(values: np.ndarray, confidence: float = 0.95) -> Crossed:
    """Part the variance of values on crossed data sets and starts, both taken as drawn at random.

    The components are those of the two-way analysis of variance with one value in a cell, none below 0.  The
    interval of the mean is Student's, with the degrees of freedom of Satterthwaite (1946), at least one.

    Args:
        values: an effect, such as the logarithm of a ratio of losses, (data sets, starts), finite, two or
            more of each.
        confidence: level of the interval, in (0, 1).

    Returns:
        The mean over all, in the unit of `values`.

    Raises:
        ValueError: another shape, or `confidence` is outside (0, 1).

    Example:
        >>> found = crossed(np.array([[1.0, 1.0], [3.0, 3.0]]))  # the data alone make a difference
        >>> found.mean, found.of_data, found.of_start, found.shares
        (2.0, 2.0, 0.0, (1.0, 0.0, 0.0))
    """
    from scipy.stats import t  # slow to import, so not with the package

    _checks.share("confidence", confidence)
    values = numbers(values)
    data, starts = values.shape
    if data < 2 or starts < 2:
        raise ValueError(f"values must have two data sets and two starts or more, got {values.shape}")
    rows, columns, mean = values.mean(1), values.mean(0), float(values.mean())
    rest = values - rows[:, None] - columns + mean
    freedom = np.array([data - 1, starts - 1, (data - 1) * (starts - 1)])
    squares = np.array([starts * rows.var(ddof=1), data * columns.var(ddof=1), (rest**2).sum() / freedom[2]])
    of_data = max(0.0, float(squares[0] - squares[2]) / starts)
    of_start = max(0.0, float(squares[1] - squares[2]) / data)
    by_data, by_start = float(of_data > 0), float(of_start > 0)
    signs = np.array([by_data, by_start, 1 - by_data - by_start])  # in the variance of the mean
    spread = float(signs @ squares) / values.size
    if spread == 0:
        return Crossed(mean, mean, mean, data, starts, of_data, of_start, float(squares[2]))
    with np.errstate(divide="ignore"):
        df = max(1.0, (spread * values.size) ** 2 / float(((signs * squares) ** 2 / freedom).sum()))
    reach = float(t.ppf((1 + confidence) / 2, df)) * spread**0.5
    return Crossed(mean, mean - reach, mean + reach, data, starts, of_data, of_start, float(squares[2]))
